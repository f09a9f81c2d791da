// The gradients of weights and biases, on their way into the flat fp32 gradients: without padding and loss
// scale, added to those of the batches before where that is asked for.
#pragma once
#include "backends/cuda/backend.h"
#include "backends/cuda/weights.h"

namespace googlenet::backends::cuda {

/// Enqueues: `from`, [padded_out][pixels][padded_in] of `copy`, in fp32 or (`narrow`) in the activations'
/// type -> `to`, [out][pixels][in].
void enqueue_weight_gradient(const CudaBackend& backend, const void* from, bool narrow,
                             const WeightCopy& copy, float* to);

/// Enqueues: the sum of each channel of an output's gradient -> `to`.
void enqueue_bias_gradient(const CudaBackend& backend, const Context& context,
                           const graph::View& output_gradient, std::byte* workspace, float* to);
/// Bytes of workspace for that.
size_t bias_gradient_workspace(const graph::View& output_gradient);

}  // namespace googlenet::backends::cuda
