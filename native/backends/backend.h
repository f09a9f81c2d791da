// What a backend must do: hold memory, and turn each kind of step into an operation. One function a layer
// kind and direction. A backend knows no Node and decides no schedule.
#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/planner.h"

namespace googlenet::backends {

enum class Precision { Fp32, Bf16, Fp16 };
inline int64_t activation_bytes(Precision precision) {
  return precision == Precision::Fp32 ? 4 : 2;
}

/// Images in the caller's memory: float32 ready for the network, or uint8 pixels.
struct Images {
  const void* data = nullptr;
  bool bytes = false;  // uint8
  bool nhwc = false;
  bool page_locked = false;  // in memory of Backend::host_memory()
};

/// What the forward and backward passes of a batch report: filled by SoftmaxCrossEntropy.
struct Metrics {
  static constexpr int kHeads = 8;
  double loss[kHeads] = {};  // mean cross-entropy of each head
  int64_t top1 = 0, top5 = 0;
};

/// Where the dynamic loss scaling of fp16 stands. The loss's gradient is multiplied by `scale`; whatever
/// lands in the flat gradients is divided by it again. A value that is not finite sets `overflow`: the update
/// is then left out and the scale halved.
struct LossScale {
  float scale;       // 1 but in fp16
  int32_t growing;   // updates since the scale last moved
  int32_t overflow;  // in the batches since the last update
  int32_t skipped;   // updates left out so far
};

/// What runs bring from the host.
struct Incoming {
  int64_t image_bytes = 0;
  int64_t labels = 0;  // of a step; none: a forward pass
};

/// v = momentum * v + gradient + decay * w; w -= rate * v, or rate * (gradient + decay * w + momentum * v)
/// with Nesterov; average = decay * average + (1 - decay) * w. As torch.optim.SGD.
struct Update {
  float* weights = nullptr;
  float* momentum = nullptr;
  const float* gradients = nullptr;
  float* average = nullptr;  // null: none is kept
  int64_t trainable = 0, total = 0;
  float learning_rate = 0, momentum_factor = 0, weight_decay = 0, average_decay = 0;
  bool nesterov = false;
};

/// What a run of operations works on. Parameters are flat fp32 memory as graph::ParameterTable lays it out.
struct Context {
  std::byte* arena = nullptr;
  std::byte* workspace = nullptr;
  const graph::Buffer* buffers = nullptr;
  float* weights = nullptr;
  float* gradients = nullptr;
  Images images;
  const int32_t* labels = nullptr;
  const float* mean = nullptr;  // per channel of the network's input
  const float* std = nullptr;
  float label_smoothing = 0;
  float gradient_scale = 1;           // share of this batch in an accumulated gradient
  bool accumulate_gradients = false;  // add to what is there
  uint64_t dropout_key = 0;           // of this batch
  Metrics* metrics = nullptr;
  const Update* update = nullptr;  // to be made after the backward pass
};

class Operation {
 public:
  virtual ~Operation() = default;
  /// Called before run() whenever the weights have changed: reorders, casts, folds.
  virtual void prepare(const Context&) {}
  virtual void run(const Context& context) = 0;
  /// Bytes of Context::workspace that run() and prepare() need.
  virtual size_t workspace() const { return 0; }
  /// Bytes that the operation keeps for itself: reordered weights.
  virtual size_t prepared() const { return 0; }
};

/// The operations of a plan, made by a backend, which may record them once and replay them.
class Program {
 public:
  virtual ~Program() = default;
  /// Called before run() whenever the weights have changed.
  virtual void prepare(const Context& context) = 0;
  virtual void forward(const Context& context) = 0;
  /// Begins forward, backward, and `context.update` if it is there. Metrics, images and labels are its own
  /// until Backend::finish() ends it.
  virtual void step(const Context& context) = 0;
  /// Seconds of each part of a run by itself: the plan's steps, and then the update and prepare(); without
  /// `context.update` the forward pass alone. Medians of `repeat` runs after one that warms up.
  virtual std::vector<double> profile(const Context& context, int repeat) = 0;
  /// Bytes of Context::workspace that it needs.
  virtual size_t workspace() const = 0;
  /// Bytes that it keeps for itself.
  virtual size_t prepared() const = 0;
};

/// What a device reaches at most: operations a second of products in the network's precision (a multiply-add
/// is two), and bytes a second from and to its memory.
struct Peaks {
  double flops = 0, bandwidth = 0;
};

class Memory {
 public:
  virtual ~Memory() = default;
  virtual std::byte* data() = 0;
  virtual size_t size() const = 0;
};

/// Memory of the host, taken and given back on any thread.
struct HostMemory {
  std::function<void*(size_t bytes)> allocate;  // throws ERR_GOOGLENET_MEMORY
  std::function<void(void* memory)> free;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  virtual int64_t activation_bytes() const = 0;
  virtual graph::Capabilities capabilities() const = 0;

