#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/packed.cuh"
#include "backends/cuda/linear.h"

namespace googlenet::backends::cuda {
namespace {

template <class T>
__global__ __launch_bounds__(kBlockThreads) void cast(const float* from, T* to, int64_t count) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * kBlockThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kBlockThreads + threadIdx.x; i < count; i += step) {
    to[i] = from_float<T>(from[i]);
  }
}

}  // namespace

void enqueue_cast(Precision precision, const float* from, void* to, int64_t count, cudaStream_t stream) {
  if (precision == Precision::Bf16) {
    launch(cast<__nv_bfloat16>, item_grid(count), stream, from, static_cast<__nv_bfloat16*>(to), count);
  } else {
    launch(cast<__half>, item_grid(count), stream, from, static_cast<__half*>(to), count);
  }
}

}  // namespace googlenet::backends::cuda
