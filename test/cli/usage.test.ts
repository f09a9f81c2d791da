import { cp, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageRoot, packageVersion } from '../../lib/packageRoot.js'
import { googlenet, jsonLines, remove, start, temporaryFolder } from './command.js'

const commands = [
  'train',
  'evaluate',
  'classify',
  'demo',
  'summary',
  'plan',
  'bench',
  'doctor',
  'inspect',
  'pack',
]

let folder = ''
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => remove(folder))

describe('help', () => {
  test('names every command and where to begin', async () => {
    const { code, stdout, stderr } = await googlenet(['--help'])
    expect(code).toBe(0)
    expect(stderr).toBe('')
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'))
    expect(stdout).toContain('Begin with:')
  })

  test.each(commands)('%s --help explains the command with an example', async (command) => {
    const { code, stdout } = await googlenet([command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Usage: googlenet /)
    expect(stdout).toMatch(new RegExp(`Examples:\\n  googlenet ${command}`))
  })

  test('without a command is help on standard error, and wrong usage', async () => {
    const { code, stdout, stderr } = await googlenet([])
    expect(code).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('Begin with:')
  })
})

test('--version is the package version', async () => {
  expect(await googlenet(['--version'])).toEqual({ code: 0, stdout: `${packageVersion}\n`, stderr: '' })
})

describe('wrong usage ends with 2 and one clear error', () => {
  test.each([
    [['trian'], "unknown command 'trian'"],
    [['train'], "missing required argument 'data'"],
    [['train', 'x', '--epochs', 'ten'], '--epochs must be a whole number from 1, found "ten"'],
    [['train', 'x', '--speed', '3'], "unknown option '--speed'"],
    [['train', 'x', '--schedule', 'steep'], 'Allowed choices are constant, step, linear, cosine, polynomial'],
    [['classify', 'model'], "missing required argument 'pictures'"],
    [['summary', '--image-size', '32'], '--image-size must be a whole number from 64, found 32'],
    [['summary', '--variant', 'vgg'], "variant must be one of 'seed', 'paper', 'torchvision', found \"vgg\""],
    [['plan', '--mode', 'think'], "--mode must be one of 'eval', 'train', found \"think\""],
    [['bench', '--precision', 'fp8'], '--precision must be one of'],
  ])('googlenet %j', async (args, says) => {
    const { code, stdout, stderr } = await googlenet(args)
    expect(stderr).toContain(says)
    expect(stderr).toMatch(/^error ERR_GOOGLENET_OPTION: /)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stdout).toBe('')
    expect(code).toBe(2)
  })
})

describe('failures end with 1, their code and no stack', () => {
  test.each([
    [['train', 'absent/'], 'ERR_GOOGLENET_DATA'],
    [['evaluate', 'absent.safetensors', 'absent/'], 'ERR_GOOGLENET_'],
    [['classify', 'absent.safetensors', 'a.jpg'], 'ERR_GOOGLENET_'],
    [['summary', 'absent.safetensors'], 'ERR_GOOGLENET_'],
    [['train', '.', '--resume', '--json'], 'ERR_GOOGLENET_'],
  ])('googlenet %j', async (args, errorCode) => {
    const { code, stdout, stderr } = await googlenet(args, { cwd: folder })
    expect(stderr).toMatch(new RegExp(`^error ${errorCode}`, 'm'))
    expect(stderr).toMatch(/absent|\./)
    expect(stderr).not.toMatch(/^\s+at /m)
    expect(stdout).toBe('')
    expect(code).toBe(1)
  })

  test('GOOGLENET_DEBUG=1 shows where they come from', async () => {
    const { stderr } = await googlenet(['train', 'absent/'], { cwd: folder, env: { GOOGLENET_DEBUG: '1' } })
    expect(stderr).toMatch(/^\s+at /m)
  })
})

describe('summary', () => {
  test('prints the figures of the paper-size network', async () => {
    const { code, stdout } = await googlenet(['summary'])
    expect(code).toBe(0)
    expect(stdout).toContain('13,295,854')
    expect(stdout).toContain('6,915,614')
  })

  test('takes options, and prints one JSON object', async () => {
    const ended = await googlenet(['summary', '--json', '--no-aux', '--classes', '10', '--image-size', '96'])
    const [summary, ...more] = jsonLines(ended)
    expect(more).toEqual([])
    expect(summary).toMatchObject({ variant: 'seed', classes: 10, input: [3, 96, 96] })
  })

  test('describes each variant', async () => {
    const { stdout } = await googlenet(['summary', '--variant', 'paper', '--no-aux'])
    expect(stdout).toMatch(/^stem_conv\.3 +lrn +64x56x56 /m)
    expect(stdout).toMatch(/^this network +6,998,552 /m)
    const other = await googlenet(['summary', '--variant', 'torchvision', '--no-aux', '--json'])
    expect(jsonLines(other)[0]).toMatchObject({ variant: 'torchvision', parameters: 6_624_904 })
  })
})

