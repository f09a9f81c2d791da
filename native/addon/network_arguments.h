// The arguments of `Network` in binding.d.ts as the graph takes them. Everything is copied out of JavaScript,
// or held, and checked; what cannot be right is refused here, so that no caller can bring the process down.
#pragma once
#include "addon/arguments.h"
#include "addon/devices.h"
#include "addon/lent_memory.h"
#include "backends/backend.h"
#include "graph/network.h"
#include "images/buffers.h"

namespace googlenet::addon {

struct NetworkOptions {
  Device device;
  backends::cuda::Options cuda;  // without its device; the precision is every backend's
  uint64_t seed = 0;
  int threads = 0;
};

/// Images of a call: a copy of its own, or what the loader lent to JavaScript, held.
struct OwnedBatch {
  LentMemory::Pixels data;
  bool bytes = false;  // uint8, otherwise float32
  bool nhwc = false;
  bool page_locked = false;  // the data
  int64_t count = 0;
  graph::Shape input;

  size_t size() const { return count * input.count() * (bytes ? 1 : sizeof(float)); }
  graph::Batch view() const { return {{data.get(), bytes, nhwc, page_locked}, count, input}; }
};

struct ForwardOptions {
  graph::Mode mode = graph::Mode::Inference;
  bool averaged = false;
  bool main_head_only = false;
};

/// Values for one parameter, in file order.
struct Replacement {
  const graph::Parameter* parameter = nullptr;
  std::vector<float> values;
};

/// The most images of one batch: keeps every size that a plan computes within 64 bits.
constexpr int64_t kMaxBatch = 65535;

graph::Definition read_definition(const Field& definition);
/// "auto", "cpu", "cuda" or "cuda:<number>"; throws ERR_GOOGLENET_DEVICE for anything else.
Device read_device(const Field& field);
backends::Precision read_precision(const Field& precision);
/// Throws ERR_GOOGLENET_DEVICE for what names no device; whether it is there is found by choose_backend().
NetworkOptions read_network_options(const Field& options);
/// Where the images of a call may come from, and go to.
struct ImageMemory {
  const LentMemory& lent;
  images::BufferPool& copies;
  bool page_locked;  // the copies
};
/// Throws ERR_GOOGLENET_SHAPE unless the images are one of `inputs`, and ERR_GOOGLENET_DTYPE.
OwnedBatch read_batch(const Field& batch, const std::vector<graph::Shape>& inputs, const ImageMemory& memory);
/// Throws ERR_GOOGLENET_LABEL naming the first label outside 0..classes-1.
std::vector<int32_t> read_labels(const Field& labels, int64_t count, int64_t classes);
ForwardOptions read_forward_options(const Field& options);
graph::Mode read_mode(const Field& mode);
graph::StepOptions read_step_options(const Field& options);
graph::TensorSet read_tensor_set(const Field& set);
/// Throws ERR_GOOGLENET_WEIGHTS_UNEXPECTED for a name that the set does not have.
std::vector<Replacement> read_replacements(const Field& tensors, graph::TensorSet set,
                                           const graph::ParameterTable& table);
graph::Network::Counters read_counters(const Field& counters);
backends::LossScale read_loss_scale(const Field& scale);

}  // namespace googlenet::addon
