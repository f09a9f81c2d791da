#include "backends/cuda/gradients.h"
#include "backends/cuda/kernels/gradients.cuh"
#include "backends/cuda/kernels/rows.cuh"
#include "backends/cuda/kernels/sums.cuh"

namespace googlenet::backends::cuda {
namespace {

// ---- kernels

/// `rows` are out * pixels.
template <class T>
__global__ __launch_bounds__(kBlockThreads) void move_gradient(const T* from, int64_t rows, unsigned in,
                                                               unsigned padded_in, float* to,
                                                               GradientWriter writer) {
  const int64_t count = rows * in;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kBlockThreads;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kBlockThreads + threadIdx.x; i < count; i += step) {
    const int64_t row = i / in;
    writer.write(to + i, to_float(from[row * padded_in + (i - row * in)]));
  }
}

template <int kLanes, class T>
__global__ __launch_bounds__(kBlockThreads) void add_rows(int64_t count, Rows<const T> x, float* to) {
  const int column = thread_column<kLanes>();
  float sum[kLanes]{};
  const float nothing[kLanes]{};
  if (column < x.channels) {
    for (int64_t row = thread_row(); row < count; row += row_step()) {
      float values[kLanes];
      load(x, row, column, values);
#pragma unroll
      for (int i = 0; i < kLanes; i++) sum[i] += values[i];
    }
  }
  put_sums(sum, nothing, x.channels, to);
}

__global__ __launch_bounds__(kFinishChannels* kFinishParts) void finish_rows(Sums sums, int channels,
                                                                             float* to,
                                                                             GradientWriter writer) {
  const double2 sum = finish_sums(sums, channels);
  const int channel = blockIdx.x * kFinishChannels + threadIdx.x;
  if (threadIdx.y == 0 && channel < channels) writer.write(to + channel, static_cast<float>(sum.x));
}

// ---- launchers

template <class T>
void move(const CudaBackend& backend, const void* from, const WeightCopy& copy, float* to) {
  const int64_t rows = copy.out * copy.pixels;
  launch(move_gradient<T>, item_grid(rows * copy.in), backend.stream(), static_cast<const T*>(from), rows,
         static_cast<unsigned>(copy.in), static_cast<unsigned>(copy.padded_in), to, GradientWriter(backend));
}

template <class T>
void add(const CudaBackend& backend, const Context& context, const graph::View& view, float* partial,
         float* to) {
  const int channels = static_cast<int>(view.channels);
  with_lanes<T>(packable(kPack<T>, {view}), [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    const Grid grid = sum_grid(view, kLanes);
    launch(add_rows<kLanes, T>, grid, backend.stream(), view.rows, rows<const T>(context, view), partial);
    launch(finish_rows, finish_grid(channels), backend.stream(), sums_in(partial, grid, view), channels, to,
           GradientWriter(backend));
  });
}

}  // namespace

void enqueue_weight_gradient(const CudaBackend& backend, const void* from, bool narrow,
                             const WeightCopy& copy, float* to) {
  if (!narrow || backend.precision() == Precision::Fp32) return move<float>(backend, from, copy, to);
  if (backend.precision() == Precision::Bf16) return move<__nv_bfloat16>(backend, from, copy, to);
  move<__half>(backend, from, copy, to);
}

void enqueue_bias_gradient(const CudaBackend& backend, const Context& context,
                           const graph::View& output_gradient, std::byte* workspace, float* to) {
  float* partial = reinterpret_cast<float*>(workspace);
  switch (backend.precision()) {
    case Precision::Fp32:
      return add<float>(backend, context, output_gradient, partial, to);
    case Precision::Bf16:
      return add<__nv_bfloat16>(backend, context, output_gradient, partial, to);
    case Precision::Fp16:
      return add<__half>(backend, context, output_gradient, partial, to);
  }
}

size_t bias_gradient_workspace(const graph::View& output_gradient) {
  return sums_bytes(output_gradient);
}

}  // namespace googlenet::backends::cuda
