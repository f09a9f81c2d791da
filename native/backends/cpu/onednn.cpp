#include "backends/cpu/onednn.h"

namespace googlenet::backends::cpu {
namespace {

using dnnl::algorithm;
using dnnl::prop_kind;
using Type = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;

struct Sides {
  dnnl::memory::dims strides, padding;
  explicit Sides(const graph::Window& w) : strides{w.stride, w.stride}, padding{w.padding, w.padding} {}
};

dnnl::primitive_attr attributes(bool relu, bool accumulate) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (accumulate) after.append_sum(1.0f);
#if DNNL_VERSION_MAJOR >= 3
  if (relu) after.append_eltwise(algorithm::eltwise_relu, 0.0f, 0.0f);
#else
  if (relu) after.append_eltwise(1.0f, algorithm::eltwise_relu, 0.0f, 0.0f);
#endif
  attributes.set_post_ops(after);
  return attributes;
}

}  // namespace

Desc activations(const OneDnn& dnn, int64_t batch, const graph::Shape& shape) {
  return {{batch, shape.channels, shape.height, shape.width}, dnn.activation, Tag::nhwc};
}

Desc matrix(Type type, int64_t rows, int64_t columns, int64_t row, bool transposed) {
  if (transposed) return {{columns, rows}, type, dnnl::memory::dims{1, row}};
  return {{rows, columns}, type, dnnl::memory::dims{row, 1}};
}

Desc weights(Type type, const graph::Window& w) {
  return {{w.out.channels, w.in.channels, w.kernel, w.kernel}, type, Tag::any};
}

Desc parameter_weights(const graph::Window& w) {
  return {{w.out.channels, w.in.channels, w.kernel, w.kernel}, Type::f32, Tag::ohwi};
}

Desc vector(int64_t count) {
  return {{count}, Type::f32, Tag::x};
}

dnnl::convolution_forward::primitive_desc convolution_forward(const OneDnn& dnn, const graph::Window& w,
                                                              bool bias, bool relu) {
  const Sides sides(w);
  const Desc x = activations(dnn, w.batch, w.in), y = activations(dnn, w.batch, w.out);
  const Desc k = weights(dnn.activation, w), b = bias ? vector(w.out.channels) : Desc();
#if DNNL_VERSION_MAJOR >= 3
  return {dnn.engine,
          prop_kind::forward_inference,
          algorithm::convolution_direct,
          x,
          k,
          b,
          y,
          sides.strides,
          sides.padding,
          sides.padding,
          attributes(relu, false)};
#else
  const auto kind = prop_kind::forward_inference;
  const auto direct = algorithm::convolution_direct;
  const dnnl::convolution_forward::desc desc =
      bias ? dnnl::convolution_forward::desc(kind, direct, x, k, b, y, sides.strides, sides.padding,
                                             sides.padding)
           : dnnl::convolution_forward::desc(kind, direct, x, k, y, sides.strides, sides.padding,
                                             sides.padding);
  return {desc, attributes(relu, false), dnn.engine};
#endif
}

namespace {

/// The forward convolution that a backward one must name as its hint.
dnnl::convolution_forward::primitive_desc hint(const OneDnn& dnn, const graph::Window& w) {
  const Sides sides(w);
  const Desc x = activations(dnn, w.batch, w.in), y = activations(dnn, w.batch, w.out);
#if DNNL_VERSION_MAJOR >= 3
  return {dnn.engine,
          prop_kind::forward_training,
          algorithm::convolution_direct,
          x,
          weights(dnn.activation, w),
          y,
          sides.strides,
          sides.padding,
          sides.padding};
#else
  return {{prop_kind::forward_training, algorithm::convolution_direct, x, weights(dnn.activation, w), y,
           sides.strides, sides.padding, sides.padding},
          dnn.engine};
#endif
}

}  // namespace

dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const OneDnn& dnn,
                                                                          const graph::Window& w) {
  const Sides sides(w);
  const Desc x = activations(dnn, w.batch, w.in), y = activations(dnn, w.batch, w.out);
  const Desc k = weights(dnn.activation, w);
#if DNNL_VERSION_MAJOR >= 3
  return {dnn.engine,   algorithm::convolution_direct, x, k, y, sides.strides, sides.padding, sides.padding,
          hint(dnn, w), attributes(false, false)};
#else
  return {{algorithm::convolution_direct, x, k, y, sides.strides, sides.padding, sides.padding},
          attributes(false, false),
          dnn.engine,
          hint(dnn, w)};
#endif
}

dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(const OneDnn& dnn,
                                                                                const graph::Window& w) {
  const Sides sides(w);
  const Desc x = activations(dnn, w.batch, w.in), y = activations(dnn, w.batch, w.out);
  const Desc k = weights(Type::f32, w);
#if DNNL_VERSION_MAJOR >= 3
  return {dnn.engine,   algorithm::convolution_direct, x, k, y, sides.strides, sides.padding, sides.padding,
          hint(dnn, w), attributes(false, false)};
#else
  return {{algorithm::convolution_direct, x, k, y, sides.strides, sides.padding, sides.padding},
          attributes(false, false),
          dnn.engine,
          hint(dnn, w)};
#endif
}

dnnl::matmul::primitive_desc matmul(const OneDnn& dnn, const Product& p) {
  const dnnl::primitive_attr attr = attributes(p.relu, p.accumulate);
  if (!p.bias) {
#if DNNL_VERSION_MAJOR >= 3
    return {dnn.engine, p.a, p.b, p.c, attr};
#else
    return {{p.a, p.b, p.c}, attr, dnn.engine};
#endif
  }
  const Desc bias({1, p.c.dims()[1]}, Type::f32, Tag::ab);
#if DNNL_VERSION_MAJOR >= 3
  return {dnn.engine, p.a, p.b, bias, p.c, attr};
#else
  return {{p.a, p.b, bias, p.c}, attr, dnn.engine};
#endif
}

dnnl::reorder::primitive_desc reorder(const OneDnn& dnn, const Desc& from, const Desc& to, bool accumulate) {
  dnnl::primitive_attr attr;
  if (accumulate) {
    dnnl::post_ops after;
    after.append_sum(1.0f);
    attr.set_post_ops(after);
  }
  return {dnn.engine, from, dnn.engine, to, attr};
}

bool has_avx512() {
  constexpr unsigned kBits = dnnl_cpu_isa_avx512_core;
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kBits) == kBits;
}

}  // namespace googlenet::backends::cpu
