/**
 * Begins with the weights of a trained network and learns other classes: every layer but the last of each head is
 * taken over. A few epochs at a low learning rate do what takes many from the beginning.
 *
 *   npx tsx examples/fine-tune.ts run/ mine/ mine.safetensors --epochs 5
 */
import { parseArgs } from 'node:util'
import { evaluate, GoogLeNet, ImageFolder, train } from 'googlenet'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { epochs: { type: 'string', default: '5' }, 'batch-size': { type: 'string', default: '32' } },
})
const [model, pictures, out] = positionals
if (!model || !pictures || !out) {
  console.error(
    'usage: fine-tune.ts <trained model> <pictures> <out.safetensors> [--epochs n] [--batch-size n]',
  )
  process.exit(2)
}

const data = await ImageFolder.open(pictures, { split: { validation: 0.2 }, seed: 1 })
const trained = await GoogLeNet.open(model)
const { variant, channels, imageSize, reduction4d, aux } = trained.options
const same = { variant, channels, imageSize, reduction4d, aux }
const net = await GoogLeNet.create({ ...same, classes: data.classes, seed: 1 })

// The layers whose size is the number of classes; all others fit as they are.
const classifiers = ['fc.', 'aux_fc1.fc.3.', 'aux_fc2.fc.3.']
const weights = await trained.stateDict()
for (const name of weights.keys()) {
  if (classifiers.some((prefix) => name.startsWith(prefix))) weights.delete(name)
}
const { missing } = await net.loadStateDict(weights, { strict: false })
console.log(`${trained.options.classes} classes before, ${net.options.classes} now`)
console.log(`taken over: ${weights.size} tensors; new: ${missing.join(', ')}`)
trained.dispose()

for await (const event of train(net, data, {
  epochs: Number(values.epochs),
  batchSize: Number(values['batch-size']),
  schedule: { kind: 'cosine', learningRate: 0.01 },
})) {
  if (event.type === 'epoch') console.log(`epoch ${event.epoch + 1}: loss ${event.train.loss.toFixed(3)}`)
  else if (event.type === 'skipped') console.warn(`skipped ${event.name}: ${event.reason}`)
}

const { top1, samples } = await evaluate(net, data.validation)
console.log(`top-1 ${(100 * top1).toFixed(1)} % of ${samples} pictures it has not seen`)
await net.save(out)
console.log(`saved ${out}`)
net.dispose()
