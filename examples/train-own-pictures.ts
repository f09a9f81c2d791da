/**
 * Trains on your own pictures, one folder for each class: pictures/<class>/*.jpg. Ctrl-C saves a checkpoint and ends;
 * the same command goes on from there, with the same result as if it had never stopped.
 *
 *   npx tsx examples/train-own-pictures.ts pictures/ run/ --epochs 30
 */
import { existsSync, readdirSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { GoogLeNet, ImageFolder, train } from 'googlenet'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    epochs: { type: 'string', default: '30' },
    'batch-size': { type: 'string', default: '32' },
    'image-size': { type: 'string', default: '224' },
  },
})
const [pictures, run] = positionals
if (!pictures || !run) {
  console.error(
    'usage: train-own-pictures.ts <pictures> <run> [--epochs n] [--batch-size n] [--image-size n]',
  )
  process.exit(2)
}

// The same seed, the same split: what was trained on before the stop is not validated on after it.
const data = await ImageFolder.open(pictures, { split: { validation: 0.1 }, seed: 1 })
const net = await GoogLeNet.create({
  classes: data.classes,
  imageSize: Number(values['image-size']),
  seed: 1,
})

const stop = new AbortController()
process.once('SIGINT', () => stop.abort()) // `once`: a second Ctrl-C ends at once
process.once('SIGTERM', () => stop.abort())

const begun = existsSync(run) && readdirSync(run).some((name) => name.startsWith('checkpoint-'))
const percent = (share: number | undefined) => (share === undefined ? '-' : `${(100 * share).toFixed(1)} %`)

for await (const event of train(net, data, {
  epochs: Number(values.epochs),
  batchSize: Number(values['batch-size']),
  schedule: { kind: 'cosine', learningRate: 0.05, warmupEpochs: 1 },
  checkpoint: run,
  ...(begun && { resume: run }),
  signal: stop.signal,
})) {
  if (event.type === 'start') {
    const from = event.resumed ? `going on from step ${event.resumed.step}` : 'beginning'
    console.log(`${from}: ${event.samples} pictures, ${event.validationSamples} to validate on`)
  } else if (event.type === 'step') {
    const { epoch, stepInEpoch, stepsPerEpoch, train: metrics, imagesPerSecond } = event
    const speed = `${imagesPerSecond.toFixed(0)} images/s`
    console.log(`  ${epoch + 1}: ${stepInEpoch}/${stepsPerEpoch}, loss ${metrics.loss.toFixed(3)}, ${speed}`)
  } else if (event.type === 'skipped') {
    console.warn(`skipped ${event.name}: ${event.reason}`)
  } else if (event.type === 'epoch') {
    const { epoch, train: metrics, validation } = event
    console.log(`epoch ${epoch + 1}: top-1 ${percent(metrics.top1)}, validation ${percent(validation?.top1)}`)
  } else if (event.type === 'end') {
    if (event.reason === 'aborted') console.log('stopped, and saved: the same command goes on')
    else
      console.log(`done: best validation top-1 ${percent(event.best?.top1)}, weights in ${event.best?.path}`)
    process.exitCode = event.reason === 'aborted' ? 130 : 0
  }
}
net.dispose()
