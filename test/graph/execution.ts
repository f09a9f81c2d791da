import type {
  NetworkDefinition,
  PlanRange,
  PlanReport,
  PlanStep,
  PlanView,
  PlanWindow,
} from '../../binding.js'
import { imagesName } from '../../lib/models/shapes.js'
import { Lanes, same } from './lanes.js'
import { add, type Lane, Meaning } from './meaning.js'

/**
 * Runs a plan on words in place of numbers, and throws at the first step that does not read what its layers mean.
 *
 * @param multiple of lanes, what rows are padded to
 */
export function execute(plan: PlanReport, definition: NetworkDefinition, multiple: number): void {
  new Execution(plan, definition, multiple).run()
}

class Execution {
  readonly #meaning: Meaning
  readonly #lanes: Lanes
  readonly #parameters: Map<string, PlanReport['parameters'][number]>
  readonly #computed: string[] = []
  readonly #gradients: string[] = []

  constructor(
    private readonly plan: PlanReport,
    private readonly definition: NetworkDefinition,
    multiple: number,
  ) {
    this.#meaning = new Meaning(definition, plan.mode === 'train')
    this.#lanes = new Lanes(plan, multiple)
    this.#parameters = new Map(plan.parameters.map((parameter) => [parameter.name, parameter]))
  }

  run(): void {
    for (const step of this.plan.steps) {
      try {
        this.#lanes.checkViews(step)
        this.#operations[step.operation]!(step, step.layers[0]!)
      } catch (error) {
        throw new Error(`${step.operation} of ${step.layers.join(' + ')}: ${(error as Error).message}`)
      }
    }
    const { heads, mode } = this.plan
    same(heads.length, this.definition.heads.length, 'the number of heads')
    for (const [i, view] of heads.entries()) {
      const name = this.definition.heads[i]!.layer
      this.#lanes.expect(this.plan.steps.at(-1)!, view, this.#meaning.values(name))
    }
    const once = this.#meaning.needed.filter(
      ({ kind }) => kind !== 'concat' && (kind !== 'dropout' || mode === 'train'),
    )
    same(this.#computed.sort(), once.map(({ name }) => name).sort(), 'the layers computed')
    if (mode === 'train') this.#checkGradients()
  }

  readonly #operations: Record<string, (step: PlanStep, layer: string) => void> = {
    input: (step) => this.#write(step, step.output, this.#values(imagesName)),
    convolution: (step) => {
      const results = step.layers.map((name) => this.#compute(name, step.fold !== undefined, step.relu!))
      this.#expect(step, step.input, this.#sharedInput(step))
      this.#checkParameters(step, ['weight', 'bias'])
      this.#write(step, step.output, this.#values(...results))
      if (step.statistics)
        this.#write(step, step.statistics, kept('statistics', this.#values(...step.layers)))
    },
    'batch norm': (step) => this.#batchNorm(step),
    'batch norm and max pool': (step) => this.#batchNorm(step),
    linear: (step, layer) => {
      this.#checkParameters(step, ['weight', 'bias'])
      this.#simple(step, layer, step.relu)
    },
    relu: (step, layer) => this.#simple(step, layer),
    'average pool': (step, layer) => this.#simple(step, layer),
    lrn: (step, layer) => this.#simple(step, layer),
    dropout: (step, layer) => this.#simple(step, layer),
    'max pool': (step, layer) => {
      this.#simple(step, layer)
      this.#checkWindow(step, layer)
      if (step.argmax) this.#write(step, step.argmax, kept('argmax', this.#values(layer)))
    },
    copy: (step) => this.#write(step, step.output, this.#lanes.read(step, step.input!)),

    'softmax cross-entropy': (step, layer) => {
      same(this.definition.heads[step.head!]!.layer, layer, 'the head')
      this.#expect(step, step.logits, this.#values(layer))
      this.#write(step, step.outputGradient, this.#meaning.gradients(layer))
    },
    'convolution backward weights': (step) => this.#backwardWeights(step),
    'linear backward weights': (step) => this.#backwardWeights(step),
    'convolution backward data': (step) => this.#backwardData(step),
    'linear backward data': (step) => this.#backwardData(step),
    'batch norm backward': (step) => this.#batchNormBackward(step),
    'batch norm and max pool backward': (step) => this.#batchNormBackward(step),
    'relu backward': (step, layer) => {
      const own = this.#meaning.layer(layer).kind === 'relu'
      const relu = own ? layer : this.#meaning.chain(layer, false, true).at(-1)!
      this.#expect(step, step.output, this.#values(relu))
      this.#expect(step, step.outputGradient, this.#meaning.gradients(relu))
      this.#write(step, step.inputGradient, this.#meaning.contributions(relu))
    },
    'max pool backward': (step, layer) => {
      this.#expect(step, step.argmax, kept('argmax', this.#values(layer)))
      this.#simpleBackward(step, layer)
    },
    'average pool backward': (step, layer) => this.#simpleBackward(step, layer),
    'lrn backward': (step, layer) => {
      this.#expect(step, step.input, this.#values(this.#meaning.sourceOf(layer)))
      this.#simpleBackward(step, layer)
    },
    'dropout backward': (step, layer) => {
      this.#expect(step, step.input, this.#meaning.gradients(layer))
      this.#write(step, step.output, this.#meaning.contributions(layer))
    },
  }

