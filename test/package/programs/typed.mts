// As esm.mjs, in strict TypeScript that looks into the package's types.
import {
  type Counters,
  GoogLeNet,
  GoogLeNetError,
  ImageFolder,
  type Prediction,
  type TrainEvent,
  train,
} from 'googlenet'

const [pictures = '', picture = '', file = ''] = process.argv.slice(2)
const data = await ImageFolder.open(pictures)
const net: GoogLeNet = await GoogLeNet.create({
  classes: data.classes,
  imageSize: 64,
  seed: 1,
  device: 'cpu',
})
let steps: number = 0
for await (const event of train(net, data, { epochs: 10, batchSize: data.train.length, seed: 1 })) {
  const typed: TrainEvent = event
  if (typed.type === 'step') steps = typed.step
}
const [trained]: Prediction[] = await net.classify(picture, { top: 1 })
await net.save(file)
net.dispose()

const again = await GoogLeNet.open(file, { device: 'cpu' })
const [opened] = await again.classify(picture, { top: 1 })
const counters: Counters | undefined = undefined
try {
  // @ts-expect-error No such device.
  await GoogLeNet.create({ classes: 2, device: 'tpu' })
} catch (error) {
  if (!(error instanceof GoogLeNetError) || error.code !== 'ERR_GOOGLENET_OPTION') throw error
}
again.dispose()
console.log(
  JSON.stringify({ version: process.versions.bun ?? process.version, steps, trained, opened, counters }),
)
