#include "graph/network.h"

#include <algorithm>
#include <cstring>

#include "error.h"
#include "graph/planner.h"
#include "random.h"

namespace googlenet::graph {

using backends::Context;
using backends::Incoming;
using backends::Memory;
using backends::Metrics;

namespace {

// A run with a last partial batch, evaluation and classification between them use about this many plans.
constexpr size_t kPlansKept = 4;

float* floats(const std::unique_ptr<Memory>& memory) {
  return memory ? reinterpret_cast<float*>(memory->data()) : nullptr;
}

}  // namespace

Network::Network(Definition definition, std::unique_ptr<backends::Backend> backend, uint64_t seed)
    : backend_(std::move(backend)), seed_(seed) {
  if (definition.heads.size() > Metrics::kHeads) {
    throw Error("ERR_GOOGLENET_OPTION",
                "a network has at most " + std::to_string(Metrics::kHeads) + " heads");
  }
  Shapes shapes = infer_shapes(definition);
  table_ = lay_out_parameters(definition, shapes);
  inputs_.push_back({std::move(definition), std::move(shapes)});
  weights_ = backend_->allocate(table_.total * sizeof(float), "parameters");
  std::vector<float> initial(table_.total);
  initialise(table_, seed, initial.data());
  backend_->upload(floats(weights_), initial.data(), table_.total);
  touch_weights();
}

Network::~Network() {
  try {
    backend_->wait();  // what runs still uses what goes now
  } catch (const Error&) {
    // It has failed, and runs no more.
  }
}

void Network::add_input(Definition definition) {
  Shapes shapes = infer_shapes(definition);
  const ParameterTable table = lay_out_parameters(definition, shapes);
  const auto same = [](const Parameter& a, const Parameter& b) {
    return a.name == b.name && a.shape == b.shape && a.range == b.range;
  };
  if (!std::ranges::equal(table.parameters, table_.parameters, same) ||
      definition.heads.size() != inputs_.front().definition.heads.size()) {
    throw Error("ERR_GOOGLENET_SHAPE", "a network for images of another size must have the same parameters");
  }
  const auto known =
      std::ranges::find(inputs_, definition.input, [](const Input& input) { return input.definition.input; });
  if (known == inputs_.end()) inputs_.push_back({std::move(definition), std::move(shapes)});
}

const Network::Input& Network::input(const Shape& shape) const {
  return *std::ranges::find(inputs_, shape, [](const Input& input) { return input.definition.input; });
}

Plan Network::plan(const PlanKey& key) const {
  const auto& [definition, shapes] = input(key.input);
  return make_plan(
      definition, shapes, table_,
      {key.mode, key.batch, key.main_head_only, backend_->capabilities(), backend_->activation_bytes()});
}

Plan Network::plan(int64_t batch, Mode mode) const {
  return plan({mode, batch, false, definition().input});
}

Network::Compiled& Network::compiled(const PlanKey& key, const Incoming& incoming) {
  const auto known =
      std::find_if(plans_.begin(), plans_.end(), [&](const auto& entry) { return entry.first == key; });
  std::unique_ptr<Compiled> made;
  try {
    if (known == plans_.end()) made = compile(key);
    make_room(made ? *made : *known->second, incoming);
  } catch (const Error& error) {
    if (error.code() != "ERR_GOOGLENET_MEMORY" || backend_->free_memory() < 0) throw;
    const Compiled* tried = known == plans_.end() ? made.get() : known->second.get();
    const auto prepared = made ? static_cast<int64_t>(made->program->prepared()) : 0;
    const auto workspace = tried ? static_cast<int64_t>(tried->program->workspace()) : 0;
    made.reset();
    throw Error(error.code(), error.what() + largest_batch(key, incoming, prepared, workspace));
  }
  if (made) {
    plans_.emplace_front(key, std::move(made));
    if (plans_.size() > kPlansKept) plans_.pop_back();
  } else {
    plans_.splice(plans_.begin(), plans_, known);
  }
  return *plans_.front().second;
}

std::unique_ptr<Network::Compiled> Network::compile(const PlanKey& key) {
  auto made = std::make_unique<Compiled>();
  made->plan = plan(key);
  // Before the rest: no library need be asked how to compute what does not fit.
  ensure(arena_, made->plan.arena_bytes, "activations");
  made->program = backend_->compile(made->plan);
  return made;
}

void Network::make_room(const Compiled& compiled, const Incoming& incoming) {
  ensure(arena_, compiled.plan.arena_bytes, "activations");
  ensure(workspace_, static_cast<int64_t>(compiled.program->workspace()), "workspace");
  backend_->reserve(incoming);
}

/// For a message: the largest batch below the key's that would fit, its images and its workspace in
/// proportion to the key's.
std::string Network::largest_batch(const PlanKey& key, const Incoming& incoming, int64_t prepared,
                                   int64_t workspace) {
  backend_->wait();
  arena_.reset();
  workspace_.reset();
  const int64_t free = backend_->free_memory() + backend_->reserved() - prepared;
  const auto fits = [&](int64_t batch) {
    const auto share = [&](int64_t whole) { return whole * batch / key.batch; };
    const int64_t room = backend_->room({share(incoming.image_bytes), share(incoming.labels)});
    return plan({key.mode, batch, key.main_head_only, key.input}).arena_bytes + share(workspace) + room <=
           free;
  };
  int64_t largest = 0;
  for (int64_t too_large = key.batch; too_large - largest > 1;) {
    const int64_t middle = (largest + too_large) / 2;
    (fits(middle) ? largest : too_large) = middle;
  }
  return largest > 0 ? "; the largest batch that fits has about " + std::to_string(largest) + " images"
                     : "; not even a batch of one image fits";
}

void Network::ensure(std::unique_ptr<Memory>& memory, int64_t bytes, const char* purpose) {
  if (memory && static_cast<int64_t>(memory->size()) >= bytes) return;
  if (memory) backend_->wait();  // what runs still uses it
  memory.reset();
  memory = backend_->allocate(std::max<int64_t>(bytes, 64), purpose);
}

Context Network::context(Compiled& compiled, const Batch& batch, float* weights) {
  Context context;
  context.arena = arena_->data();
  context.workspace = workspace_->data();
  context.buffers = compiled.plan.buffers.data();
  context.weights = weights;
  context.gradients = floats(gradients_);
  context.images = batch.images;
  context.mean = definition().mean.data();
  context.std = definition().std.data();
  context.dropout_key = mix(seed_, static_cast<uint64_t>(counters_.batches));
  return context;
}

void Network::prepare(Compiled& compiled, const Context& context, uint64_t version) {
  if (compiled.prepared_version == version) return;
  compiled.program->prepare(context);
  compiled.prepared_version = version;
}

void Network::begin_forward(const Batch& batch, Mode mode, bool averaged, bool main_head_only) {
  backend_->enter_thread();
  if (averaged && !average_) {
    throw Error("ERR_GOOGLENET_OPTION",
                "no average of the weights is kept; train with averageDecay above 0 first");
  }
  if (averaged && mode == Mode::Training) {
    throw Error("ERR_GOOGLENET_OPTION", "the averaged weights are for evaluation; use mode \"eval\"");
  }
  const int64_t whole = backend_->capabilities().inference_batch;
  const int64_t part = mode == Mode::Inference && whole > 0 ? std::min(whole, batch.count) : batch.count;
  const int64_t image = batch.input.count() * (batch.images.bytes ? 1 : sizeof(float));
  auto begun = std::make_unique<Begun>();
  begun->to_finish = 0;
  if (begun_.empty()) ended_counters_ = counters_;
  for (int64_t first = 0; first < batch.count; first += part) {
    Batch images{batch.images, std::min(part, batch.count - first), batch.input};
    images.images.data = static_cast<const std::byte*>(batch.images.data) + first * image;
    Compiled& plan = compiled({mode, images.count, main_head_only && mode == Mode::Inference, batch.input},
                              {images.count * image, 0});
    const Context run = context(plan, images, floats(averaged ? average_ : weights_));
    prepare(plan, run, averaged ? average_version_ : weights_version_);
    plan.program->forward(run);
    if (mode == Mode::Training) {
      counters_.batches++;
      weights_version_ = ++last_version_;  // running statistics moved
      plan.prepared_version = weights_version_;
    }
    const std::vector<View>& heads = plan.plan.heads;
    std::vector<float*> hosts;
    begun->logits.resize(heads.size());
    for (size_t head = 0; head < heads.size(); head++) {
      begun->logits[head].resize(batch.count * heads[head].channels);
      hosts.push_back(begun->logits[head].data() + first * heads[head].channels);
    }
    backend_->begin_read(run, heads, hosts);
    begun->to_finish++;
  }
  hold(std::move(begun));
}

std::vector<std::vector<float>> Network::end_forward() {
  return std::move(end()->logits);
}

void Network::hold(std::unique_ptr<Begun> begun) {
  begun->counters = counters_;
  begun_.push_back(std::move(begun));
}

std::unique_ptr<Network::Begun> Network::end() {
  std::unique_ptr<Begun> oldest = std::move(begun_.front());
  begun_.pop_front();
  ended_counters_ = oldest->counters;
  for (int i = 0; i < oldest->to_finish; i++) backend_->finish();
  return oldest;
}

backends::Update Network::update(const StepOptions& options) const {
  return {.weights = floats(weights_),
          .momentum = floats(momentum_),
          .gradients = floats(gradients_),
          .average = options.average_decay > 0 ? floats(average_) : nullptr,
          .trainable = table_.trainable,
          .total = table_.total,
          .learning_rate = options.learning_rate,
          .momentum_factor = options.momentum,
          .weight_decay = options.weight_decay,
          .average_decay = options.average_decay,
          .nesterov = options.nesterov};
}

void Network::begin_step(const Batch& batch, const int32_t* labels, const StepOptions& options) {
  backend_->enter_thread();
  const int64_t total = table_.total, trainable = table_.trainable;
  if (!gradients_) gradients_ = backend_->allocate(trainable * sizeof(float), "gradients");
  if (!momentum_) momentum_ = backend_->allocate(trainable * sizeof(float), "momentum");
  if (options.average_decay > 0 && !average_) {
    average_ = backend_->allocate(total * sizeof(float), "average");
    std::vector<float> copy(total);
    backend_->download(copy.data(), floats(weights_), total);
    backend_->upload(floats(average_), copy.data(), total);
    average_version_ = ++last_version_;
  }
  const int64_t image = batch.input.count() * (batch.images.bytes ? 1 : sizeof(float));
  Compiled& plan =
      compiled({Mode::Training, batch.count, false, batch.input}, {batch.count * image, batch.count});
  auto begun = std::make_unique<Begun>();
  Context run = context(plan, batch, floats(weights_));
  run.labels = labels;
  run.label_smoothing = options.label_smoothing;
  run.gradient_scale = 1.0f / static_cast<float>(options.accumulate_count);
  run.accumulate_gradients = options.accumulate_index > 0;
  run.metrics = &begun->metrics;
  const bool updates = options.accumulate_index + 1 == options.accumulate_count;
  const backends::Update update = this->update(options);
  if (updates) run.update = &update;
  prepare(plan, run, weights_version_);
  if (begun_.empty()) ended_counters_ = counters_;
  plan.program->step(run);
  counters_.batches++;
  touch_weights();
  if (updates) {
    counters_.steps++;
    average_version_ = ++last_version_;
  } else {
    // The running statistics moved, the weights did not: what this plan prepared stays good.
    plan.prepared_version = weights_version_;
  }
  hold(std::move(begun));
}

StepResult Network::end_step() {
  const std::unique_ptr<Begun> step = end();
  StepResult result;
  const std::vector<Head>& heads = definition().heads;
  for (size_t h = 0; h < heads.size(); h++) {
    result.head_losses.push_back(step->metrics.loss[h]);
    result.loss += heads[h].loss_weight * step->metrics.loss[h];
  }
  result.top1 = step->metrics.top1;
  result.top5 = step->metrics.top5;
  return result;
}

Memory* Network::memory_of(TensorSet set) const {
  switch (set) {
    case TensorSet::Weights:
      return weights_.get();
    case TensorSet::Momentum:
      return momentum_.get();
    case TensorSet::Average:
      return average_.get();
    case TensorSet::Gradients:
      return gradients_.get();
  }
  return nullptr;
}

bool Network::has(TensorSet set) const {
  return memory_of(set) != nullptr;
}

bool Network::in_set(TensorSet set, const Parameter& parameter) {
  return parameter.trainable || set == TensorSet::Weights || set == TensorSet::Average;
}

std::vector<float> Network::get(TensorSet set, const Parameter& parameter) {
  const Range& range = parameter.range;
  std::vector<float> memory(range.count), file(range.count);
  backend_->download(memory.data(), reinterpret_cast<float*>(memory_of(set)->data()) + range.offset,
                     range.count);
  to_file(parameter, memory.data(), file.data());
  return file;
}

void Network::set(TensorSet set, const Parameter& parameter, const float* values) {
  if (set == TensorSet::Momentum) ensure(momentum_, table_.trainable * sizeof(float), "momentum");
  if (set == TensorSet::Average) ensure(average_, table_.total * sizeof(float), "average");
  const Range& range = parameter.range;
  std::vector<float> memory(range.count);
  to_memory(parameter, values, memory.data());
  backend_->upload(reinterpret_cast<float*>(memory_of(set)->data()) + range.offset, memory.data(),
                   range.count);
  if (set == TensorSet::Weights) touch_weights();
  if (set == TensorSet::Average) average_version_ = ++last_version_;
}

void Network::set_loss_scale(const backends::LossScale& scale) {
  if (loss_scale()) backend_->set_loss_scaling(scale);
}

MemoryUse Network::memory() const {
  MemoryUse use;
  const auto size = [](const std::unique_ptr<Memory>& memory) {
    return memory ? static_cast<int64_t>(memory->size()) : 0;
  };
  use.parameters = size(weights_);
  use.gradients = size(gradients_);
  use.momentum = size(momentum_);
  use.average = size(average_);
  use.arena = size(arena_);
  use.workspace = size(workspace_);
  use.batches = backend_->reserved();
  for (const auto& [key, plan] : plans_) {
    use.prepared_weights += static_cast<int64_t>(plan->program->prepared());
    use.arena_unshared = std::max(use.arena_unshared, plan->plan.unshared_bytes);
  }
  return use;
}

}  // namespace googlenet::graph
