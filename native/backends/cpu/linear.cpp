// Linear layers by oneDNN's matrix product. The weight's memory is [out][in]; products read it as it lies, in
// bf16 from a copy in that precision.
#include <cstring>

#include "backends/cpu/backend.h"
#include "backends/cpu/primitive.h"

namespace googlenet::backends::cpu {
namespace {

using dnnl::memory;
namespace step = graph::step;

/// The weight [out][in] in the activations' type: the parameters themselves in fp32, else a copy.
class Weight {
 public:
  Weight(const OneDnn& dnn, const graph::Range& range, int64_t out, int64_t in)
      : dnn_(dnn),
        range_(range),
        stored_(matrix(memory::data_type::f32, out, in, in)),
        used_(matrix(dnn.activation, out, in, in)) {
    if (stored_ != used_) copy_ = memory(used_, dnn.engine);
  }
  void prepare(const Context& context) {
    if (!copy_) return;
    memory from = dnn_.memory(stored_, context.weights + range_.offset);
    dnnl::reorder(reorder(dnn_, stored_, used_)).execute(dnn_.stream, from, copy_);
  }
  /// As a matrix of another description over the same bytes.
  memory as(const Context& context, const Desc& desc) const {
    return dnn_.memory(desc, copy_ ? copy_.get_data_handle() : context.weights + range_.offset);
  }
  size_t bytes() const { return copy_ ? used_.get_size() : 0; }

 private:
  const OneDnn& dnn_;
  graph::Range range_;
  Desc stored_, used_;
  memory copy_{};
};

// ---- forward

class Linear : public Operation {
 public:
  Linear(const OneDnn& dnn, const step::Linear& what)
      : dnn_(dnn), what_(what), weight_(dnn, what.weight, what.output.channels, what.input.channels) {
    const int64_t in = what.input.channels, out = what.output.channels;
    product_.a = matrix(dnn.activation, what.input.rows, in, what.input.stride);
    product_.b = matrix(dnn.activation, out, in, in, true);
    product_.c = matrix(what.logits ? memory::data_type::f32 : dnn.activation, what.output.rows, out,
                        what.output.stride);
    product_.bias = what.bias.count > 0;
    product_.relu = what.relu;
    const auto desc = matmul(dnn, product_);
    primitive_ = Primitive(dnn, dnnl::matmul(desc), desc);
    if (product_.bias) bias_ = memory(desc.bias_desc(), dnn.engine);
  }

  void prepare(const Context& context) override {
    weight_.prepare(context);
    if (bias_) {
      std::memcpy(bias_.get_data_handle(), context.weights + what_.bias.offset,
                  what_.bias.count * sizeof(float));
    }
  }

  void run(const Context& context) override {
    primitive_.execute(context, [&](Arguments& arguments) {
      arguments[DNNL_ARG_SRC] = dnn_.memory(product_.a, address(dnn_, context, what_.input));
      arguments[DNNL_ARG_WEIGHTS] = weight_.as(context, product_.b);
      arguments[DNNL_ARG_DST] = dnn_.memory(product_.c, address(dnn_, context, what_.output));
      if (bias_) arguments[DNNL_ARG_BIAS] = bias_;
    });
  }

  size_t workspace() const override { return primitive_.scratchpad(); }
  size_t prepared() const override { return weight_.bytes(); }

 private:
  const OneDnn& dnn_;
  step::Linear what_;
  Weight weight_;
  Product product_;
  Primitive primitive_;
  memory bias_{};
};

// ---- backward

class LinearBackwardData : public Operation {
 public:
  LinearBackwardData(const OneDnn& dnn, const step::LinearBackwardData& what)
      : dnn_(dnn),
        what_(what),
        weight_(dnn, what.weight, what.output_gradient.channels, what.input_gradient.channels) {
    const int64_t in = what.input_gradient.channels, out = what.output_gradient.channels;
    product_.a = matrix(dnn.activation, what.output_gradient.rows, out, what.output_gradient.stride);
    product_.b = matrix(dnn.activation, out, in, in);
    product_.c = matrix(dnn.activation, what.input_gradient.rows, in, what.input_gradient.stride);
    const auto desc = matmul(dnn, product_);
    primitive_ = Primitive(dnn, dnnl::matmul(desc), desc);
  }

  void prepare(const Context& context) override { weight_.prepare(context); }

  void run(const Context& context) override {
    primitive_.execute(context, [&](Arguments& arguments) {
      arguments[DNNL_ARG_SRC] = dnn_.memory(product_.a, address(dnn_, context, what_.output_gradient));
      arguments[DNNL_ARG_WEIGHTS] = weight_.as(context, product_.b);
      arguments[DNNL_ARG_DST] = dnn_.memory(product_.c, address(dnn_, context, what_.input_gradient));
    });
  }

  size_t workspace() const override { return primitive_.scratchpad(); }
  size_t prepared() const override { return weight_.bytes(); }

 private:
  const OneDnn& dnn_;
  step::LinearBackwardData what_;
  Weight weight_;
  Product product_;
  Primitive primitive_;
};

/// gradient [out][in] = output_gradient^T input, in fp32.
class LinearBackwardWeights : public Operation {
 public:
  LinearBackwardWeights(const OneDnn& dnn, const step::LinearBackwardWeights& what) : dnn_(dnn), what_(what) {
    const int64_t in = what.input.channels, out = what.output_gradient.channels;
    for (bool accumulate : {false, true}) {
      Product& product = product_[accumulate];
      product.a = matrix(dnn.activation, what.output_gradient.rows, out, what.output_gradient.stride, true);
      product.b = matrix(dnn.activation, what.input.rows, in, what.input.stride);
      product.c = matrix(memory::data_type::f32, out, in, in);
      product.accumulate = accumulate;
      const auto desc = matmul(dnn, product);
      primitive_[accumulate] = Primitive(dnn, dnnl::matmul(desc), desc);
    }
  }

  void run(const Context& context) override {
    const Product& product = product_[context.accumulate_gradients];
    primitive_[context.accumulate_gradients].execute(context, [&](Arguments& arguments) {
      arguments[DNNL_ARG_SRC] = dnn_.memory(product.a, address(dnn_, context, what_.output_gradient));
      arguments[DNNL_ARG_WEIGHTS] = dnn_.memory(product.b, address(dnn_, context, what_.input));
      arguments[DNNL_ARG_DST] = dnn_.memory(product.c, context.gradients + what_.weight.offset);
    });
    if (what_.bias.count > 0) {
      sum_columns(dnn_, context, what_.output_gradient, context.gradients + what_.bias.offset);
    }
  }

  size_t workspace() const override {
    return std::max(primitive_[0].scratchpad(), primitive_[1].scratchpad());
  }

 private:
  const OneDnn& dnn_;
  step::LinearBackwardWeights what_;
  Product product_[2];
  Primitive primitive_[2];
};

}  // namespace

Backend::Made CpuBackend::make(const step::Linear& what) {
  return std::make_unique<Linear>(dnn_, what);
}
Backend::Made CpuBackend::make(const step::LinearBackwardData& what) {
  return std::make_unique<LinearBackwardData>(dnn_, what);
}
Backend::Made CpuBackend::make(const step::LinearBackwardWeights& what) {
  return std::make_unique<LinearBackwardWeights>(dnn_, what);
}

}  // namespace googlenet::backends::cpu