test('plan lists what runs, and its JSON is the plan itself', async () => {
  const args = ['plan', '--image-size', '64', '--classes', '10', '--batch', '2']
  const text = await googlenet(args)
  expect(text.code).toBe(0)
  expect(text.stdout).toMatch(/^step +operation/)
  expect(text.stdout).toContain('for a batch of 2, mode eval')
  const [plan] = jsonLines(await googlenet([...args, '--json'])) as { steps: unknown[]; arenaBytes: number }[]
  expect(plan!.steps.length).toBeGreaterThan(20)
  expect(plan!.arenaBytes).toBeGreaterThan(0)
})

test('plan shows the layers that other variants have', async () => {
  const args = ['plan', '--mode', 'train', '--variant']
  const paper = await googlenet([...args, 'paper', '--image-size', '64'])
  expect(paper.stdout).toMatch(/^\d+ +lrn backward +stem_conv\.8 /m)
  const torchvision = await googlenet([...args, 'torchvision'])
  expect(torchvision.stdout).toMatch(/^\d+ +average pool +aux_fc1\.conv\.0 +to 4x4 /m)
})

test('plan needs no device, and names the fields of each step', async () => {
  const args = ['plan', '--image-size', '64', '--device', 'cuda', '--precision', 'fp16', '--mode', 'train']
  expect((await googlenet(args)).stdout).toMatch(/convolution +stem_conv\.0 +7x7\/2 +input\[0:3\+5 of 8\]/)
  const [plan] = jsonLines(await googlenet([...args, '--json'])) as { steps: Record<string, unknown>[] }[]
  const convolution = plan!.steps.find(({ operation }) => operation === 'convolution')
  expect(convolution).toMatchObject({
    window: { kernel: 7, stride: 2 },
    input: { buffer: 'input', channels: 3, stride: 8, padding: 5 },
    statistics: { rows: 2, channels: 64 },
  })
  const { code, stderr } = await googlenet(['plan', '--precision', 'fp16'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('ERR_GOOGLENET_PRECISION')])
})

test('doctor says what is here, and that networks can run', async () => {
  const text = await googlenet(['doctor'])
  expect(text.stdout).toContain('oneDNN')
  expect(text.code).toBe(0)
  const [machine] = jsonLines(await googlenet(['doctor', '--json']))
  expect(machine).toMatchObject({
    addon: { loaded: true },
    package: { version: packageVersion },
    missing: [],
  })
})

describe('where the addon cannot be loaded', () => {
  beforeAll(async () => {
    for (const name of ['dist', 'package.json']) {
      await cp(join(packageRoot, name), join(folder, 'package', name), { recursive: true })
    }
    await symlink(join(packageRoot, 'node_modules'), join(folder, 'package/node_modules'))
  })
  const main = () => join(folder, 'package/dist/lib/cli/main.js')

  test('doctor says so, and what helps', async () => {
    const text = await googlenet(['doctor'], { main: main() })
    expect(text.code).toBe(1)
    expect(text.stdout).toMatch(/native addon +.*could not be loaded/)
    expect(text.stdout).toContain('npm run setup')
    const [machine] = jsonLines(await googlenet(['doctor', '--json'], { main: main() }))
    expect(machine).toMatchObject({ addon: { loaded: false }, missing: [{ command: 'npm run setup' }] })
  })

  test('other commands fail with a code; help and summary work', async () => {
    const failed = await googlenet(['plan'], { main: main() })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/^error ERR_GOOGLENET_BUILD: /)
    expect((await googlenet(['train', '--help'], { main: main() })).code).toBe(0)
    expect((await googlenet(['summary'], { main: main() })).code).toBe(0)
  })
})

test('bench measures each precision, work and batch asked for', async () => {
  const args = [
    'bench',
    '--batch-size',
    '1,2',
    '--precision',
    'fp32',
    '--image-size',
    '64',
    '--seconds',
    '0',
    '--json',
  ]
  const [result] = jsonLines(await googlenet(args)) as { measured: { imagesPerSecond: number }[] }[]
  expect(result!.measured).toHaveLength(4)
  for (const { imagesPerSecond } of result!.measured) expect(imagesPerSecond).toBeGreaterThan(0)
})

test('a reader that closes early is no failure', async () => {
  const running = start(['plan', '--image-size', '64', '--classes', '10', '--json'])
  running.child.stdout!.destroy()
  expect(await running.ended).toMatchObject({ code: 0, stderr: '' })
})
