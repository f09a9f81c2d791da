/**
 * Started by pictures.test.ts as `node pictures.child.mjs <addon>`, with JSON on standard input: a list of
 * `{ options, pictures, transform, repeat }`. Prints what Loader.decode() came to for each, the pixels in base64, and what
 * system() says. The loaders are disposed of one by one: what they leave behind shows.
 */
import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'

const { Loader, system } = createRequire(import.meta.url)(process.argv[2])

const outcomes = []
for (const { options, pictures, transform, repeat = 1 } of JSON.parse(await text(process.stdin))) {
  const loader = new Loader(options)
  try {
    const batches = await Promise.all(
      Array.from({ length: repeat }, () => loader.decode(pictures, transform)),
    )
    const [{ data, positions, failures, onGpu }] = batches
    const same = batches.every((batch) => Buffer.compare(batch.data, data) === 0 && batch.onGpu === onGpu)
    outcomes.push({
      data: Buffer.from(data).toString('base64'),
      positions: [...positions],
      failures,
      onGpu,
      same,
    })
  } catch ({ code, message }) {
    outcomes.push({ code, message })
  } finally {
    loader.dispose()
  }
}
console.log(JSON.stringify({ outcomes, cuda: system().cuda }))
