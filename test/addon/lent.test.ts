/** Batches that the loader made are not copied: networks hold their memory, which outlives the arrays. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Network, PictureTransform } from '../../binding.js'
import { binding } from '../../lib/native.js'
import { drawPicture } from '../data/pictures.js'
import { evalForward, step, tinyNetwork, weightsOf } from './tiny.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const count = 8
const imageBytes = 3 * 16 * 16
const transform: PictureTransform = { kind: 'eval', size: 16, resize: 16 }
const loader = new binding.Loader({ threads: 1, channels: 3 })
let network: Network
beforeAll(async () => {
  network = await tinyNetwork()
})
afterAll(() => {
  network.dispose()
  loader.dispose()
})

/** Pixels of `count` pictures that `seed` tells apart, in the loader's memory. */
async function decode(seed: number): Promise<Uint8Array> {
  const pictures = Array.from({ length: count }, (_, index) => {
    const source = drawPicture(seed, seed * count + index, 16)
    return { source: new Uint8Array(source), index }
  })
  const { data, failures } = await loader.decode(pictures, transform)
  expect(failures).toEqual([])
  return data
}

const images = (data: Uint8Array) =>
  ({ data, shape: [data.length / imageBytes, 3, 16, 16], layout: 'nhwc' }) as const
const forward = (data: Uint8Array) => network.forward(images(data), evalForward)
const copyOf = (data: Uint8Array) => Uint8Array.from(data)

/** A call that keeps the network busy for a while. */
const keepBusy = () => network.profile({ batch: 256, mode: 'train', repeat: 20 })

it('a batch of the loader, and a part of one, give what a copy gives', async () => {
  const data = await decode(1)
  expect(await forward(data)).toEqual(await forward(copyOf(data)))
  const part = data.subarray(2 * imageBytes, 5 * imageBytes)
  expect(await forward(part)).toEqual(await forward(copyOf(part)))
  const labels = Int32Array.from({ length: count }, (_, i) => i % 5)
  const [held, copied] = [await tinyNetwork(), await tinyNetwork()]
  expect(await held.trainStep(images(data), labels, step)).toEqual(
    await copied.trainStep(images(copyOf(data)), labels, step),
  )
  expect(await weightsOf(held)).toEqual(await weightsOf(copied))
  held.dispose()
  copied.dispose()
})

it('nothing is copied when it is called', async () => {
  const data = await decode(2)
  const [expected] = await forward(new Uint8Array(data.length))
  const busy = keepBusy()
  const call = forward(data)
  data.fill(0) // what nobody may do: it shows where the network reads
  expect(await call).toEqual([expected])
  await busy
})

it('the memory stays until the call has ended, though nobody has the array any more', async () => {
  const expected = await forward(copyOf(await decode(3)))
  const busy = keepBusy()
  const call = forward(await decode(3))
  for (let seed = 4; seed < 8; seed++) {
    collectGarbage()
    await decode(seed) // into what was given back
  }
  expect(await call).toEqual(expected)
  await busy
})

it('so it does when the array is transferred', async () => {
  const expected = await forward(copyOf(await decode(3)))
  const busy = keepBusy()
  const call = await (async () => {
    const data = await decode(3)
    const result = forward(data)
    try {
      structuredClone(0, { transfer: [data.buffer as ArrayBuffer] })
    } catch {
      // This Node.js transfers no memory of others.
    }
    return { result }
  })()
  for (let seed = 4; seed < 8; seed++) {
    collectGarbage()
    await decode(seed)
  }
  expect(await call.result).toEqual(expected)
  await busy
})

it('what is too short is refused as any other', async () => {
  const data = await decode(1)
  const short = { ...images(data), data: data.subarray(1) }
  await expect(network.forward(short, evalForward)).rejects.toMatchObject({ code: 'ERR_GOOGLENET_SHAPE' })
})
