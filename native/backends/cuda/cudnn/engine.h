// cuDNN's ways to run a graph: an engine with its knobs set, and the plan that it makes.
#pragma once
#include <map>
#include <memory>
#include <optional>

#include "backends/cuda/cudnn/graph.h"

namespace googlenet::backends::cuda::cudnn {

/// An engine and its knobs by number: what is kept of a choice.
struct Choice {
  int64_t engine = -1;
  std::map<int64_t, int64_t> knobs;

  std::string text() const;  // "1012 4=1 17=0"
  /// Nothing when the text is no choice.
  static std::optional<Choice> parse(const std::string& text);
};

/// What plans are made for: the card of a handle, or a device that is only described.
struct Device {
  cudnnHandle_t handle = nullptr;
  const Descriptor* described = nullptr;
};

/// An engine that may run a graph.
struct Candidate {
  Descriptor config;
  Choice choice;
  bool tensor_cores = false, converts_down = false, reduced_sums = false, deterministic = true;
  bool compiled = false;  // when it is chosen, by NVRTC and the driver
};

/// cuDNN's suggestions, its best first; those of the fallback mode last.
std::vector<Candidate> candidates(const Graph::Built& graph, const Device& device);
/// The candidate of a choice. Throws ERR_GOOGLENET_DEVICE when this cuDNN has no such engine or knob.
Candidate candidate(const Graph::Built& graph, const Device& device, const Choice& choice);

/// A graph that is ready to run, any number of times, with any pointers.
class Plan {
 public:
  Plan(Descriptor descriptor, Choice choice, bool compiled);

  size_t workspace() const { return workspace_; }
  const Choice& choice() const { return choice_; }
  /// At run time.
  bool compiled() const { return compiled_; }
  const Descriptor& descriptor() const { return descriptor_; }
  /// For load_plan().
  std::string text() const;

  /// Median of the timings by which it was chosen; 0 when it was not timed.
  float microseconds = 0;

 private:
  Descriptor descriptor_;
  Choice choice_;
  bool compiled_;
  size_t workspace_;
};

/// Null when the engine does not take the graph; `refusal` then says why.
std::shared_ptr<Plan> make_plan(const Candidate& candidate, const Device& device, std::string& refusal);
/// From the text of a plan that the candidate made; null when cuDNN does not take it.
std::shared_ptr<Plan> load_plan(const Candidate& candidate, const Device& device, const std::string& text);

/// A plan with the pointers of its last run, so that cuDNN's list of them is made once.
class Execution {
 public:
  explicit Execution(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)) {}

  const Plan& plan() const { return *plan_; }
  /// Enqueues it on the handle's stream. May be recorded.
  void run(cudnnHandle_t handle, const std::vector<std::pair<Tensor, void*>>& pointers, void* workspace);

 private:
  std::shared_ptr<const Plan> plan_;
  std::vector<int64_t> ids_;
  std::vector<void*> pointers_;
  void* workspace_ = nullptr;
  std::optional<Descriptor> pack_;
};

}  // namespace googlenet::backends::cuda::cudnn
