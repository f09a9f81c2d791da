// How a kernel writes into the flat fp32 gradients.
#pragma once
#include "backends/cuda/backend.h"

namespace googlenet::backends::cuda {

/// Undoes the loss scale, notes what is not finite, and adds if this batch's gradients are accumulated.
struct GradientWriter {
  const Scalars* scalars;
  LossScale* loss_scale;  // null: the precision needs none

  explicit GradientWriter(const CudaBackend& backend)
      : scalars(backend.scalars()),
        loss_scale(backend.precision() == Precision::Fp16 ? backend.loss_scale() : nullptr) {}

  __device__ void write(float* to, float value) const {
    if (loss_scale) {
      if (!isfinite(value)) loss_scale->overflow = 1;
      value /= loss_scale->scale;
    }
    *to = (scalars->accumulate_gradients ? *to : 0.0f) + value;
  }
};

}  // namespace googlenet::backends::cuda
