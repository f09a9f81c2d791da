// What an engine may leave to do around cuDNN's convolutions. All enqueue on the backend's stream.
#pragma once
#include "backends/cuda/backend.h"

namespace googlenet::backends::cuda {

/// y = relu(y + bias), in place; `bias` may be null.
void enqueue_bias(const CudaBackend& backend, const Context& context, const graph::View& y, const float* bias,
                  bool relu);

/// Sum and sum of squares of each channel of y into a Float view [2][channels].
void enqueue_statistics(const CudaBackend& backend, const Context& context, const graph::View& y,
                        const graph::View& statistics, std::byte* workspace);
/// Bytes of workspace for that.
size_t statistics_workspace(const graph::View& y);

/// to += from, which has the view's channels and padding alone in its rows.
void enqueue_sum(const CudaBackend& backend, const Context& context, const void* from, const graph::View& to);

}  // namespace googlenet::backends::cuda
