// A network with parameters on a backend: what the addon calls. Not safe for concurrent use; the addon
// queues.
#pragma once
#include <deque>
#include <list>
#include <map>
#include <memory>

#include "backends/backend.h"

namespace googlenet::graph {

enum class TensorSet { Weights, Momentum, Average, Gradients };

struct StepOptions {
  float learning_rate = 0, momentum = 0, weight_decay = 0, label_smoothing = 0, average_decay = 0;
  bool nesterov = false;
  int accumulate_index = 0, accumulate_count = 1;
};

struct StepResult {
  double loss = 0;
  std::vector<double> head_losses;
  int64_t top1 = 0, top5 = 0;
};

/// Bytes.
struct MemoryUse {
  int64_t parameters = 0, gradients = 0, momentum = 0, average = 0, prepared_weights = 0;
  int64_t arena = 0, arena_unshared = 0, workspace = 0;
  int64_t batches = 0;  // of images, on the device
  int64_t total() const {
    return parameters + gradients + momentum + average + prepared_weights + arena + workspace + batches;
  }
};

/// How long a run takes, and each part of it by itself. Seconds.
struct Profile {
  struct Part {
    std::string name, layer;
    double seconds = 0;
  };
  Plan plan;
  std::vector<Part> parts;  // steps of the plan; in training then the update, and what readies the weights
  double whole = 0;         // one run after another
  std::optional<backends::Peaks> peaks;
};

struct Batch {
  backends::Images images;
  int64_t count = 0;
  /// Of each image: the definition's, or one that add_input() brought.
  Shape input;
};

class Network {
 public:
  Network(Definition definition, std::unique_ptr<backends::Backend> backend, uint64_t seed);
  ~Network();

  const Definition& definition() const { return inputs_.front().definition; }
  const Shapes& shapes() const { return inputs_.front().shapes; }
  const ParameterTable& table() const { return table_; }

  /// The same network for images of another size: its layers may differ in what the size decides, as the
  /// windows of pools. Throws ERR_GOOGLENET_SHAPE when its parameters are not the network's.
  void add_input(Definition definition);

  // Forward passes and steps come in two halves, so that the next may be begun while one runs: at most
  // steps_in_flight() of them, ended in the order in which they were begun, and no other call meanwhile.
  // Images and labels must stay until the end.

  /// In training mode batch statistics are used and the running ones updated.
  void begin_forward(const Batch& batch, Mode mode, bool averaged, bool main_head_only);
  /// Logits of each head, [count, classes].
  std::vector<std::vector<float>> end_forward();
  void begin_step(const Batch& batch, const int32_t* labels, const StepOptions& options);
  StepResult end_step();
  int steps_in_flight() const { return backend_->steps_in_flight(); }
  std::optional<backends::HostMemory> host_memory() const { return backend_->host_memory(); }

  /// Values in file order; only trainable parameters for momentum and gradients.
  std::vector<float> get(TensorSet set, const Parameter& parameter);
  bool has(TensorSet set) const;
  static bool in_set(TensorSet set, const Parameter& parameter);
  void set(TensorSet set, const Parameter& parameter, const float* values);

  struct Counters {
    int64_t steps = 0;    // updates made
    int64_t batches = 0;  // training batches seen: keys the dropout masks
  };
  /// As the last call to end left them.
  Counters counters() const { return begun_.empty() ? counters_ : ended_counters_; }
  void set_counters(const Counters& counters) { counters_ = counters; }
  /// Of fp16 on a GPU; none otherwise, where one that is set is passed over.
  std::optional<backends::LossScale> loss_scale() { return backend_->loss_scaling(); }
  void set_loss_scale(const backends::LossScale& scale);

  MemoryUse memory() const;
  std::string notice() const { return backend_->notice(); }
  Plan plan(int64_t batch, Mode mode) const;
  /// Of training steps, or of the forward passes of the main head, on noise with copies of the parameters:
  /// all that the network keeps stays as it is. Where inference is computed in parts, of one part.
  Profile profile(int64_t batch, Mode mode, int repeat);

 private:
  struct Compiled {
    Plan plan;
    std::unique_ptr<backends::Program> program;
    uint64_t prepared_version = 0;
  };
  /// What a size of the images makes of the network.
  struct Input {
    Definition definition;
    Shapes shapes;
  };
  struct PlanKey {
    Mode mode;
    int64_t batch;
    bool main_head_only;
    Shape input;
    bool operator==(const PlanKey&) const = default;
  };

  struct Begun {
    backends::Metrics metrics;
    std::vector<std::vector<float>> logits;
    Counters counters;  // after it
    int to_finish = 1;  // times that the backend has something to finish
  };

  const Input& input(const Shape& shape) const;
  void hold(std::unique_ptr<Begun> begun);
  std::unique_ptr<Begun> end();
  /// With room for a run of it.
  Compiled& compiled(const PlanKey& key, const backends::Incoming& incoming);
  std::unique_ptr<Compiled> compile(const PlanKey& key);
  Plan plan(const PlanKey& key) const;
  void make_room(const Compiled& compiled, const backends::Incoming& incoming);
  std::string largest_batch(const PlanKey& key, const backends::Incoming& incoming, int64_t prepared,
                            int64_t workspace);
  backends::Context context(Compiled& compiled, const Batch& batch, float* weights);
  backends::Update update(const StepOptions& options) const;
  void prepare(Compiled& compiled, const backends::Context& context, uint64_t version);
  void ensure(std::unique_ptr<backends::Memory>& memory, int64_t bytes, const char* purpose);
  backends::Memory* memory_of(TensorSet set) const;
  void touch_weights() { weights_version_ = ++last_version_; }

  std::vector<Input> inputs_;  // the network's own first
  ParameterTable table_;
  std::unique_ptr<backends::Backend> backend_;
  uint64_t seed_;
  std::unique_ptr<backends::Memory> weights_, momentum_, average_, gradients_, arena_, workspace_;
  std::list<std::pair<PlanKey, std::unique_ptr<Compiled>>> plans_;  // most recently used first
  Counters counters_, ended_counters_;
  std::deque<std::unique_ptr<Begun>> begun_;  // and not ended, the oldest first
  std::optional<backends::Peaks> peaks_;      // once measured
  uint64_t last_version_ = 0, weights_version_ = 0, average_version_ = 0;
};

}  // namespace googlenet::graph
