// Runs CUDA kernels on the host: a .cu file compiled by g++ with this header before it (-include). A block's
// threads are fibers, one block at a time; __syncthreads() hands over to the next. The order of threads and
// blocks is chosen, so that a race shows as a difference between two orders.
#pragma once
#define __device__
#define __global__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)

#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;
using std::isfinite, std::isnan, std::max, std::min;
inline float rsqrtf(float value) {
  return 1 / std::sqrt(value);
}

void __syncthreads();

namespace emulated {

enum class Order { Forward, Backward };
inline Order order = Order::Forward;

/// cudaErrorInvalidConfiguration for a grid that no card takes. Throws std::runtime_error when a thread
/// ends while another of its block waits.
cudaError_t run(const cudaLaunchConfig_t& config, const std::function<void()>& thread);

template <class... Parameters, class... Arguments>
cudaError_t launch(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                   Arguments&&... arguments) {
  const std::tuple<Parameters...> all(std::forward<Arguments>(arguments)...);
  return run(*config, [&] { std::apply(kernel, all); });
}

}  // namespace emulated

#define cudaLaunchKernelEx ::emulated::launch
