// How a kernel's threads are laid out and started.
#pragma once
#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda {

constexpr int kBlockThreads = 256;  // of every kernel, at most
// Blocks of a kernel that strides over its work: what the largest cards hold at once, some times over.
constexpr int64_t kMostBlocks = 4096;

constexpr int64_t divide_up(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
  return divide_up(a, b) * b;
}

struct Grid {
  dim3 blocks, threads;
};

/// Threads over one run of items, each striding on by all of them.
inline Grid item_grid(int64_t items) {
  const int64_t blocks = std::clamp<int64_t>(divide_up(items, kBlockThreads), 1, kMostBlocks);
  return {dim3(static_cast<unsigned>(blocks)), dim3(kBlockThreads)};
}

/// Threads over a table: x of block and y of grid over the columns, so that a thread keeps its column; y of
/// block and x of grid over the rows, on which a thread strides.
inline Grid table_grid(int64_t rows, int64_t columns, int64_t most_blocks = kMostBlocks) {
  const int64_t tiles = divide_up(columns, kBlockThreads / 2);
  const int64_t x = divide_up(columns, tiles);
  const int64_t y = kBlockThreads / x;
  const int64_t blocks =
      std::clamp<int64_t>(divide_up(rows, y), 1, std::max<int64_t>(most_blocks / tiles, 1));
  return {dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(tiles)),
          dim3(static_cast<unsigned>(x), static_cast<unsigned>(y))};
}

/// Throws ERR_GOOGLENET_DEVICE when the launch is refused.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Grid& grid, cudaStream_t stream, Arguments&&... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid.blocks;
  config.blockDim = grid.threads;
  config.stream = stream;
  GOOGLENET_CUDA(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
}

}  // namespace googlenet::backends::cuda
