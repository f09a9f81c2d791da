// Linear layers by cuBLASLt. A matrix of ours has rows of N; cuBLASLt, which is column-major, sees it
// transposed: y^T = w x^T, with the bias along the columns' rows.
#include "backends/cuda/linear.h"

#include <algorithm>

#include "backends/cuda/backend.h"
#include "backends/cuda/blas.h"
#include "backends/cuda/gradients.h"
#include "backends/cuda/weights.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

/// Of a row, padding included.
int64_t lanes(const graph::View& view) {
  return view.channels + view.padding;
}

// ---- forward

class Linear : public Operation {
 public:
  Linear(CudaBackend& backend, const step::Linear& what)
      : backend_(backend),
        what_(what),
        weights_(backend.weights()),
        copy_(weights_.add(
            weight_copy(what.weight, what.bias, what.pixels, lanes(what.input) / what.pixels, what.output))),
        product_(backend.blas(), product(backend, what)) {
    if (casts_bias()) {
      bias_ = make_device<std::byte>(lanes(what.output) * backend.activation_bytes(), "a bias");
    }
  }

  void prepare(const Context&) override {
    if (!casts_bias()) return;
    enqueue_cast(backend_.precision(), weights_.bias(copy_), bias_.get(), lanes(what_.output),
                 backend_.stream());
  }

  void run(const Context& context) override {
    const void* bias = casts_bias() ? static_cast<const void*>(bias_.get()) : weights_.bias(copy_);
    product_.run(weights_.weight(copy_), address(backend_, context, what_.input),
                 address(backend_, context, what_.output), bias, context.workspace, backend_.stream());
  }

  size_t workspace() const override { return product_.workspace(); }
  size_t prepared() const override {
    return casts_bias() ? lanes(what_.output) * backend_.activation_bytes() : 0;
  }

 private:
  static Product product(CudaBackend& backend, const step::Linear& what) {
    const cudaDataType_t type = backend.blas().type();
    const int64_t in = lanes(what.input), out = lanes(what.output);
    return {.m = out,
            .n = what.input.rows,
            .k = in,
            .a = {type, in, true},
            .b = {type, what.input.stride},
            .d = {what.logits ? CUDA_R_32F : type, what.output.stride},
            .bias = what.bias.count > 0,
            .relu = what.relu};
  }
  bool casts_bias() const {
    return what_.bias.count > 0 && !what_.logits && backend_.precision() != Precision::Fp32;
  }

  CudaBackend& backend_;
  step::Linear what_;
  Weights& weights_;
  int copy_;
  ProductPlan product_;
  DevicePointer<std::byte> bias_;
};

// ---- backward

class LinearBackwardData : public Operation {
 public:
  LinearBackwardData(CudaBackend& backend, const step::LinearBackwardData& what)
      : backend_(backend),
        what_(what),
        weights_(backend.weights()),
        copy_(weights_.add(weight_copy(what.weight, {}, what.pixels, lanes(what.input_gradient) / what.pixels,
                                       what.output_gradient))),
        product_(backend.blas(), product(backend, what)) {}

  void run(const Context& context) override {
    product_.run(weights_.weight(copy_), address(backend_, context, what_.output_gradient),
                 address(backend_, context, what_.input_gradient), nullptr, context.workspace,
                 backend_.stream());
  }

  size_t workspace() const override { return product_.workspace(); }

 private:
  static Product product(CudaBackend& backend, const step::LinearBackwardData& what) {
    const cudaDataType_t type = backend.blas().type();
    const int64_t in = lanes(what.input_gradient), out = lanes(what.output_gradient);
    return {.m = in,
            .n = what.input_gradient.rows,
            .k = out,
            .a = {type, in},
            .b = {type, what.output_gradient.stride},
            .d = {type, what.input_gradient.stride}};
  }

  CudaBackend& backend_;
  step::LinearBackwardData what_;
  Weights& weights_;
  int copy_;
  ProductPlan product_;
};

/// The product goes to the workspace in fp32; what moves it into the flat gradients leaves out the padding.
class LinearBackwardWeights : public Operation {
 public:
  LinearBackwardWeights(CudaBackend& backend, const step::LinearBackwardWeights& what)
      : backend_(backend),
        what_(what),
        copy_(
            weight_copy(what.weight, {}, what.pixels, lanes(what.input) / what.pixels, what.output_gradient)),
        product_(backend.blas(), product(backend, what)) {}

  void run(const Context& context) override {
    std::byte* rest = context.workspace + gradient_bytes();
    product_.run(address(backend_, context, what_.input), address(backend_, context, what_.output_gradient),
                 context.workspace, nullptr, rest, backend_.stream());
    enqueue_weight_gradient(backend_, context.workspace, false, copy_,
                            context.gradients + what_.weight.offset);
    if (what_.bias.count == 0) return;
    enqueue_bias_gradient(backend_, context, what_.output_gradient, rest,
                          context.gradients + what_.bias.offset);
  }

  size_t workspace() const override {
    return gradient_bytes() + std::max(product_.workspace(), bias_gradient_workspace(what_.output_gradient));
  }

 private:
  static Product product(CudaBackend& backend, const step::LinearBackwardWeights& what) {
    const cudaDataType_t type = backend.blas().type();
    const int64_t in = lanes(what.input), out = lanes(what.output_gradient);
    return {.m = in,
            .n = out,
            .k = what.input.rows,
            .a = {type, what.input.stride},
            .b = {type, what.output_gradient.stride, true},
            .d = {CUDA_R_32F, in}};
  }
  size_t gradient_bytes() const {
    return aligned(lanes(what_.input) * lanes(what_.output_gradient) * sizeof(float));
  }

  CudaBackend& backend_;
  step::LinearBackwardWeights what_;
  WeightCopy copy_;  // what the gradient is of
  ProductPlan product_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::Linear& what) {
  return std::make_unique<Linear>(*this, what);
}
Backend::Made CudaBackend::make(const step::LinearBackwardData& what) {
  return std::make_unique<LinearBackwardData>(*this, what);
}
Backend::Made CudaBackend::make(const step::LinearBackwardWeights& what) {
  return std::make_unique<LinearBackwardWeights>(*this, what);
}

}  // namespace googlenet::backends::cuda
