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

  /// The plan for a graph, the same for equal graphs; null when no engine takes it.
  std::shared_ptr<const cudnn::Plan> find(const cudnn::Graph& graph);
  /// The same, but throws ERR_GOOGLENET_DEVICE with the graph and cuDNN's reason.
  std::shared_ptr<const cudnn::Plan> require(const cudnn::Graph& graph);

  cudnnHandle_t handle() const { return handle_.get(); }

  /// Every graph that was asked for so far.
  struct Asked {
    std::string graph;
    std::shared_ptr<const cudnn::Plan> plan;  // null: no engine takes it
    std::string refusal;                      // of the last engine that declined
    bool compiled_refused = false;            // one that is compiled at run time declined
  };
  const std::vector<Asked>& asked() const { return asked_; }

 private:
  bool allowed(const cudnn::Candidate& candidate) const;
  Asked ask(const cudnn::Graph& graph, const std::string& text);
  std::shared_ptr<const cudnn::Plan> first(std::vector<cudnn::Candidate> candidates, Asked& asked) const;
  std::shared_ptr<const cudnn::Plan> tuned(const cudnn::Graph& graph, const cudnn::Graph::Built& built,
                                           Asked& asked);

  struct DestroyHandle {
    void operator()(cudnnHandle_t handle) const { cudnn::api().cudnnDestroy(handle); }
  };
  Options options_;
  cudaStream_t stream_ = nullptr;
  std::unique_ptr<std::remove_pointer_t<cudnnHandle_t>, DestroyHandle> handle_;
  std::optional<cudnn::Descriptor> described_;
  cudnn::Device device_;
  std::string card_;  // begins the cache's keys
  cudnn::PlanCache cache_;
  std::vector<Asked> asked_;
  std::unordered_map<std::string, size_t> known_;  // by a graph's text: its place in asked_
};

}  // namespace googlenet::backends::cuda
