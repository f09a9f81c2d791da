#include "backends/cuda/cudnn/timing.h"

#include <algorithm>

#include "error.h"

namespace googlenet::backends::cuda::cudnn {
namespace {

// cuDNN's suggestions come best first. An engine that is compiled at run time takes a third of a second.
constexpr int kMostTimed = 16, kMostCompiled = 5;
constexpr int kRuns = 7;
// 0.012 as fp32 and bf16, 1.06 as fp16: zeros would be multiplied with less power, and so faster.
constexpr int kFill = 0x3c;

using Pointers = std::vector<std::pair<Tensor, void*>>;

class Scratch {
 public:
  Scratch(const Graph& graph, cudaStream_t stream) {
    for (const Tensor tensor : graph.stored()) {
      const size_t bytes = graph.bytes(tensor);
      memory_.push_back(make_device<std::byte>(bytes, "timing cuDNN's engines"));
      GOOGLENET_CUDA(cudaMemsetAsync(memory_.back().get(), kFill, bytes, stream));
      pointers_.emplace_back(tensor, memory_.back().get());
    }
  }
  const Pointers& pointers() const { return pointers_; }

 private:
  std::vector<DevicePointer<std::byte>> memory_;
  Pointers pointers_;
};

/// Median, in microseconds.
float time(Execution& execution, const Pointers& pointers, const Device& device, cudaStream_t stream) {
  const auto workspace = make_device<std::byte>(execution.plan().workspace(), "timing cuDNN's engines");
  const auto run = [&] { execution.run(device.handle, pointers, workspace.get()); };
  const Event begin = make_timing_event(), end = make_timing_event();
  run();  // loads the kernel
  std::vector<float> times(kRuns);
  for (float& milliseconds : times) {
    GOOGLENET_CUDA(cudaEventRecord(begin.get(), stream));
    run();
    GOOGLENET_CUDA(cudaEventRecord(end.get(), stream));
    GOOGLENET_CUDA(cudaEventSynchronize(end.get()));
    GOOGLENET_CUDA(cudaEventElapsedTime(&milliseconds, begin.get(), end.get()));
  }
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  return 1000 * times[kRuns / 2];
}

}  // namespace

std::shared_ptr<Plan> fastest(const Graph& graph, const std::vector<Candidate>& candidates,
                              const MakePlan& make, const Device& device, cudaStream_t stream,
                              std::string& refusal) {
  std::shared_ptr<Plan> best;
  std::optional<Scratch> scratch;
  int timed = 0, compiled = 0;
  for (const Candidate& candidate : candidates) {
    if (timed == kMostTimed) break;
    if (candidate.compiled && compiled++ == kMostCompiled) break;
    std::shared_ptr<Plan> plan = make(candidate);
    if (!plan) continue;
    timed++;
    try {
      if (!scratch) scratch.emplace(graph, stream);
      Execution execution(plan);
      plan->microseconds = time(execution, scratch->pointers(), device, stream);
    } catch (const Error& failure) {
      // A candidate that wants more memory than there is, or that does not run, is none. One that leaves the
      // card broken is to be known.
      refusal = failure.what();
      if (cudaStreamSynchronize(stream) == cudaSuccess) continue;
      throw Error("ERR_GOOGLENET_DEVICE", "timing cuDNN's engine " + candidate.choice.text() + " for " +
                                              graph.text() + " failed: " + refusal);
    }
    if (!best || plan->microseconds < best->microseconds) best = std::move(plan);
  }
  return best;
}

}  // namespace googlenet::backends::cuda::cudnn
