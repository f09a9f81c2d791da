// cuDNN for one card, or for one that is not here: chooses a plan for each graph, once.
#pragma once
#include <memory>
#include <unordered_map>

#include "backends/cuda/cudnn/engine.h"
#include "backends/cuda/cudnn/plan_cache.h"
#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda {

class Cudnn {
 public:
  /// On the current device; plans run on `stream`. Throws ERR_GOOGLENET_DEVICE.
  Cudnn(const Options& options, cudaStream_t stream);
  /// For a device that is described in cuDNN's JSON: plans are made, and cannot run.
  Cudnn(const Options& options, const std::string& description);
  ~Cudnn();

  /// cuDNN's answer to a graph.
  struct Answer {
    std::shared_ptr<const cudnn::Plan> plan;  // null: no engine takes it
    std::string refusal;                      // why the last engine did not, that was tried
  };
  /// The same for equal graphs. Valid as long as this.
  const Answer& ask(const cudnn::Graph& graph);

  cudnnHandle_t handle() const { return handle_.get(); }

 private:
  bool allowed(const cudnn::Candidate& candidate) const;
  Answer choose(const cudnn::Graph& graph, const std::string& text);
  std::shared_ptr<cudnn::Plan> make(const cudnn::Candidate& candidate, const std::string& text,
                                    std::string& refusal) const;
  std::vector<cudnn::Candidate> candidates(const cudnn::Graph::Built& graph) const;
  std::shared_ptr<cudnn::Plan> first(const cudnn::Graph::Built& built, const std::string& text,
                                     std::string& refusal) const;
  std::shared_ptr<cudnn::Plan> tuned(const cudnn::Graph& graph, const cudnn::Graph::Built& built,
                                     const std::string& text, std::string& refusal);

  struct DestroyHandle {
    void operator()(cudnnHandle_t handle) const { cudnn::api().cudnnDestroy(handle); }
  };
  Options options_;
  cudaStream_t stream_ = nullptr;
  std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, DestroyHandle> handle_;
  std::optional<cudnn::Descriptor> described_;
  cudnn::Device device_;
  std::string card_;  // begins the keys of what is kept
  cudnn::PlanCache timed_;
  cudnn::CompiledPlans compiled_;
  std::unordered_map<std::string, Answer> answers_;  // by a graph's text
};

}  // namespace googlenet::backends::cuda
