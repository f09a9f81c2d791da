// What cuDNN is asked to run for each step of a convolution: known, and checked, without a card.
#pragma once
#include "backends/cuda/cudnn/cudnn.h"
#include "graph/plan.h"

namespace googlenet::backends::cuda {

/// A step's window over channels as they lie in memory, with their padding.
graph::Window lying(graph::Window window, const graph::View& in, const graph::View& out);

/// What cuDNN does of a step, and what it leaves to our kernels.
struct Planned {
  std::string graph;                        // the step as one
  std::shared_ptr<const cudnn::Plan> plan;  // null: no engine takes even its convolution alone
  bool whole = true;                        // or `plan` is of the convolution alone
  std::string refusal;                      // why it is

  /// Throws ERR_GOOGLENET_DEVICE with the graph and cuDNN's reason when there is no plan.
  void require() const;
};

/// y = relu(x * w + bias), and y's statistics, as far as the step has them.
struct ConvolutionPlan : Planned {
  cudnn::Tensor x, w, bias, y, sum, squares;
};
ConvolutionPlan plan_convolution(Cudnn& cudnn, const Options& options, const graph::step::Convolution& what);

/// dx = data(dy, w), or dx += data(dy, w). Not whole: dx is left densely in `apart` bytes, to be added.
struct BackwardDataPlan : Planned {
  cudnn::Tensor dy, w, before, dx;  // `before` has the address of dx
  size_t apart = 0;
};
BackwardDataPlan plan_backward_data(Cudnn& cudnn, const Options& options,
                                    const graph::step::ConvolutionBackwardData& what);

/// dw = weights(x, dy), of `bytes` bytes: [out][side][side][in] with padding.
struct BackwardWeightsPlan : Planned {
  cudnn::Tensor x, dy, dw;
  bool fp32 = false;  // or the activations' type
  size_t bytes = 0;
};
BackwardWeightsPlan plan_backward_weights(Cudnn& cudnn, const Options& options,
                                          const graph::step::ConvolutionBackwardWeights& what);

}  // namespace googlenet::backends::cuda