  // ---- what operations have in common

  #batchNorm(step: PlanStep): void {
    const norms = this.#norms(step)
    const inputs = this.#values(...norms.map((name) => this.#meaning.sourceOf(name)))
    this.#expect(step, step.input, inputs)
    if (step.statistics) this.#expect(step, step.statistics, kept('statistics', inputs))
    this.#checkNorms(step, norms)
    const convolutions = step.layers.filter((name) => this.#meaning.layer(name).kind === 'convolution')
    this.#checkRange(step.shift, convolutions, 'bias')
    this.#lanes.checkSplit(step.outputs ?? [])
    const outputs = step.outputs ?? [step.output]
    same(outputs.length, norms.length, 'the number of outputs')
    for (const [i, norm] of norms.entries()) {
      this.#compute(norm, false, step.relu!)
      this.#write(step, outputs[i], this.#values(this.#resultOf(step, norm)))
    }
    if (step.saved) this.#write(step, step.saved, kept('saved', this.#values(...norms)))
    if (step.argmax) {
      const pool = this.#resultOf(step, norms[0]!)
      this.#computed.push(pool)
      this.#checkWindow(step, pool)
      this.#write(step, step.argmax, kept('argmax', this.#values(pool)))
    }
  }

  #batchNormBackward(step: PlanStep): void {
    const norms = this.#norms(step)
    this.#expect(step, step.input, this.#values(...norms.map((name) => this.#meaning.sourceOf(name))))
    this.#expect(step, step.saved, kept('saved', this.#values(...norms)))
    this.#checkRange(step.gamma, norms, 'weight')
    this.#checkRange(step.beta, norms, 'bias')
    this.#lanes.checkSplit(step.outputGradients!)
    same(step.outputGradients!.length, norms.length, 'the number of gradients')
    for (const [i, norm] of norms.entries()) {
      const result = this.#resultOf(step, norm)
      this.#expect(step, step.outputGradients![i], this.#meaning.gradients(result))
      if (step.argmax) this.#expect(step, step.argmax, kept('argmax', this.#values(result)))
    }
    this.#gradients.push(...norms.flatMap((name) => [`${name}.weight`, `${name}.bias`]))
    const passedOn = norms.flatMap((name) => this.#meaning.contributions(name))
    this.#write(step, step.inputGradient, passedOn)
  }

