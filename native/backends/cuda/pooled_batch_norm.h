// BatchNorm and ReLU with the max pool behind them as one: the normalised values are never stored, nor is
// their gradient. Forward the pool looks at the input itself, as scale and shift keep or reverse its order.
// Of float, __half and __nv_bfloat16.
#pragma once
#include "backends/cuda/kernels/batch_norm.cuh"
#include "backends/cuda/kernels/sums.cuh"

namespace googlenet::backends::cuda {

/// The output, from the scale and shift that were saved.
template <class T>
void pool_normalised(const CudaBackend& backend, const Context& context, const graph::step::BatchNorm& what,
                     const Saved& saved);

/// The first stage of the two sums of the backward pass: of dz and of dz * (x - mean).
template <class T>
Sums add_pooled_gradients(const CudaBackend& backend, const Context& context,
                          const graph::step::BatchNormBackward& what, const Saved& saved, float* to);
size_t pooled_sums_bytes(const graph::step::BatchNormBackward& what);

/// The input gradient: scale * dz + of_x * x + of_one.
template <class T>
void apply_pooled_gradient(const CudaBackend& backend, const Context& context,
                           const graph::step::BatchNormBackward& what, const Saved& saved, const float* of_x,
                           const float* of_one);

}  // namespace googlenet::backends::cuda
