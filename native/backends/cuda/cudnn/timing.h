// Choosing an engine by timing it on the card.
#pragma once
#include "backends/cuda/cudnn/engine.h"
#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda::cudnn {

/// The plan with the smallest median time among the first candidates, on memory of its own; null when none
/// takes the graph. Waits for the stream.
std::shared_ptr<const Plan> fastest(const Graph& graph, std::vector<Candidate> candidates,
                                    const Device& device, cudaStream_t stream, std::string& refusal);

}  // namespace googlenet::backends::cuda::cudnn
