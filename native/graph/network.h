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
  int64_t total() const {
    return parameters + gradients + momentum + average + prepared_weights + arena + workspace;
  }
};

struct Batch {
  backends::Images images;
  int64_t count = 0;
};

class Network {
 public:
  Network(Definition definition, std::unique_ptr<backends::Backend> backend, uint64_t seed);
  ~Network();

  const Definition& definition() const { return definition_; }
  const Shapes& shapes() const { return shapes_; }
  const ParameterTable& table() const { return table_; }

  /// Logits of each head, [count, classes]. In training mode batch statistics are used and the running ones
  /// updated.
  std::vector<std::vector<float>> forward(const Batch& batch, Mode mode, bool averaged, bool main_head_only);
  /// A step in two halves, so that the next may be begun while it runs: steps_in_flight() of them at most,
  /// and no other call between the first that is begun and the last that is ended. Images and labels must
  /// stay until then.
  void begin_step(const Batch& batch, const int32_t* labels, const StepOptions& options);
  /// Of the oldest step that was begun.
  StepResult end_step();
  int steps_in_flight() const { return backend_->steps_in_flight(); }

  /// Values in file order; only trainable parameters for momentum and gradients.
  std::vector<float> get(TensorSet set, const Parameter& parameter);
  bool has(TensorSet set) const;
  static bool in_set(TensorSet set, const Parameter& parameter);
  void set(TensorSet set, const Parameter& parameter, const float* values);

  struct Counters {
    int64_t steps = 0;    // updates made
    int64_t batches = 0;  // training batches seen: keys the dropout masks
  };
  /// As the last step to end left them.
  Counters counters() const { return begun_.empty() ? counters_ : ended_counters_; }
  void set_counters(const Counters& counters) { counters_ = counters; }

  MemoryUse memory() const;
  Plan plan(int64_t batch, Mode mode) const;

 private:
  struct Compiled;
  struct PlanKey {
    Mode mode;
    int64_t batch;
    bool main_head_only;
    auto operator<=>(const PlanKey&) const = default;
  };

  struct BegunStep {
    backends::Metrics metrics;
    Counters counters;  // after it
  };

  Compiled& compiled(const PlanKey& key);
  std::unique_ptr<Compiled> compile(const PlanKey& key);
  Plan plan(const PlanKey& key) const;
  void make_room(const Compiled& compiled);
  std::string largest_batch(const PlanKey& key, int64_t workspace);
  backends::Context context(Compiled& compiled, const Batch& batch, float* weights);
  backends::Update update(const StepOptions& options) const;
  void prepare(Compiled& compiled, const backends::Context& context, uint64_t version);
  void ensure(std::unique_ptr<backends::Memory>& memory, int64_t bytes, const char* purpose);
  backends::Memory* memory_of(TensorSet set) const;
  void touch_weights() { weights_version_ = ++last_version_; }

  Definition definition_;
  Shapes shapes_;
  ParameterTable table_;
  std::unique_ptr<backends::Backend> backend_;
  uint64_t seed_;
  std::unique_ptr<backends::Memory> weights_, momentum_, average_, gradients_, arena_, workspace_;
  std::list<std::pair<PlanKey, std::unique_ptr<Compiled>>> plans_;  // most recently used first
  Counters counters_, ended_counters_;
  std::deque<std::unique_ptr<BegunStep>> begun_;  // and not ended, the oldest first
  uint64_t last_version_ = 0, weights_version_ = 0, average_version_ = 0;
};

}  // namespace googlenet::graph
