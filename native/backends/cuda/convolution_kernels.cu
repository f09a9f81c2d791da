// Bias, ReLU and sums for convolutions whose engine leaves them to us.
#include "backends/cuda/convolution_kernels.h"
#include "backends/cuda/kernels/column_sums.cuh"
#include "backends/cuda/kernels/gradients.cuh"

namespace googlenet::backends::cuda {
namespace {

// ---- kernels

template <int kLanes, class T>
__global__ void __launch_bounds__(kBlockThreads)
    add_bias_rows(Rows<T> y, int64_t rows, const float* __restrict__ bias, bool relu) {
  const int column = thread_column<kLanes>();
  if (column >= y.columns) return;
  float shift[kLanes] = {};
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
      // As cuDNN: what is not a number stays so.
      if (relu && values[i] < 0) values[i] = 0;
    }
    store(y, row, column, values);
  }
}

template <int kLanes, class T>
__global__ void __launch_bounds__(kBlockThreads) add_rows(Rows<const T> from, Rows<T> to, int64_t rows) {
  const int column = thread_column<kLanes>();
  if (column >= to.columns) return;
  for (int64_t row = thread_row(); row < rows; row += row_step()) {
    float sum[kLanes], more[kLanes];
    load(to, row, column, sum);
    load(from, row, column, more);
#pragma unroll
    for (int i = 0; i < kLanes; i++) sum[i] += more[i];
    store(to, row, column, sum);
  }
}

template <class From>
__global__ void __launch_bounds__(kBlockThreads)
    take_rows(const From* __restrict__ from, int64_t count, int channels, int stride, float* to,
              GradientWriter writer) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const int64_t row = i / channels;
    writer.write(to + i, to_float(from[row * stride + (i - row * channels)]));
  }
}

struct TakeStatistics {
  float* sums;
  int64_t stride;
  __device__ void operator()(int column, const double (&found)[2]) const {
    sums[column] = static_cast<float>(found[0]);
    sums[stride + column] = static_cast<float>(found[1]);
  }
};

struct TakeBiasGradient {
  float* gradient;
  int channels;
  GradientWriter writer;
  __device__ void operator()(int column, const double (&found)[1]) const {
    if (column < channels) writer.write(gradient + column, static_cast<float>(found[0]));
  }
};

// ---- launches

/// Calls body(T()) for the precision's T.
template <class Body>
void with_type(Precision precision, Body body) {
  switch (precision) {
    case Precision::Bf16:
      return body(__nv_bfloat16());
    case Precision::Fp16:
      return body(__half());
    case Precision::Fp32:
      break;
  }
  body(float());
}

}  // namespace

void add_bias(CudaBackend& backend, const Context& context, const graph::View& y, const float* bias,
              bool relu) {
  with_type(backend.precision(), [&](auto type) {
    using T = decltype(type);
    with_lanes<T>(packable(kPack<T>, {y}), [&](auto lanes) {
      const Rows<T> to = rows<T>(context, y);
      launch(add_bias_rows<lanes(), T>, table_grid(y.rows, divide_up(to.columns, lanes())), backend.stream(),
             to, y.rows, bias, relu);
    });
  });
}

size_t sums_workspace(const graph::View& view) {
  return kMostSummingBlocks * 2 * view.stride * sizeof(float);
}

void sum_statistics(CudaBackend& backend, const Context& context, const graph::View& y,
                    const graph::View& statistics, std::byte* workspace) {
  with_type(backend.precision(), [&](auto type) {
    using T = decltype(type);
    sum_columns<2, T>(
        rows<const T>(context, y), y.rows, packable(kPack<T>, {y}), reinterpret_cast<float*>(workspace),
        TakeStatistics{pointer<float>(context, statistics), statistics.stride}, backend.stream());
  });
}

void sum_bias_gradient(CudaBackend& backend, const Context& context, const graph::View& dy, float* gradient,
                       std::byte* workspace) {
  with_type(backend.precision(), [&](auto type) {
    using T = decltype(type);
    sum_columns<1, T>(
        rows<const T>(context, dy), dy.rows, packable(kPack<T>, {dy}), reinterpret_cast<float*>(workspace),
        TakeBiasGradient{gradient, static_cast<int>(dy.channels), GradientWriter(backend)}, backend.stream());
  });
}

void add_dense(CudaBackend& backend, const Context& context, const void* from, const graph::View& to) {
  with_type(backend.precision(), [&](auto type) {
    using T = decltype(type);
    with_lanes<T>(packable(kPack<T>, {to}), [&](auto lanes) {
      const Rows<T> sum = rows<T>(context, to);
      const auto stride = round_up(to.channels, kPack<T>);
      const Rows<const T> more = {static_cast<const T*>(from), stride, sum.channels, sum.columns};
      launch(add_rows<lanes(), T>, table_grid(to.rows, divide_up(sum.columns, lanes())), backend.stream(),
             more, sum, to.rows);
    });
  });
}

void take_filter_gradient(CudaBackend& backend, const FilterGradient& gradient) {
  const int64_t count = gradient.rows * gradient.channels;
  with_type(gradient.fp32 ? Precision::Fp32 : backend.precision(), [&](auto type) {
    using From = decltype(type);
    launch(take_rows<From>, item_grid(count), backend.stream(), static_cast<const From*>(gradient.from),
           count, static_cast<int>(gradient.channels), static_cast<int>(gradient.stride), gradient.to,
           GradientWriter(backend));
  });
}

}  // namespace googlenet::backends::cuda
