#include "backends/cuda/kernels/pooling.cuh"
#include "backends/cuda/pooled_batch_norm.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;
using graph::Window;

// ---- kernels

/// Where a ReLU begins: below it there is one value, and no gradient.
__host__ __device__ constexpr float floor_of(bool relu) {
  return relu ? 0.0f : -INFINITY;
}

template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads, 3) void max_pool_normalised(Plane<Axis> plane, Rows<const T> in,
                                                                        const float* scale,
                                                                        const float* shift, float floor,
                                                                        Rows<T> out, Rows<uint8_t> argmax) {
  each_pixel<kLanes>(plane.y.out, plane.x.out, in.channels, [&](int64_t row, int n, int oy, int ox, int c) {
    float a[kLanes], b[kLanes], best[kLanes];
    int where[kLanes];
    load_channels(scale, c, in.channels, a);
    // Where the scale is 0 all are equal, and the first is found.
    const auto rising = [&](int lane, float v) {
      return v * (a[lane] > 0 ? 1.0f : a[lane] < 0 ? -1.0f : 0.0f);
    };
    find_maximum<kSide>(plane, in, n, oy, ox, c, rising, best, where);
    load_channels(shift, c, in.channels, b);
#pragma unroll
    for (int i = 0; i < kLanes; i++) {
      best[i] = fmaf(best[i], fabsf(a[i]), b[i]);
      if (best[i] < floor) best[i] = floor;
    }
    store(out, row, c, best);
    store_positions(argmax, row, c, where);
  });
}

/// dz: the gradient that comes to a pixel from the pool, through the ReLU.
template <int kSide, int kLanes, class T>
__device__ void load_gradient(const Plane<Axis>& plane, const Rows<const uint8_t>& argmax,
                              const Rows<const T>& dy, int n, int y, int x, int c, const float (&v)[kLanes],
                              const float (&scale)[kLanes], const float (&shift)[kLanes], float floor,
                              float (&dz)[kLanes]) {
#pragma unroll
  for (int i = 0; i < kLanes; i++) dz[i] = 0;
  add_taken<kSide>(plane, argmax, dy, n, y, x, c, dz);
#pragma unroll
  for (int i = 0; i < kLanes; i++) {
    if (fmaf(v[i], scale[i], shift[i]) <= floor) dz[i] = 0;
  }
}

/// A block strides over the lines of the images.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads) void add_gradients(Plane<Axis> plane, int lines, Rows<const T> in,
                                                               Rows<const uint8_t> argmax, Rows<const T> dy,
                                                               Saved saved, float floor, float* to) {
  const int column = thread_column<kLanes>();
  float sum[kLanes]{}, product[kLanes]{};
  if (column < in.channels) {
    float scale[kLanes], shift[kLanes], mean[kLanes];
    load_channels(saved.scale, column, in.channels, scale);
    load_channels(saved.shift, column, in.channels, shift);
    load_channels(saved.mean, column, in.channels, mean);
    for (int line = blockIdx.x; line < lines; line += gridDim.x) {
      const int n = line / plane.y.in, y = line % plane.y.in;
      for (int x = threadIdx.y; x < plane.x.in; x += blockDim.y) {
        float v[kLanes], dz[kLanes];
        load(in, static_cast<int64_t>(line) * plane.x.in + x, column, v);
        load_gradient<kSide>(plane, argmax, dy, n, y, x, column, v, scale, shift, floor, dz);
#pragma unroll
        for (int i = 0; i < kLanes; i++) {
          sum[i] += dz[i];
          product[i] += dz[i] * (v[i] - mean[i]);
        }
      }
    }
  }
  put_sums(sum, product, in.channels, to);
}

/// dx may be x.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads) void apply_gradient(Plane<Axis> plane, Rows<const T> in,
                                                                Rows<const uint8_t> argmax, Rows<const T> dy,
                                                                Saved saved, float floor, const float* of_x,
                                                                const float* of_one, Rows<T> dx) {
  each_pixel<kLanes>(plane.y.in, plane.x.in, in.channels, [&](int64_t row, int n, int y, int x, int c) {
    float v[kLanes], dz[kLanes], scale[kLanes], shift[kLanes];
    load(in, row, c, v);
    load_channels(saved.scale, c, in.channels, scale);
    load_channels(saved.shift, c, in.channels, shift);
    load_gradient<kSide>(plane, argmax, dy, n, y, x, c, v, scale, shift, floor, dz);
    float a[kLanes], b[kLanes];
    load_channels(of_x, c, in.channels, a);
    load_channels(of_one, c, in.channels, b);
#pragma unroll
    for (int i = 0; i < kLanes; i++) v[i] = fmaf(scale[i], dz[i], fmaf(a[i], v[i], b[i]));
    store(dx, row, c, v);
  });
}

