// Convolution, forward and backward, by cuDNN.
#include <algorithm>

#include "backends/cuda/backend.h"
#include "backends/cuda/convolution_kernels.h"
#include "backends/cuda/convolution_plans.h"
#include "backends/cuda/gradients.h"
#include "backends/cuda/weights.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

/// Between rows of the input and of the output.
WeightCopy copy_of(const graph::Window& window, const graph::Range& weight, const graph::View& in,
                   const graph::View& out) {
  return weight_copy(weight, {}, window.kernel * window.kernel, in.channels + in.padding, out);
}

template <class Plan>
Plan required(Plan plan) {
  plan.require();
  return plan;
}

// ---- forward

class Convolution : public Operation {
 public:
  Convolution(CudaBackend& backend, const step::Convolution& what)
      : backend_(backend),
        weights_(backend.weights()),
        what_(what),
        planned_(required(plan_convolution(backend.cudnn(), backend.options(), what))),
        execution_(planned_.plan) {
    WeightCopy copy = copy_of(what.window, what.weight, what.input, what.output);
    copy.bias = what.bias;
    copy.fold = what.fold;
    copy_ = weights_.add(copy);
  }

  void run(const Context& context) override {
    std::vector<std::pair<cudnn::Tensor, void*>> pointers = {
        {planned_.x, address(backend_, context, what_.input)},
        {planned_.w, weights_.weight(copy_)},
        {planned_.y, address(backend_, context, what_.output)}};
    if (planned_.bias.id >= 0) pointers.emplace_back(planned_.bias, weights_.bias(copy_));
    if (planned_.sum.id >= 0) {
      auto* statistics = pointer<float>(context, what_.statistics);
      pointers.emplace_back(planned_.sum, statistics);
      pointers.emplace_back(planned_.squares, statistics + what_.statistics.stride);
    }
    execution_.run(backend_.cudnn().handle(), pointers, context.workspace);
    if (planned_.whole) return;
    const float* bias = weights_.bias(copy_);
    if (bias != nullptr || what_.relu) enqueue_bias(backend_, context, what_.output, bias, what_.relu);
    if (what_.statistics.buffer >= 0) {
      enqueue_statistics(backend_, context, what_.output, what_.statistics, context.workspace);
    }
  }

  size_t workspace() const override {
    const bool sums = !planned_.whole && what_.statistics.buffer >= 0;
    return std::max(execution_.plan().workspace(), sums ? statistics_workspace(what_.output) : 0);
  }

 private:
  CudaBackend& backend_;
  Weights& weights_;
  step::Convolution what_;
  ConvolutionPlan planned_;
  cudnn::Execution execution_;
  int copy_ = 0;
};

// ---- backward

class ConvolutionBackwardData : public Operation {
 public:
  ConvolutionBackwardData(CudaBackend& backend, const step::ConvolutionBackwardData& what)
      : backend_(backend),
        weights_(backend.weights()),
        what_(what),
        planned_(required(plan_backward_data(backend.cudnn(), backend.options(), what))),
        execution_(planned_.plan),
        copy_(weights_.add(copy_of(what.window, what.weight, what.input_gradient, what.output_gradient))) {}

  void run(const Context& context) override {
    void* gradient = address(backend_, context, what_.input_gradient);
    void* result = planned_.whole ? gradient : context.workspace;
    std::vector<std::pair<cudnn::Tensor, void*>> pointers = {
        {planned_.dy, address(backend_, context, what_.output_gradient)},
        {planned_.w, weights_.weight(copy_)},
        {planned_.dx, result}};
    if (planned_.before.id >= 0) pointers.emplace_back(planned_.before, gradient);
    execution_.run(backend_.cudnn().handle(), pointers, context.workspace + aligned(planned_.apart));
    if (!planned_.whole) enqueue_sum(backend_, context, result, what_.input_gradient);
  }

  size_t workspace() const override { return aligned(planned_.apart) + execution_.plan().workspace(); }

 private:
  CudaBackend& backend_;
  Weights& weights_;
  step::ConvolutionBackwardData what_;
  BackwardDataPlan planned_;
  cudnn::Execution execution_;
  int copy_;
};

class ConvolutionBackwardWeights : public Operation {
 public:
  ConvolutionBackwardWeights(CudaBackend& backend, const step::ConvolutionBackwardWeights& what)
      : backend_(backend),
        what_(what),
        planned_(required(plan_backward_weights(backend.cudnn(), backend.options(), what))),
        execution_(planned_.plan),
        copy_(copy_of(what.window, what.weight, what.input, what.output_gradient)) {}

  void run(const Context& context) override {
    std::byte* result = context.workspace;
    std::byte* workspace = context.workspace + aligned(planned_.bytes);
    execution_.run(backend_.cudnn().handle(),
                   {{planned_.x, address(backend_, context, what_.input)},
                    {planned_.dy, address(backend_, context, what_.output_gradient)},
                    {planned_.dw, result}},
                   workspace);
    enqueue_weight_gradient(backend_, result, !planned_.fp32, copy_, context.gradients + what_.weight.offset);
    if (what_.bias.count > 0) {
      enqueue_bias_gradient(backend_, context, what_.output_gradient, workspace,
                            context.gradients + what_.bias.offset);
    }
  }

  size_t workspace() const override {
    const size_t sums = what_.bias.count > 0 ? bias_gradient_workspace(what_.output_gradient) : 0;
    return aligned(planned_.bytes) + std::max(execution_.plan().workspace(), sums);
  }

 private:
  CudaBackend& backend_;
  step::ConvolutionBackwardWeights what_;
  BackwardWeightsPlan planned_;
  cudnn::Execution execution_;
  WeightCopy copy_;  // what the gradient is of
};

}  // namespace

Backend::Made CudaBackend::make(const step::Convolution& what) {
  return std::make_unique<Convolution>(*this, what);
}
Backend::Made CudaBackend::make(const step::ConvolutionBackwardData& what) {
  return std::make_unique<ConvolutionBackwardData>(*this, what);
}
Backend::Made CudaBackend::make(const step::ConvolutionBackwardWeights& what) {
  return std::make_unique<ConvolutionBackwardWeights>(*this, what);
}

}  // namespace googlenet::backends::cuda
