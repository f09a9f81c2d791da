// Views on the device: rows of channels, read and written as fp32. A kernel works on kLanes channels at a
// time: kPack<T> where all its views allow it (packable()), else one.
#pragma once
#include <initializer_list>
#include <type_traits>

#include "backends/cuda/backend.h"
#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/packed.cuh"

namespace googlenet::backends::cuda {

template <class T>
struct Rows {
  T* data;
  int64_t stride;
  int channels;
  int columns;  // channels, and the padding after them that belongs to the view

  __device__ T* at(int64_t row, int column) const { return data + row * stride + column; }
};

template <class T>
Rows<T> rows(const Context& context, const graph::View& view) {
  return {pointer<T>(context, view), view.stride, static_cast<int>(view.channels),
          static_cast<int>(view.channels + view.padding)};
}

/// Whether every `lanes` channels of these views are aligned, and theirs to read and to write.
inline bool packable(int lanes, std::initializer_list<graph::View> views) {
  return std::all_of(views.begin(), views.end(), [&](const graph::View& view) {
    return view.offset % lanes == 0 && view.stride % lanes == 0 &&
           round_up(view.channels, lanes) == view.channels + view.padding;
  });
}

/// Calls body(std::integral_constant<int, kLanes>()).
template <class T, class Body>
void with_lanes(bool packed, Body body) {
  if (packed) {
    body(std::integral_constant<int, kPack<T>>());
  } else {
    body(std::integral_constant<int, 1>());
  }
}

/// Makes Layer<T> for the precision's T.
template <template <class> class Layer, class What>
Backend::Made make_for(CudaBackend& backend, const What& what) {
  switch (backend.precision()) {
    case Precision::Bf16:
      return std::make_unique<Layer<__nv_bfloat16>>(backend, what);
    case Precision::Fp16:
      return std::make_unique<Layer<__half>>(backend, what);
    case Precision::Fp32:
      break;
  }
  return std::make_unique<Layer<float>>(backend, what);
}

template <int kLanes, class T>
__device__ void unpack(const Packed<T, kLanes>& packed, float (&values)[kLanes]) {
#pragma unroll
  for (int i = 0; i < kLanes; i++) values[i] = to_float(packed.values[i]);
}

template <int kLanes, class T>
__device__ void load(const Rows<T>& rows, int64_t row, int column, float (&values)[kLanes]) {
  unpack(Packed<std::remove_const_t<T>, kLanes>::load(rows.at(row, column)), values);
}

/// Lanes past the channels, and the padding after the last channel, become zero.
template <int kLanes, class T>
__device__ void store(const Rows<T>& rows, int64_t row, int column, const float (&values)[kLanes]) {
  Packed<T, kLanes> packed;
#pragma unroll
  for (int i = 0; i < kLanes; i++) {
    packed.values[i] = from_float<T>(column + i < rows.channels ? values[i] : 0.0f);
  }
  packed.store(rows.at(row, column));
  if constexpr (kLanes == 1) {
    if (column + 1 < rows.channels) return;
    for (int c = rows.channels; c < rows.columns; c++) *rows.at(row, c) = from_float<T>(0.0f);
  }
}

/// The first of the thread's channels in a table_grid().
template <int kLanes>
__device__ int thread_column() {
  return static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x) * kLanes;
}
/// The thread's first row, and how far it is to its next.
__device__ inline int64_t thread_row() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
}
__device__ inline int64_t row_step() {
  return static_cast<int64_t>(gridDim.x) * blockDim.y;
}

}  // namespace googlenet::backends::cuda
