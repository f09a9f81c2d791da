/** The fuzzers of the readers of pictures, C++: libFuzzer with AddressSanitizer and UndefinedBehaviorSanitizer. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSanitized } from '../sanitize.mjs'
import { root } from '../tally.mjs'

export const pictures = ['jpeg', 'png', 'exif']
/** What a picture is made into: the fuzzers read it from their input's last byte (test/fuzz/picture.h). */
const choices = [0, 1, 5, 2, 10, 18, 34, 59]
const largestSeed = 8192

export function buildPictures() {
  buildSanitized('address')
  if (existsSync(join(root, 'build/asan/fuzz_jpeg'))) return
  throw new Error('libFuzzer comes with clang, and no clang++ was found')
}

/** The tests' pictures as the fuzzers take them. */
export async function writePictureSeeds(target, folder) {
  const fixtures = join(root, 'test/images/fixtures')
  for (const name of readdirSync(fixtures).filter((file) => /\.(jpe?g|png)$/.test(file))) {
    const bytes = readFileSync(join(fixtures, name))
    const kind = bytes[0] === 0xff ? 'jpeg' : 'png'
    if ((target !== 'exif' && kind !== target) || bytes.length > largestSeed) continue
    for (const choice of choices) {
      writeFileSync(join(folder, `${name}-${choice}`), Buffer.concat([bytes, Buffer.from([choice])]))
    }
  }
}

export const pictureCommand = (target) => ({
  program: join(root, 'build/asan', `fuzz_${target}`),
  args: [],
  env: {},
})
