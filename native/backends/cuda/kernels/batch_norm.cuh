// What the kernels of BatchNorm have in common.
#pragma once
#include "backends/cuda/backend.h"

namespace googlenet::backends::cuda {

/// Step::saved: what the forward pass leaves for the backward pass, a float a channel each.
struct Saved {
  float *scale, *shift, *mean, *inverse;
  Saved(const Context& context, const graph::View& view)
      : scale(pointer<float>(context, view)),
        shift(scale + view.stride),
        mean(shift + view.stride),
        inverse(mean + view.stride) {}
};

/// A value of each of the thread's channels; zero past the last.
template <int kLanes>
__device__ void load_channels(const float* from, int column, int channels, float (&values)[kLanes]) {
#pragma unroll
  for (int i = 0; i < kLanes; i++) values[i] = column + i < channels ? from[column + i] : 0.0f;
}

}  // namespace googlenet::backends::cuda
