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

/// Whether a card takes a grid.
bool possible(const cudaLaunchConfig_t& config);
/// Throws std::runtime_error when a thread ends while another of its block waits.
void run(const cudaLaunchConfig_t& config, const std::function<void()>& thread);
/// Where kernels go; unless it is set they run at once.
inline void (*enqueue)(cudaStream_t stream, std::function<void()> kernel) = nullptr;

template <class... Parameters, class... Arguments>
cudaError_t launch(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                   Arguments&&... arguments) {
  if (!possible(*config)) return cudaErrorInvalidConfiguration;
  const auto body = [config = *config, kernel,
                     all = std::tuple<Parameters...>(std::forward<Arguments>(arguments)...)] {
    run(config, [&] { std::apply(kernel, all); });
  };
  if (enqueue) {
    enqueue(config->stream, body);
  } else {
    body();
  }
  return cudaSuccess;
}

}  // namespace emulated

#define cudaLaunchKernelEx ::emulated::launch