// ---- launches

/// Of the sums: some of the lines of all images.
Grid sum_line_grid(const Window& w, int64_t channels, int lanes) {
  const int64_t columns = divide_up(channels, lanes), lines = w.batch * w.in.height;
  Grid grid = table_grid(w.in.width, columns);
  grid.blocks.x = static_cast<unsigned>(std::min(lines, std::max<int64_t>(kSumBlocks / grid.blocks.y, 1)));
  return grid;
}

/// Calls body(kLanes, kSide) of a backward pass; GoogLeNet's pools have at most 2 windows over a pixel.
template <class T, class Body>
void with_gradients(const step::BatchNormBackward& what, Body body) {
  const bool packed =
      packable(kPack<T>, {what.input, what.output_gradients[0], what.input_gradient, what.argmax});
  with_lanes_and_side<T, 2>(packed, windows_over_pixel(*what.pool), body);
}

}  // namespace

template <class T>
void pool_normalised(const CudaBackend& backend, const Context& context, const step::BatchNorm& what,
                     const Saved& saved) {
  const Window& w = *what.pool;
  const View& y = what.outputs[0];
  with_lanes_and_side<T, 3>(
      packable(kPack<T>, {what.input, y, what.argmax}), w.kernel, [&](auto lanes, auto side) {
        constexpr int kLanes = decltype(lanes)::value, kSide = decltype(side)::value;
        launch(max_pool_normalised<kLanes, kSide, T>,
               line_grid(w.batch, w.out, divide_up(what.input.channels, kLanes)), backend.stream(),
               Plane<Axis>(w), rows<const T>(context, what.input), saved.scale, saved.shift,
               floor_of(what.relu), rows<T>(context, y), rows<uint8_t>(context, what.argmax));
      });
}

template <class T>
Sums add_pooled_gradients(const CudaBackend& backend, const Context& context,
                          const step::BatchNormBackward& what, const Saved& saved, float* to) {
  const Window& w = *what.pool;
  Sums sums{};
  with_gradients<T>(what, [&](auto lanes, auto side) {
    constexpr int kLanes = decltype(lanes)::value, kSide = decltype(side)::value;
    const Grid grid = sum_line_grid(w, what.input.channels, kLanes);
    launch(add_gradients<kLanes, kSide, T>, grid, backend.stream(), Plane<Axis>(w),
           static_cast<int>(w.batch * w.in.height), rows<const T>(context, what.input),
           rows<const uint8_t>(context, what.argmax), rows<const T>(context, what.output_gradients[0]), saved,
           floor_of(what.relu), to);
    sums = sums_in(to, grid, what.input);
  });
  return sums;
}

size_t pooled_sums_bytes(const step::BatchNormBackward& what) {
  const int64_t channels = what.input.channels;
  return sums_bytes(channels, [&](int lanes) { return sum_line_grid(*what.pool, channels, lanes); });
}

template <class T>
void apply_pooled_gradient(const CudaBackend& backend, const Context& context,
                           const step::BatchNormBackward& what, const Saved& saved, const float* of_x,
                           const float* of_one) {
  const Window& w = *what.pool;
  with_gradients<T>(what, [&](auto lanes, auto side) {
    constexpr int kLanes = decltype(lanes)::value, kSide = decltype(side)::value;
    launch(apply_gradient<kLanes, kSide, T>, line_grid(w.batch, w.in, divide_up(what.input.channels, kLanes)),
           backend.stream(), Plane<Axis>(w), rows<const T>(context, what.input),
           rows<const uint8_t>(context, what.argmax), rows<const T>(context, what.output_gradients[0]), saved,
           floor_of(what.relu), of_x, of_one, rows<T>(context, what.input_gradient));
  });
}

#define GOOGLENET_POOLED(T)                                                                                  \
  template void pool_normalised<T>(const CudaBackend&, const Context&, const step::BatchNorm&,               \
                                   const Saved&);                                                            \
  template Sums add_pooled_gradients<T>(const CudaBackend&, const Context&, const step::BatchNormBackward&,  \
                                        const Saved&, float*);                                               \
  template void apply_pooled_gradient<T>(const CudaBackend&, const Context&, const step::BatchNormBackward&, \
                                         const Saved&, const float*, const float*)
GOOGLENET_POOLED(float);
GOOGLENET_POOLED(__half);
GOOGLENET_POOLED(__nv_bfloat16);
#undef GOOGLENET_POOLED

}  // namespace googlenet::backends::cuda
