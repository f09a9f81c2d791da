export type {
  ColorJitter,
  Interpolation,
  LossScale,
  MemoryReport,
  Peaks,
  PictureSource,
  PlanLrn,
  PlanRange,
  PlanReport,
  PlanShape,
  PlanStep,
  PlanView,
  PlanWindow,
  Precision,
  ProfileReport,
  StepMetrics,
} from '../binding.js'
export type { ClassifyOptions, PictureInput, Prediction } from './classify.js'
export { type AugmentOptions, type Crops, paperAugmentation } from './data/augment.js'
export { type Batch, type BatchesOptions, batches } from './data/batches.js'
export { ImageFolder, type ImageFolderOptions } from './data/imageFolder.js'
export {
  type ClassInspection,
  type Inspection,
  type InspectOptions,
  inspect,
  type Spread,
} from './data/inspect.js'
export type { DecodeOptions } from './data/loader.js'
export { type DataEvent, type OpenOptions, openDataSet } from './data/open.js'
export type { PackPart } from './data/shards/manifest.js'
export { type PackOptions, type PackProgress, type PackReport, pack } from './data/shards/pack.js'
export type { RemoteOptions } from './data/shards/webDataset.js'
export type { DataSet, Sample, SampleOrder, SampleSource } from './data/source.js'
export { classify, type Networks } from './ensemble.js'
export { type ErrorCode, GoogLeNetError } from './errors.js'
export type { Images } from './images.js'
export { type Cost, formatSummary, type LayerSummary, type Summary } from './models/summary.js'
export type { Variant } from './models/variants.js'
export { type ForwardOptions, type ForwardResult, GoogLeNet, type WeightsChoice } from './network.js'
export type { CreateOptions, Device, ModelOptions, ResolvedOptions, RunOptions } from './options.js'
export type { TrainStepOptions } from './steps.js'
export type { Counters, Snapshot, StateDict, Tensor } from './tensors.js'
export { type EvaluateOptions, type EvaluationReport, evaluate, type Mistake } from './training/evaluate.js'
export type { EpochRecord, StepRecord, TrainEvent, TrainMetrics } from './training/events.js'
export type { ImageSizeStage } from './training/options.js'
export { learningRateAt, type Progress, type Schedule } from './training/schedules.js'
export { type TrainOptions, train } from './training/train.js'
