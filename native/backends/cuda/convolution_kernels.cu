#include "backends/cuda/convolution_kernels.h"
#include "backends/cuda/kernels/rows.cuh"
#include "backends/cuda/kernels/sums.cuh"

namespace googlenet::backends::cuda {
namespace {

// ---- kernels

/// As cuDNN's ReLU: what is not a number stays so.
template <int kLanes, class T>
__global__ __launch_bounds__(kBlockThreads) void add_bias(Rows<T> y, int64_t rows, const float* bias,
                                                          bool relu) {
  const int column = thread_column<kLanes>();
  if (column >= y.channels) return;
  float shift[kLanes]{};
  if (bias) {
#pragma unroll
    for (int i = 0; i < kLanes; i++) shift[i] = bias[column + i];
  }
  for (int64_t row = thread_row(); row < rows; row += row_step()) {
    float values[kLanes];
    load(y, row, column, values);
#pragma unroll
    for (int i = 0; i < kLanes; i++) {
      values[i] += shift[i];
      if (relu && values[i] < 0) values[i] = 0;
    }
    store(y, row, column, values);
  }
}

template <int kLanes, class T>
__global__ __launch_bounds__(kBlockThreads) void add_rows(Rows<const T> from, Rows<T> to, int64_t rows) {
  const int column = thread_column<kLanes>();
  if (column >= to.channels) return;
  for (int64_t row = thread_row(); row < rows; row += row_step()) {
    float sum[kLanes], more[kLanes];
    load(to, row, column, sum);
    load(from, row, column, more);
#pragma unroll
    for (int i = 0; i < kLanes; i++) sum[i] += more[i];
    store(to, row, column, sum);
  }
}

/// From sums about a pivot to those of y itself.
template <class T>
__global__ __launch_bounds__(kFinishChannels* kFinishParts) void finish_statistics(Sums sums, const T* pivot,
                                                                                   double count, int channels,
                                                                                   float* to,
                                                                                   int64_t stride) {
  const double2 total = finish_sums(sums, channels);
  const int channel = blockIdx.x * kFinishChannels + threadIdx.x;
  if (threadIdx.y > 0 || channel >= channels) return;
  const double p = to_float(pivot[channel]);
  to[channel] = static_cast<float>(total.x + count * p);
  to[stride + channel] = static_cast<float>(total.y + p * (2 * total.x + count * p));
}

// ---- launchers

/// Calls body(T(), lanes) for the precision's T and what the view allows.
template <class Body>
void with_rows(Precision precision, const graph::View& view, Body body) {
  const auto with = [&](auto type) {
    using T = decltype(type);
    with_lanes<T>(packable(kPack<T>, {view}), [&](auto lanes) { body(type, lanes); });
  };
  switch (precision) {
    case Precision::Fp32:
      return with(float());
    case Precision::Bf16:
      return with(__nv_bfloat16());
    case Precision::Fp16:
      return with(__half());
  }
}

}  // namespace

void enqueue_bias(const CudaBackend& backend, const Context& context, const graph::View& y, const float* bias,
                  bool relu) {
  with_rows(backend.precision(), y, [&](auto type, auto lanes) {
    using T = decltype(type);
    constexpr int kLanes = decltype(lanes)::value;
    launch(add_bias<kLanes, T>, table_grid(y.rows, divide_up(y.channels, kLanes)), backend.stream(),
           rows<T>(context, y), y.rows, bias, relu);
  });
}

void enqueue_statistics(const CudaBackend& backend, const Context& context, const graph::View& y,
                        const graph::View& statistics, std::byte* workspace) {
  const int channels = static_cast<int>(y.channels);
  float* partial = reinterpret_cast<float*>(workspace);
  with_rows(backend.precision(), y, [&](auto type, auto lanes) {
    using T = decltype(type);
    constexpr int kLanes = decltype(lanes)::value;
    const Grid grid = sum_grid(y, kLanes);
    const Rows<const T> x = rows<const T>(context, y);
    launch(add_moments<kLanes, T>, grid, backend.stream(), y.rows, x, partial);
    launch(finish_statistics<T>, finish_grid(channels), backend.stream(), sums_in(partial, grid, y), x.data,
           static_cast<double>(y.rows), channels, pointer<float>(context, statistics), statistics.stride);
  });
}

size_t statistics_workspace(const graph::View& y) {
  return sums_bytes(y);
}

void enqueue_sum(const CudaBackend& backend, const Context& context, const void* from,
                 const graph::View& to) {
  with_rows(backend.precision(), to, [&](auto type, auto lanes) {
    using T = decltype(type);
    constexpr int kLanes = decltype(lanes)::value;
    const Rows<T> sum = rows<T>(context, to);
    const Rows<const T> more{static_cast<const T*>(from), sum.columns, sum.channels, sum.columns};
    launch(add_rows<kLanes, T>, table_grid(to.rows, divide_up(to.channels, kLanes)), backend.stream(), more,
           sum, to.rows);
  });
}

}  // namespace googlenet::backends::cuda
