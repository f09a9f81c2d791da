// What cuDNN is asked to run for each step of a convolution: known, and checked, without a card.
#pragma once
#include "backends/cuda/cudnn/cudnn.h"
#include "graph/plan.h"

namespace googlenet::backends::cuda {

/// A step's window over channels as they lie in memory, with their padding.
graph::Window lying(graph::Window window, const graph::View& in, const graph::View& out);

/// y = relu(x * w + bias), and y's statistics, as far as the step has them.
struct ConvolutionPlan {
  cudnn::Tensor x, w, bias, y, sum, squares;
  std::shared_ptr<const cudnn::Plan> plan;
  bool whole = true;  // or only y = x * w, and our kernels do the rest
};
/// Throws ERR_GOOGLENET_DEVICE when cuDNN has no engine for it; so do the others.
ConvolutionPlan plan_convolution(Cudnn& cudnn, Precision precision, const graph::step::Convolution& step);

/// dx = data(dy, w), or dx += data(dy, w).
struct BackwardDataPlan {
  cudnn::Tensor dy, w, before, dx;  // `before` has the address of dx
  std::shared_ptr<const cudnn::Plan> plan;
  bool whole = true;  // or dx is left densely in `apart` bytes, and a kernel of ours adds it
  size_t apart = 0;
};
BackwardDataPlan plan_backward_data(Cudnn& cudnn, Precision precision,
                                    const graph::step::ConvolutionBackwardData& step);

/// dw = weights(x, dy), of `bytes` bytes: [padded out][side][side][padded in].
struct BackwardWeightsPlan {
  cudnn::Tensor x, dy, dw;
  std::shared_ptr<const cudnn::Plan> plan;
  bool fp32 = false;  // or the activations' type
  size_t bytes = 0;
};
BackwardWeightsPlan plan_backward_weights(Cudnn& cudnn, const Options& options,
                                          const graph::step::ConvolutionBackwardWeights& step);

}  // namespace googlenet::backends::cuda
