// Trains ten steps, saves, opens what was saved, classifies with both; prints what came of it.
import { readFileSync } from 'node:fs'
import { GoogLeNet, ImageFolder, train } from 'googlenet'

const [pictures, picture, file] = process.argv.slice(2)
const data = await ImageFolder.open(pictures)
const net = await GoogLeNet.create({ classes: data.classes, imageSize: 64, seed: 1, device: 'cpu' })
let steps = 0
for await (const event of train(net, data, { epochs: 10, batchSize: data.train.length, seed: 1 })) {
  if (event.type === 'step') steps = event.step
}
const [trained] = await net.classify(picture, { top: 1 })
await net.save(file)
net.dispose()

const again = await GoogLeNet.open(file, { device: 'cpu' })
const [opened] = await again.classify(picture, { top: 1 })
again.dispose()
const libraries = readFileSync('/proc/self/maps', 'utf8').match(/\/\S+\.so[.\d]*$/gm)
console.log(
  JSON.stringify({
    version: process.versions.bun ?? process.version,
    steps,
    trained,
    opened,
    libraries: [...new Set(libraries)],
  }),
)
