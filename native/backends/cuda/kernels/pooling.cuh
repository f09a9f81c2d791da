// What kernels over windows have in common. Each thread gathers for one pixel and a few channels: backward,
// what the windows over it hand back, so that no two threads write the same place and the order of additions
// never changes.
#pragma once
#include "backends/cuda/kernels/rows.cuh"
#include "backends/cuda/kernels/windows.h"

namespace googlenet::backends::cuda {

/// Calls use(load(y, x), y, x) for a table of pixels. kSide > 0: a line has at most kSide, and all its loads
/// are under way before the first is used.
template <int kSide, class Load, class Use>
__device__ void gather(Span ys, Span xs, Load load, Use use) {
#pragma unroll 1
  for (int y = ys.begin; y < ys.end; y++) {
    if constexpr (kSide == 0) {
      for (int x = xs.begin; x < xs.end; x++) use(load(y, x), y, x);
    } else {
      decltype(load(0, 0)) loaded[kSide];
#pragma unroll
      for (int k = 0; k < kSide; k++) {
        if (xs.begin + k < xs.end) loaded[k] = load(y, xs.begin + k);
      }
#pragma unroll
      for (int k = 0; k < kSide; k++) {
        if (xs.begin + k < xs.end) use(loaded[k], y, xs.begin + k);
      }
    }
  }
}

/// Calls body(row, n, y, x, column) for the thread's pixels of images whose sides are `height` and `width`: a
/// block has one line of an image (x of grid) and a run of channels (y of grid).
template <int kLanes, class Body>
__device__ void each_pixel(int height, int width, int channels, Body body) {
  const int column = thread_column<kLanes>();
  if (column >= channels) return;
  const int n = blockIdx.x / height, y = blockIdx.x % height;
  for (int x = threadIdx.y; x < width; x += blockDim.y) {
    body(static_cast<int64_t>(blockIdx.x) * width + x, n, y, x, column);
  }
}

__device__ inline int64_t pixel_row(int n, int height, int width, int y, int x) {
  return (static_cast<int64_t>(n) * height + y) * width + x;
}

/// The largest map(lane, value) of a window and where it was first found. NaN wins, as in PyTorch.
template <int kSide, int kLanes, class T, class Map>
__device__ void find_maximum(const Plane<Axis>& plane, const Rows<const T>& in, int n, int oy, int ox, int c,
                             Map map, float (&best)[kLanes], int (&where)[kLanes]) {
  const Span ys = plane.y.under(oy), xs = plane.x.under(ox);
  const auto position = [&](int y, int x) {
    return plane.y.position(oy, y) * plane.x.kernel + plane.x.position(ox, x);
  };
#pragma unroll
  for (int i = 0; i < kLanes; i++) {
    best[i] = -INFINITY;
    where[i] = position(ys.begin, xs.begin);
  }
  gather<kSide>(
      ys, xs,
      [&](int y, int x) {
        return Packed<T, kLanes>::load(in.at(pixel_row(n, plane.y.in, plane.x.in, y, x), c));
      },
      [&](const Packed<T, kLanes>& packed, int y, int x) {
        float v[kLanes];
        unpack(packed, v);
        const int here = position(y, x);
#pragma unroll
        for (int i = 0; i < kLanes; i++) {
          v[i] = map(i, v[i]);
          const bool better = v[i] > best[i] || isnan(v[i]);
          best[i] = better ? v[i] : best[i];
          where[i] = better ? here : where[i];
        }
      });
}

template <int kLanes>
__device__ void store_positions(const Rows<uint8_t>& to, int64_t row, int column,
                                const int (&where)[kLanes]) {
  Packed<uint8_t, kLanes> positions;
#pragma unroll
  for (int i = 0; i < kLanes; i++) positions.values[i] = static_cast<uint8_t>(where[i]);
  positions.store(to.at(row, column));
}

/// A window's gradient and where its maximum was.
template <class T, int kLanes>
struct Taken {
  Packed<T, kLanes> gradient;
  Packed<uint8_t, kLanes> argmax;
};

/// sum += the gradients of the windows that took their maximum at a pixel.
template <int kSide, int kLanes, class T>
__device__ void add_taken(const Plane<Axis>& plane, const Rows<const uint8_t>& argmax,
                          const Rows<const T>& dy, int n, int y, int x, int c, float (&sum)[kLanes]) {
  gather<kSide>(
      plane.y.over(y), plane.x.over(x),
      [&](int oy, int ox) {
        const int64_t from = pixel_row(n, plane.y.out, plane.x.out, oy, ox);
        return Taken<T, kLanes>{Packed<T, kLanes>::load(dy.at(from, c)),
                                Packed<uint8_t, kLanes>::load(argmax.at(from, c))};
      },
      [&](const Taken<T, kLanes>& taken, int oy, int ox) {
        float g[kLanes];
        unpack(taken.gradient, g);
        const int here = plane.y.position(oy, y) * plane.x.kernel + plane.x.position(ox, x);
#pragma unroll
        for (int i = 0; i < kLanes; i++) sum[i] += taken.argmax.values[i] == here ? g[i] : 0.0f;
      });
}

/// A block for each line of each image.
inline Grid line_grid(int64_t batch, const graph::Shape& shape, int64_t columns) {
  Grid grid = table_grid(shape.width, columns);
  grid.blocks.x = static_cast<unsigned>(batch * shape.height);
  return grid;
}

/// Windows over a pixel, at most, on each axis.
inline int64_t windows_over_pixel(const graph::Window& w) {
  return divide_up(w.kernel, w.stride);
}

/// Calls body(kLanes, kSide): sides that are named are known to the compiler, others are loops.
template <class T, int... kSides, class Body>
void with_lanes_and_side(bool packed, int64_t side, Body body) {
  with_lanes<T>(packed, [&](auto lanes) {
    if constexpr (decltype(lanes)::value > 1) {
      if (((side == kSides && (body(lanes, std::integral_constant<int, kSides>()), true)) || ...)) return;
    }
    body(lanes, std::integral_constant<int, 0>());
  });
}

}  // namespace googlenet::backends::cuda