  /** The last layer that a BatchNorm's step computes for one of its BatchNorms. */
  #resultOf(step: PlanStep, norm: string): string {
    const last = this.#meaning.chain(norm, false, step.relu!).at(-1)!
    return step.operation.startsWith('batch norm and max pool')
      ? this.#meaning.onlyReader(last, 'maxPool')
      : last
  }

  #checkWindow({ window }: PlanStep, pool: string): void {
    const layer = this.#meaning.layer(pool)
    if (layer.kind !== 'maxPool') throw new Error(`${pool} is no max pool`)
    const figures = ({ kernel, stride, padding }: PlanWindow | typeof layer) => [kernel, stride, padding]
    same(window && figures(window), figures(layer), `the window of ${pool}`)
  }

  #simple(step: PlanStep, layer: string, relu = false): void {
    this.#expect(step, step.input, this.#values(this.#meaning.sourceOf(layer)))
    this.#write(step, step.output, this.#values(this.#compute(layer, false, relu)))
  }

  #simpleBackward(step: PlanStep, layer: string): void {
    this.#expect(step, step.outputGradient, this.#meaning.gradients(layer))
    this.#write(step, step.inputGradient, this.#meaning.contributions(layer))
  }

  #backwardWeights(step: PlanStep): void {
    this.#expect(step, step.input, this.#sharedInput(step))
    this.#expectOutputGradients(step)
    this.#checkParameters(step, ['weight', 'bias'])
    const parts = step.bias ? ['weight', 'bias'] : ['weight']
    this.#gradients.push(...step.layers.flatMap((name) => parts.map((part) => `${name}.${part}`)))
  }

  #backwardData(step: PlanStep): void {
    this.#expectOutputGradients(step)
    this.#checkParameters(step, ['weight'])
    const parts = step.layers.map((name) => this.#meaning.contributions(name))
    const sum = parts[0]!.map((_, channel) => add(...parts.map((part) => part[channel]!)))
    this.#write(step, step.inputGradient, sum)
  }

  #expectOutputGradients(step: PlanStep): void {
    const gradients = step.layers.flatMap((name) => this.#meaning.gradients(name))
    this.#expect(step, step.outputGradient, gradients)
  }

  #expect(step: PlanStep, view: PlanView | undefined, wanted: Lane[]): void {
    if (!view) throw new Error('a view that it needs is absent')
    this.#lanes.expect(step, view, wanted)
  }

  #write(step: PlanStep, view: PlanView | undefined, values: Lane[]): void {
    if (!view) throw new Error('a view that it needs is absent')
    this.#lanes.write(step, view, values)
  }

  #values(...names: string[]): Lane[] {
    return names.flatMap((name) => this.#meaning.values(name))
  }

  /** The BatchNorms of a step that is called by its convolutions, or by itself. */
  #norms({ layers }: PlanStep): string[] {
    return layers.map((name) =>
      this.#meaning.layer(name).kind === 'batchNorm' ? name : this.#meaning.onlyReader(name, 'batchNorm'),
    )
  }

  #sharedInput({ layers }: PlanStep): Lane[] {
    const sources = [...new Set(layers.map((name) => this.#meaning.sourceOf(name)))]
    same(sources.length, 1, 'the number of tensors that its layers read')
    return this.#values(sources[0]!)
  }

  #compute(name: string, normalised: boolean, relu: boolean): string {
    const chain = this.#meaning.chain(name, normalised, relu)
    this.#computed.push(...chain)
    return chain.at(-1)!
  }

  // ---- parameters

  /** A convolution whose BatchNorm uses the batch's statistics, which take its bias away. */
  #losesBias(name: string): boolean {
    if (this.plan.mode !== 'train' || this.#meaning.layer(name).kind !== 'convolution') return false
    return this.plan.steps.some(
      ({ operation, layers }) => operation.startsWith('batch norm') && layers.includes(name),
    )
  }

  /** The ranges that a step names are its layers' parameters, one after another. */
  #checkParameters(step: PlanStep, parts: ('weight' | 'bias')[]): void {
    for (const part of parts) {
      if (part === 'bias' && this.#losesBias(step.layers[0]!)) same(step.bias, undefined, 'the bias')
      else this.#checkRange(step[part], step.layers, part)
    }
    const { fold } = step
    if (!fold) return
    const norms = this.#norms(step)
    this.#checkNorms({ ...step, ...fold }, norms)
  }

  #checkNorms(step: PlanStep, norms: string[]): void {
    this.#checkRange(step.gamma, norms, 'weight')
    this.#checkRange(step.beta, norms, 'bias')
    this.#checkRange(step.mean, norms, 'running_mean')
    this.#checkRange(step.variance, norms, 'running_var')
    for (const name of norms) {
      const layer = this.#meaning.layer(name)
      if (layer.kind === 'batchNorm') same(step.epsilon, Math.fround(layer.epsilon), 'epsilon')
    }
  }

  #checkRange(range: PlanRange | undefined, layers: string[], part: string): void {
    const found = layers.flatMap((name) => this.#parameters.get(`${name}.${part}`) ?? [])
    let end = found[0]?.offset
    for (const { name, offset, count } of found) {
      same(offset, end, `the place of ${name}`)
      end = offset + count
    }
    const whole = found[0] && { offset: found[0].offset, count: end! - found[0].offset }
    same(range, whole, `the range of each ${part}`)
  }

  /** Every trainable parameter that a head needs has its gradient from one step. */
  #checkGradients(): void {
    const wanted = this.plan.parameters.filter(({ name, trainable }) => {
      const layer = name.slice(0, name.lastIndexOf('.'))
      const needed = this.#meaning.needed.some((one) => one.name === layer)
      return trainable && needed && !(name.endsWith('.bias') && this.#losesBias(layer))
    })
    same(this.#gradients.sort(), wanted.map(({ name }) => name).sort(), 'the gradients')
  }
}

const kept = (what: string, values: Lane[]): Lane[] =>
  values.map((words) => words.map((word) => `${what} of ${word}`))
