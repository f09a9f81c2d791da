/**
 * A walk through an inception module, cell by cell: its shapes, what it costs, what its 1x1 reductions save, and how it
 * runs. Change the module or the size of the images and run it again.
 *
 *   npx tsx examples/inception-walk.ts inception_branch_a3 224
 */
import { GoogLeNet } from 'googlenet'

const [name = 'inception_branch_a3', imageSize = '224'] = process.argv.slice(2)
const net = await GoogLeNet.create({ classes: 1000, imageSize: Number(imageSize) })
const cell = (title: string) => console.log(`\n## ${title}\n`)
const millions = (macs: number) => `${(macs / 1e6).toFixed(1)} M`

cell('Shapes: four branches read the same input, and are put side by side')
const { layers } = net.summary()
const first = layers.findIndex((layer) => layer.name.startsWith(`${name}.`))
if (first < 1) throw new Error(`there is no module ${name}; summary() lists the layers`)
const [inChannels, height, width] = layers[first - 1]!.output
const module = layers.filter((layer) => layer.name.startsWith(`${name}.`))
console.log(`input ${inChannels}x${height}x${width}`)
for (const { name, operation, output } of module) console.log(`${name}  ${operation}  ${output.join('x')}`)

cell('Cost: every product is in a convolution')
const convolutions = module.filter((layer) => layer.kind === 'convolution')
for (const { name, operation, parameters, macs } of convolutions) {
  console.log(`${name}  ${operation}  ${parameters} parameters  ${millions(macs)} MACs`)
}
const macs = convolutions.reduce((sum, layer) => sum + layer.macs, 0)
console.log(`together ${millions(macs)} MACs`)

cell('Without the 1x1 reductions: the 3x3 and the 5x5 read all channels, the pool passes all on')
const channelsOf = (layer: string) => module.find((one) => one.name === `${name}.${layer}`)!.output[0]
const [n1x1, n3x3, n5x5] = [channelsOf('branch1.0'), channelsOf('branch2.3'), channelsOf('branch3.3')]
const pixels = height * width // each weight is used once for each of them
const weights = inChannels * (n1x1 + 9 * n3x3 + 25 * n5x5)
const passedOn = n1x1 + n3x3 + n5x5 + inChannels
console.log(`weights ${weights}, and with the reductions ${macs / pixels}`)
console.log(`${millions(weights * pixels)} MACs, ${((weights * pixels) / macs).toFixed(2)} times as many`)
console.log(
  `${passedOn} channels for the next module, which would cost more in turn, instead of ${channelsOf('concat')}`,
)

cell('The plan: BatchNorm and ReLU are inside the convolutions, and some write into the concat themselves')
const { steps } = await net.plan(1, 'eval')
const own = steps.filter((step) => step.layers.some((layer) => layer.startsWith(`${name}.`)))
for (const { operation, layers, relu, fold } of own) {
  const fused = [fold && 'BatchNorm', relu && 'ReLU'].filter(Boolean).join(' and ')
  console.log(`${operation} ${layers.join(', ')}${fused && ` with ${fused}`}`)
}

cell('The concat: which channels each branch puts into it')
for (const { operation, layers, reads, output } of own) {
  if (output?.buffer !== `${name}.concat`) continue
  const from = operation === 'copy' ? `a copy of ${reads.join(', ')}` : layers.join(', ')
  console.log(`channels ${output.offset} to ${output.offset + output.channels - 1}: ${from}`)
}
net.dispose()
