// As esm.mjs, from CommonJS: Node.js 20.19, 22.12 and later can require() an ES module.
const { GoogLeNet, ImageFolder, train } = require('googlenet')

async function main([pictures, picture, file]) {
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
  console.log(JSON.stringify({ version: process.versions.bun ?? process.version, steps, trained, opened }))
}

main(process.argv.slice(2))
