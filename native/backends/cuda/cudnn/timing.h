// Choosing an engine by timing it on the card.
#pragma once
#include <functional>

#include "backends/cuda/cudnn/engine.h"
#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda::cudnn {

/// A candidate's plan, or null when it does not take the graph.
using MakePlan = std::function<std::shared_ptr<Plan>(const Candidate&)>;

/// The plan with the smallest median time among the first candidates, on memory of its own; null when none
/// takes the graph. Waits for the stream.
std::shared_ptr<Plan> fastest(const Graph& graph, const std::vector<Candidate>& candidates,
                              const MakePlan& make, const Device& device, cudaStream_t stream,
                              std::string& refusal);

}  // namespace googlenet::backends::cuda::cudnn
