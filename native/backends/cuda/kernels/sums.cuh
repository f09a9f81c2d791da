// Two sums a channel over many rows, in two fixed stages, so that the order of additions never changes: each
// block of a table_grid() leaves its sums in fp32, then finish_sums() adds those of all blocks in double.
#pragma once
#include "backends/cuda/kernels/rows.cuh"

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

/// The first stage's.
inline Grid sum_grid(const graph::View& view, int lanes) {
  return table_grid(view.rows, divide_up(view.channels, lanes), kSumBlocks);
}
inline Sums sums_in(const float* data, const Grid& grid, const graph::View& view) {
  return {data, static_cast<int>(grid.blocks.x), view.channels};
}
/// Bytes that the first stage leaves in grid_of(lanes), however many lanes it takes at a time.
template <class GridOf>
size_t sums_bytes(int64_t channels, GridOf grid_of) {
  size_t most = 0;
  for (const int lanes : {1, kPack<float>, kPack<__half>}) {
    most = std::max<size_t>(most, grid_of(lanes).blocks.x);
  }
  return most * 2 * channels * sizeof(float);
}
inline size_t sums_bytes(const graph::View& view) {
  return sums_bytes(view.channels, [&](int lanes) { return sum_grid(view, lanes); });
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

/// Sums of x - pivot and of its square, where the pivot is the first row: no cancellation where a mean is
/// large beside its deviation.
template <int kLanes, class T>
__global__ __launch_bounds__(kBlockThreads) void add_moments(int64_t count, Rows<const T> x, float* to) {
  const int column = thread_column<kLanes>();
  float sum[kLanes]{}, square[kLanes]{};
  if (column < x.channels) {
    float pivot[kLanes];
    load(x, 0, column, pivot);
#pragma unroll 4
    for (int64_t row = thread_row(); row < count; row += row_step()) {
      float v[kLanes];
      load(x, row, column, v);
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        const float d = v[i] - pivot[i];
        sum[i] += d;
        square[i] += d * d;
      }
    }
  }
  put_sums(sum, square, x.channels, to);
}

}  // namespace googlenet::backends::cuda
