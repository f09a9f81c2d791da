// Two sums a channel over many rows, in two fixed stages, so that the order of additions never changes: each
// block of a table_grid() leaves its sums in fp32, then finish_sums() adds those of all blocks in double.
#pragma once
#include "backends/cuda/kernels/launch.h"

namespace googlenet::backends::cuda {

constexpr int64_t kSumBlocks = 512;
constexpr int kFinishChannels = 32;  // of a block of the second stage
constexpr int kFinishParts = 16;     // threads that share a channel

/// Where the sums of all blocks lie: [block][2][stride].
struct Sums {
  const float* data;
  int blocks;
  int64_t stride;
};

/// Floats that the first stage leaves.
inline int64_t sum_count(const Grid& grid, int64_t channels) {
  return static_cast<int64_t>(grid.blocks.x) * 2 * channels;
}

inline Grid finish_grid(int64_t channels) {
  return {dim3(static_cast<unsigned>(divide_up(channels, kFinishChannels))),
          dim3(kFinishChannels, kFinishParts)};
}

/// The block's sums over its rows, from those of its threads: to[blockIdx.x][2][channels].
template <int kLanes>
__device__ void put_sums(const float (&first)[kLanes], const float (&second)[kLanes], int channels,
                         float* to) {
  __shared__ float shared[2 * kLanes][kBlockThreads];
  const int thread = threadIdx.y * blockDim.x + threadIdx.x;
#pragma unroll
  for (int i = 0; i < kLanes; i++) {
    shared[i][thread] = first[i];
    shared[kLanes + i][thread] = second[i];
  }
  __syncthreads();
  const int x = blockDim.x;
  for (int k = thread; k < 2 * kLanes * x; k += x * blockDim.y) {
    const int value = k / x, column = k % x;
    const int channel = (blockIdx.y * x + column) * kLanes + value % kLanes;
    if (channel >= channels) continue;
    float sum = 0;
    for (int y = 0; y < static_cast<int>(blockDim.y); y++) sum += shared[value][y * x + column];
    to[(static_cast<int64_t>(blockIdx.x) * 2 + value / kLanes) * channels + channel] = sum;
  }
}

/// In a finish_grid(): the two sums of the thread's channel, on the threads whose threadIdx.y is 0.
__device__ inline double2 finish_sums(const Sums& sums, int channels) {
  __shared__ double2 shared[kFinishParts][kFinishChannels];
  const int channel = blockIdx.x * kFinishChannels + threadIdx.x;
  double2 sum{0, 0};
  if (channel < channels) {
    for (int block = threadIdx.y; block < sums.blocks; block += kFinishParts) {
      const float* at = sums.data + static_cast<int64_t>(block) * 2 * sums.stride + channel;
      sum.x += at[0];
      sum.y += at[sums.stride];
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0) return sum;
  for (int part = 1; part < kFinishParts; part++) {
    sum.x += shared[part][threadIdx.x].x;
    sum.y += shared[part][threadIdx.x].y;
  }
  return sum;
}

}  // namespace googlenet::backends::cuda
