#!/usr/bin/env node
/**
 * What prebuildify runs in place of node-gyp, with arguments that CMake has no use for. Its folder is the working
 * directory; from there it takes build/Release: the addon, and beside it the shared libraries that it needs.
 */
import { copyFileSync, mkdirSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { bundledLibraries, run } from '../binaries.mjs'

const root = resolve(import.meta.dirname, '../..')
const built = join(root, 'build/Release')

run('npm', ['run', 'build:native'], { cwd: root })
mkdirSync('build/Release', { recursive: true })
for (const name of ['googlenet.node', 'googlenet-addon.so'])
  copyFileSync(join(built, name), join('build/Release', name))
for (const { name, path } of bundledLibraries(join(built, 'googlenet-addon.so'))) {
  copyFileSync(realpathSync(path), join('build/Release', name))
}
