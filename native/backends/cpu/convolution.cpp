// Convolution, forward and backward. A 1x1 convolution that reads or writes a slice is a matrix product.
#include <cmath>
#include <cstring>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/primitive.h"
#include "backends/cpu/winograd.h"

namespace googlenet::backends::cpu {
namespace {

using dnnl::memory;
namespace step = graph::step;

// ---- forward

/// The convolution's own weights [out][pixels][in] and bias (null: none), or those with BatchNorm folded in:
/// w * gamma / deviation, and (bias - mean) * gamma / deviation + beta.
class Parameters {
 public:
  Parameters(const Context& context, const step::Convolution& what, void* workspace)
      : weight_(context.weights + what.weight.offset),
        bias_(what.bias.count > 0 ? context.weights + what.bias.offset : nullptr) {
    if (what.fold) fold(context, *what.fold, what.window.out.channels, what.weight.count, workspace);
  }
  static bool has_bias(const step::Convolution& what) { return what.bias.count > 0 || what.fold.has_value(); }
  static size_t workspace(const step::Convolution& what) {
    return what.fold ? (what.weight.count + what.window.out.channels) * sizeof(float) : 0;
  }
  const float* weight() const { return weight_; }
  const float* bias() const { return bias_; }

 private:
  void fold(const Context& context, const graph::Fold& f, int64_t out, int64_t weights, void* workspace) {
    float* folded = static_cast<float*>(workspace);
    float* folded_bias = folded + weights;
    const int64_t count = weights / out;
    for (int64_t o = 0; o < out; o++) {
      const float deviation = std::sqrt(context.weights[f.variance.offset + o] + f.epsilon);
      const float scale = context.weights[f.gamma.offset + o] / deviation;
      const float shift = (bias_ ? bias_[o] : 0.0f) - context.weights[f.mean.offset + o];
      folded_bias[o] = shift * scale + context.weights[f.beta.offset + o];
      for (int64_t i = 0; i < count; i++) folded[o * count + i] = weight_[o * count + i] * scale;
    }
    weight_ = folded;
    bias_ = folded_bias;
  }

  const float *weight_, *bias_;
};

/// By a primitive of oneDNN.
class Convolution : public Operation {
 public:
  Convolution(const OneDnn& dnn, const step::Convolution& what) : dnn_(dnn), what_(what) {
    const bool bias = Parameters::has_bias(what);
    const graph::Window& w = what.window;
    if (what.input.dense() && what.output.dense()) {
      const auto desc = convolution_forward(dnn, w, bias, what.relu);
      take(dnnl::convolution_forward(desc), desc);
      parameter_ = parameter_weights(w);
    } else {
      const int64_t in = w.in.channels, out = w.out.channels;
      Product product;
      product.a = matrix(dnn.activation, what.input.rows, in, what.input.stride);
      product.b = Desc({in, out}, dnn.activation, memory::format_tag::any);
      product.c = matrix(dnn.activation, what.output.rows, out, what.output.stride);
      product.bias = bias;
      product.relu = what.relu;
      const auto desc = matmul(dnn, product);
      take(dnnl::matmul(desc), desc);
      parameter_ = matrix(memory::data_type::f32, out, in, in, true);
    }
    weights_ = memory(weights_desc_, dnn.engine);
    if (bias) bias_ = memory(bias_desc_, dnn.engine);
  }

  void prepare(const Context& context) override {
    const Parameters parameters(context, what_, context.workspace);
    if (bias_) {
      std::memcpy(bias_.get_data_handle(), parameters.bias(), what_.window.out.channels * sizeof(float));
    }
    memory from = dnn_.memory(parameter_, parameters.weight());
    dnnl::reorder(reorder(dnn_, parameter_, weights_desc_)).execute(dnn_.stream, from, weights_);
  }

  void run(const Context& context) override {
    primitive_.execute(context, [&](Arguments& arguments) {
      arguments[DNNL_ARG_SRC] = dnn_.memory(source_desc_, address(dnn_, context, what_.input));
      arguments[DNNL_ARG_DST] = dnn_.memory(destination_desc_, address(dnn_, context, what_.output));
      arguments[DNNL_ARG_WEIGHTS] = weights_;
      if (bias_) arguments[DNNL_ARG_BIAS] = bias_;
    });
  }

