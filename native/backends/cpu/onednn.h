// oneDNN as this backend uses it. What differs between its versions 2 and 3 is here and in onednn.cpp alone.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>
#include <unordered_map>

#include "backends/backend.h"

namespace googlenet::backends::cpu {

using Desc = dnnl::memory::desc;
using Arguments = std::unordered_map<int, dnnl::memory>;

struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  dnnl::memory::data_type activation = dnnl::memory::data_type::f32;

  dnnl::memory memory(const Desc& desc, const void* data) const {
    return {desc, engine, const_cast<void*>(data)};
  }
};

/// N, C, H, W in NHWC order, dense.
Desc activations(const OneDnn& dnn, int64_t batch, const graph::Shape& shape);
/// A matrix with `row` elements from one row to the next; `transposed` gives the view [columns][rows] of it.
Desc matrix(dnnl::memory::data_type type, int64_t rows, int64_t columns, int64_t row,
            bool transposed = false);
/// Convolution weights: O, I, H, W in the layout that oneDNN likes, or as the parameter memory has them
/// (OHWI).
Desc weights(dnnl::memory::data_type type, const graph::Window& window);
Desc parameter_weights(const graph::Window& window);
Desc vector(int64_t count);

dnnl::convolution_forward::primitive_desc convolution_forward(const OneDnn& dnn, const graph::Window& window,
                                                              bool bias, bool relu);
dnnl::convolution_backward_data::primitive_desc convolution_backward_data(const OneDnn& dnn,
                                                                          const graph::Window& window);
/// The weights' gradient is fp32 in every precision.
dnnl::convolution_backward_weights::primitive_desc convolution_backward_weights(const OneDnn& dnn,
                                                                                const graph::Window& window);

struct Product {
  Desc a, b, c;
  bool bias = false;  // one fp32 value a column of c
  bool relu = false;
  bool accumulate = false;  // c += a b
};
dnnl::matmul::primitive_desc matmul(const OneDnn& dnn, const Product& product);
dnnl::reorder::primitive_desc reorder(const OneDnn& dnn, const Desc& from, const Desc& to,
                                      bool accumulate = false);

/// Whether oneDNN uses AVX-512: what the CPU has, unless ONEDNN_MAX_CPU_ISA holds it back.
bool has_avx512();

}  // namespace googlenet::backends::cpu
