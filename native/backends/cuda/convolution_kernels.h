// What is left to do around cuDNN's convolutions. All enqueue on the backend's stream and may be recorded.
#pragma once
#include "backends/cuda/backend.h"

namespace googlenet::backends::cuda {

/// y = relu(y + bias), in place; `bias` may be null.
void add_bias(CudaBackend& backend, const Context& context, const graph::View& y, const float* bias,
              bool relu);

/// Sum and sum of squares of each channel of y into a Float view [2][channels].
void sum_statistics(CudaBackend& backend, const Context& context, const graph::View& y,
                    const graph::View& statistics, std::byte* workspace);

/// Sum of each channel of dy into the flat gradients, which begin with the bias's.
void sum_bias_gradient(CudaBackend& backend, const Context& context, const graph::View& dy, float* gradient,
                       std::byte* workspace);

/// Bytes of workspace that sums over a view's rows need.
size_t sums_workspace(const graph::View& view);

/// to += from, whose rows are as long as the view's channels, padded.
void add_dense(CudaBackend& backend, const Context& context, const void* from, const graph::View& to);

/// [rows][stride] as cuDNN leaves a filter's gradient -> [rows][channels] among the flat gradients.
struct FilterGradient {
  const void* from = nullptr;
  bool fp32 = false;  // or the activations' type
  int64_t rows = 0, channels = 0, stride = 0;
  float* to = nullptr;
};
void take_filter_gradient(CudaBackend& backend, const FilterGradient& gradient);

}  // namespace googlenet::backends::cuda