  size_t workspace() const override {
    return std::max(primitive_.scratchpad(), Parameters::workspace(what_));
  }
  size_t prepared() const override { return weights_desc_.get_size(); }

 private:
  template <class Made, class Described>
  void take(const Made& primitive, const Described& desc) {
    primitive_ = Primitive(dnn_, primitive, desc);
    source_desc_ = desc.src_desc();
    weights_desc_ = desc.weights_desc();
    destination_desc_ = desc.dst_desc();
    bias_desc_ = desc.bias_desc();
  }

  const OneDnn& dnn_;
  step::Convolution what_;
  Primitive primitive_;
  Desc source_desc_, weights_desc_, destination_desc_, bias_desc_, parameter_;
  memory weights_, bias_{};
};

class WinogradConvolution : public Operation {
 public:
  explicit WinogradConvolution(const step::Convolution& what)
      : what_(what), winograd_(what.window, what.relu) {}

  void prepare(const Context& context) override {
    const Parameters parameters(context, what_, context.workspace);
    winograd_.prepare(parameters.weight(), parameters.bias());
  }

  void run(const Context& context) override {
    winograd_.run(pointer<float>(context, what_.input), what_.input.stride,
                  pointer<float>(context, what_.output), what_.output.stride, context.workspace);
  }

  size_t workspace() const override { return std::max(winograd_.workspace(), Parameters::workspace(what_)); }
  size_t prepared() const override { return winograd_.prepared(); }

 private:
  step::Convolution what_;
  Winograd winograd_;
};

// ---- backward

class ConvolutionBackwardData : public Operation {
 public:
  ConvolutionBackwardData(const OneDnn& dnn, const step::ConvolutionBackwardData& what)
      : dnn_(dnn), what_(what), desc_(convolution_backward_data(dnn, what.window)) {
    primitive_ = Primitive(dnn, dnnl::convolution_backward_data(desc_), desc_);
    weights_ = memory(desc_.weights_desc(), dnn.engine);
  }

  void prepare(const Context& context) override {
    const Desc parameter = parameter_weights(what_.window);
    memory from = dnn_.memory(parameter, context.weights + what_.weight.offset);
    dnnl::reorder(reorder(dnn_, parameter, desc_.weights_desc())).execute(dnn_.stream, from, weights_);
  }

  void run(const Context& context) override {
    primitive_.execute(context, [&](Arguments& arguments) {
      arguments[DNNL_ARG_DIFF_DST] =
          dnn_.memory(desc_.diff_dst_desc(), address(dnn_, context, what_.output_gradient));
      arguments[DNNL_ARG_DIFF_SRC] =
          dnn_.memory(desc_.diff_src_desc(), address(dnn_, context, what_.input_gradient));
      arguments[DNNL_ARG_WEIGHTS] = weights_;
    });
  }

  size_t workspace() const override { return primitive_.scratchpad(); }
  size_t prepared() const override { return desc_.weights_desc().get_size(); }

 private:
  const OneDnn& dnn_;
  step::ConvolutionBackwardData what_;
  dnnl::convolution_backward_data::primitive_desc desc_;
  Primitive primitive_;
  memory weights_;
};

/// The forward convolution of the output's gradient with the window turned around, and in and out exchanged.
class WinogradBackwardData : public Operation {
 public:
  explicit WinogradBackwardData(const step::ConvolutionBackwardData& what)
      : what_(what), winograd_(turned(what.window), false) {}

  static graph::Window turned(const graph::Window& w) {
    return {w.batch, w.out, w.in, w.kernel, w.stride, w.kernel - 1 - w.padding};
  }

  void prepare(const Context& context) override {
    const graph::Window& w = what_.window;
    const int64_t in = w.in.channels, out = w.out.channels, pixels = w.kernel * w.kernel;
    const float* weight = context.weights + what_.weight.offset;
    float* turned = reinterpret_cast<float*>(context.workspace);
    parallel_ranges(in, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        for (int64_t p = 0; p < pixels; p++) {
          float* to = turned + (i * pixels + pixels - 1 - p) * out;
          for (int64_t o = 0; o < out; o++) to[o] = weight[(o * pixels + p) * in + i];
        }
      }
    });
    winograd_.prepare(turned, nullptr);
  }