  /// Zeroed. Throws ERR_GOOGLENET_MEMORY.
  virtual std::unique_ptr<Memory> allocate(size_t bytes, const std::string& purpose) = 0;
  virtual void download(float* host, const float* device, int64_t count) = 0;
  virtual void upload(float* device, const float* host, int64_t count) = 0;
  /// An activation or Float view as fp32 on the host, dense.
  virtual void read(const Context& context, const graph::View& view, float* host) = 0;
  /// Begins to read views of the run before: the values are there when finish() has ended it. Until then the
  /// images of that run stay its own.
  virtual void begin_read(const Context& context, const std::vector<graph::View>& views,
                          const std::vector<float*>& hosts);
  virtual void update(const Update& update) = 0;
  /// Called on the thread that runs operations, before its first one.
  virtual void enter_thread() {}
  /// Makes room for what the runs after this bring. Throws ERR_GOOGLENET_MEMORY.
  virtual void reserve(const Incoming&) {}
  /// Bytes of the device that reserve() has taken after that, and so far.
  virtual int64_t room(const Incoming&) const { return 0; }
  virtual int64_t reserved() const { return 0; }
  /// None where nothing is scaled.
  virtual std::optional<LossScale> loss_scaling() { return {}; }
  virtual void set_loss_scaling(const LossScale&) {}
  /// The plan's operations one after another, unless the backend knows better. Outlived by the plan.
  virtual std::unique_ptr<Program> compile(const graph::Plan& plan);
  /// Steps and reads that may be begun before the first of them is finished.
  virtual int steps_in_flight() const { return 1; }
  /// Returns when the oldest step or read that is not finished is done: its metrics or values are there.
  virtual void finish() {}
  /// Returns when all that was begun is done.
  virtual void wait() {}
  /// From which images reach the device fastest; none where any memory serves.
  virtual std::optional<HostMemory> host_memory() const { return {}; }
  /// By a large product and a large copy; none where they are better looked up.
  virtual std::optional<Peaks> measure_peaks() { return {}; }
  /// Bytes that allocate() can give; -1 when nobody knows.
  virtual int64_t free_memory() const { return -1; }
  /// What a user should know of how programs run, and what to do; empty: nothing.
  virtual std::string notice() const { return ""; }

  using Made = std::unique_ptr<Operation>;
  virtual Made make(const graph::step::Input&) = 0;
  virtual Made make(const graph::step::Convolution&) = 0;
  virtual Made make(const graph::step::ConvolutionBackwardData&) = 0;
  virtual Made make(const graph::step::ConvolutionBackwardWeights&) = 0;
  virtual Made make(const graph::step::BatchNorm&) = 0;
  virtual Made make(const graph::step::BatchNormInference&) = 0;
  virtual Made make(const graph::step::BatchNormBackward&) = 0;
  virtual Made make(const graph::step::Relu&) = 0;
  virtual Made make(const graph::step::ReluBackward&) = 0;
  virtual Made make(const graph::step::Lrn&) = 0;
  virtual Made make(const graph::step::LrnBackward&) = 0;
  virtual Made make(const graph::step::MaxPool&) = 0;
  virtual Made make(const graph::step::MaxPoolBackward&) = 0;
  virtual Made make(const graph::step::AveragePool&) = 0;
  virtual Made make(const graph::step::AveragePoolBackward&) = 0;
  virtual Made make(const graph::step::Linear&) = 0;
  virtual Made make(const graph::step::LinearBackwardData&) = 0;
  virtual Made make(const graph::step::LinearBackwardWeights&) = 0;
  virtual Made make(const graph::step::Dropout&) = 0;
  virtual Made make(const graph::step::Copy&) = 0;
  virtual Made make(const graph::step::SoftmaxCrossEntropy&) = 0;
};

}  // namespace googlenet::backends
