import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { packageRoot } from '../../lib/packageRoot.js'

const changelog = '# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing that users see.\n'

const cudaPackage = 'packages/cuda-linux-x64/package.json'

let folder = ''
const run = async (program: string, ...args: string[]): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(program, args, { cwd: folder })
  return stdout + stderr
}
const release = (...args: string[]) => run('npm', 'run', 'release', '--', ...args)

/** The package's files that a release looks at, as the only commit of a repository without a remote. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'googlenet-release-'))
  const files = [
    'package.json',
    'package-lock.json',
    '.release-it.json',
    'scripts/set-version.mjs',
    cudaPackage,
  ]
  for (const name of files) await cp(join(packageRoot, name), join(folder, name))
  await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, '.gitignore'), 'node_modules\n')
  await writeFile(join(folder, 'CHANGELOG.md'), changelog)
  await run('git', 'init', '-q', '-b', 'main')
  await run('git', 'config', 'user.name', 'Releases')
  await run('git', 'config', 'user.email', 'releases@example.com')
  await run('git', 'add', '.')
  await run('git', 'commit', '-qm', 'All')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('a dry run shows the version, the changes and every step, and changes nothing', async () => {
  const output = await release('--dry-run')
  expect(output).toContain('0.0.0...0.1.0')
  expect(output).toContain('A thing that users see.')
  for (const step of ['npm test', 'node scripts/set-version.mjs 0.1.0', 'git commit', 'git tag']) {
    expect(output).toContain(`! ${step}`)
  }
  expect(await run('git', 'status', '--porcelain')).toBe('')
  expect(await run('git', 'tag')).toBe('')
})

test('a release dates the section of the changelog, sets the version, commits and tags; nothing leaves', async () => {
  await run('npm', 'pkg', 'set', 'scripts.test=true')
  await run('git', 'commit', '-qam', 'Tests that pass')
  await release('1.2.3')
  expect(await readFile(join(folder, 'CHANGELOG.md'), 'utf8')).toMatch(
    /^## \[Unreleased\]\n\n## \[1\.2\.3\] - \d{4}-\d\d-\d\d\n\n### Added$/m,
  )
  const read = async (name: string) => JSON.parse(await readFile(join(folder, name), 'utf8'))
  const main = await read('package.json')
  expect(main.version).toBe('1.2.3')
  expect(main.optionalDependencies['googlenet-cuda-linux-x64']).toBe('1.2.3')
  expect((await read(cudaPackage)).version).toBe('1.2.3')
  const lock = await read('package-lock.json')
  expect(lock.packages[''].version).toBe('1.2.3')
  expect(lock.packages['packages/cuda-linux-x64'].version).toBe('1.2.3')
  expect((await run('git', 'tag', '--points-at', 'HEAD')).trim()).toBe('v1.2.3')
  expect(await run('git', 'status', '--porcelain')).toBe('')
})

test('a tree with changes, and tests that fail, are no release', async () => {
  await run('npm', 'pkg', 'set', 'scripts.test=true')
  await expect(release('minor')).rejects.toThrow('Working dir must be clean')
  await run('npm', 'pkg', 'set', 'scripts.test=echo they failed; false')
  await run('git', 'commit', '-qam', 'Tests that fail')
  await expect(release('minor')).rejects.toThrow('they failed')
  expect(await run('git', 'tag')).toBe('')
})