  void run(const Context& context) override {
    winograd_.run(pointer<float>(context, what_.output_gradient), what_.output_gradient.stride,
                  pointer<float>(context, what_.input_gradient), what_.input_gradient.stride,
                  context.workspace);
  }

  size_t workspace() const override {
    return std::max<size_t>(winograd_.workspace(), what_.weight.count * sizeof(float));
  }
  size_t prepared() const override { return winograd_.prepared(); }

 private:
  step::ConvolutionBackwardData what_;
  Winograd winograd_;
};

class ConvolutionBackwardWeights : public Operation {
 public:
  ConvolutionBackwardWeights(const OneDnn& dnn, const step::ConvolutionBackwardWeights& what)
      : dnn_(dnn), what_(what), desc_(convolution_backward_weights(dnn, what.window)) {
    primitive_ = Primitive(dnn, dnnl::convolution_backward_weights(desc_), desc_);
    const Desc parameter = parameter_weights(what.window);
    copy_ = dnnl::reorder(reorder(dnn, desc_.diff_weights_desc(), parameter));
    add_ = dnnl::reorder(reorder(dnn, desc_.diff_weights_desc(), parameter, true));
  }

  void run(const Context& context) override {
    primitive_.execute(context, [&](Arguments& arguments) {
      std::byte* blocked = context.workspace + lines(primitive_.scratchpad());
      blocked_ = dnn_.memory(desc_.diff_weights_desc(), blocked);
      arguments[DNNL_ARG_SRC] = dnn_.memory(desc_.src_desc(), address(dnn_, context, what_.input));
      arguments[DNNL_ARG_DIFF_DST] =
          dnn_.memory(desc_.diff_dst_desc(), address(dnn_, context, what_.output_gradient));
      arguments[DNNL_ARG_DIFF_WEIGHTS] = blocked_;
    });
    memory gradient = dnn_.memory(parameter_weights(what_.window), context.gradients + what_.weight.offset);
    dnnl::reorder& finish = context.accumulate_gradients ? add_ : copy_;
    finish.execute(dnn_.stream, blocked_, gradient);
    if (what_.bias.count > 0) {
      sum_columns(dnn_, context, what_.output_gradient, context.gradients + what_.bias.offset);
    }
  }

  size_t workspace() const override {
    return lines(primitive_.scratchpad()) + desc_.diff_weights_desc().get_size();
  }

 private:
  const OneDnn& dnn_;
  step::ConvolutionBackwardWeights what_;
  dnnl::convolution_backward_weights::primitive_desc desc_;
  Primitive primitive_;
  dnnl::reorder copy_, add_;
  memory blocked_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::Convolution& what) {
  if (precision_ == Precision::Fp32 && Winograd::suits(what.window, !what.fold)) {
    return std::make_unique<WinogradConvolution>(what);
  }
  return std::make_unique<Convolution>(dnn_, what);
}
Backend::Made CpuBackend::make(const step::ConvolutionBackwardData& what) {
  const graph::Window& w = what.window;
  // oneDNN 2.6's bf16 kernel for 1x1 convolutions (jit_bf16_1x1:avx512_core_bf16) adds rubbish where the
  // number of output channels is odd: it takes them in pairs. A matrix product says the same.
  if (precision_ == Precision::Bf16 && w.kernel == 1 && w.stride == 1 && w.out.channels % 2 == 1) {
    return make(step::LinearBackwardData{what.output_gradient, what.input_gradient, what.weight});
  }
  if (precision_ == Precision::Fp32 && Winograd::suits(WinogradBackwardData::turned(w), true)) {
    return std::make_unique<WinogradBackwardData>(what);
  }
  return std::make_unique<ConvolutionBackwardData>(dnn_, what);
}
Backend::Made CpuBackend::make(const step::ConvolutionBackwardWeights& what) {
  return std::make_unique<ConvolutionBackwardWeights>(dnn_, what);
}

}  // namespace googlenet::backends::cpu
