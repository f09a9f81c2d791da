// Sums over the rows of a view, channel by channel, in two fixed stages: each block its rows, then the blocks
// in their order. Equal input, equal bits.
#pragma once
#include "backends/cuda/kernels/rows.cuh"

namespace googlenet::backends::cuda {

constexpr int64_t kMostSummingBlocks = 512;

/// `lanes`: channels that a thread has.
inline Grid sums_grid(int64_t rows, int64_t columns, int lanes) {
  return table_grid(rows, divide_up(columns, lanes), kMostSummingBlocks);
}

/// partial[block][sum, and of squares if kSums is 2][columns]
template <int kSums, int kLanes, class T>
__global__ void __launch_bounds__(kBlockThreads)
    sum_rows(Rows<const T> x, int64_t rows, float* __restrict__ partial) {
  __shared__ float shared[kBlockThreads * kLanes];
  const int column = thread_column<kLanes>();
  float sums[kSums][kLanes] = {};
  if (column < x.columns) {
    for (int64_t row = thread_row(); row < rows; row += row_step()) {
      float values[kLanes];
      load(x, row, column, values);
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        sums[0][i] += values[i];
        if constexpr (kSums == 2) sums[1][i] += values[i] * values[i];
      }
    }
  }
  // Lane by lane, so that neighbouring threads use neighbouring banks.
  const int thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
#pragma unroll
  for (int s = 0; s < kSums; s++) {
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kLanes; i++) shared[i * threads + thread] = sums[s][i];
    __syncthreads();
    if (threadIdx.y == 0 && column < x.columns) {
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        float sum = 0;
        for (int y = 0; y < blockDim.y; y++) sum += shared[i * threads + y * blockDim.x + threadIdx.x];
        partial[(static_cast<int64_t>(blockIdx.x) * kSums + s) * x.columns + column + i] = sum;
      }
    }
  }
}

/// Calls take(column, sums) for each column.
template <int kSums, class Take>
__global__ void __launch_bounds__(kBlockThreads)
    sum_blocks(const float* __restrict__ partial, int blocks, int columns, Take take) {
  const int column = blockIdx.x * blockDim.x + threadIdx.x;
  if (column >= columns) return;
  double sums[kSums] = {};
  for (int block = 0; block < blocks; block++) {
#pragma unroll
    for (int s = 0; s < kSums; s++)
      sums[s] += partial[(static_cast<int64_t>(block) * kSums + s) * columns + column];
  }
  take(column, sums);
}

/// `partial`: room for kSums floats a column of kMostSummingBlocks blocks.
template <int kSums, class T, class Take>
void sum_columns(const Rows<const T>& x, int64_t rows, bool packed, float* partial, const Take& take,
                 cudaStream_t stream) {
  with_lanes<T>(packed, [&](auto lanes) {
    const Grid grid = sums_grid(rows, x.columns, lanes);
    launch(sum_rows<kSums, lanes(), T>, grid, stream, x, rows, partial);
    launch(sum_blocks<kSums, Take>, item_grid(x.columns), stream, static_cast<const float*>(partial),
           static_cast<int>(grid.blocks.x), x.columns, take);
  });
}

}  // namespace googlenet::backends::cuda
