// Pooling. Each thread gathers for one pixel and a few channels: backward, what the windows over it hand
// back, so that no two threads write the same place and the order of additions never changes.
#include "backends/cuda/kernels/rows.cuh"
#include "backends/cuda/kernels/windows.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;
using graph::Window;

// ---- kernels

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

/// The largest value and where it was first found. NaN wins, as in PyTorch. `argmax.data` may be null.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads, 4) void max_pool(Plane<Axis> plane, Rows<const T> in, Rows<T> out,
                                                             Rows<uint8_t> argmax) {
  each_pixel<kLanes>(plane.y.out, plane.x.out, in.channels, [&](int64_t row, int n, int oy, int ox, int c) {
    const Span ys = plane.y.under(oy), xs = plane.x.under(ox);
    const auto position = [&](int y, int x) {
      return plane.y.position(oy, y) * plane.x.kernel + plane.x.position(ox, x);
    };
    float best[kLanes];
    int where[kLanes];
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
            const bool better = v[i] > best[i] || isnan(v[i]);
            best[i] = better ? v[i] : best[i];
            where[i] = better ? here : where[i];
          }
        });
    store(out, row, c, best);
    if (!argmax.data) return;
    Packed<uint8_t, kLanes> positions;
#pragma unroll
    for (int i = 0; i < kLanes; i++) positions.values[i] = static_cast<uint8_t>(where[i]);
    positions.store(argmax.at(row, c));
  });
}

/// A window's gradient and where its maximum was.
template <class T, int kLanes>
struct Taken {
  Packed<T, kLanes> gradient;
  Packed<uint8_t, kLanes> argmax;
};

/// dx (+)= the gradients of the windows that took their maximum here.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads) void max_pool_backward(Plane<Axis> plane,
                                                                   Rows<const uint8_t> argmax,
                                                                   Rows<const T> dy, Rows<T> dx,
                                                                   bool accumulate) {
  each_pixel<kLanes>(plane.y.in, plane.x.in, dx.channels, [&](int64_t row, int n, int y, int x, int c) {
    float sum[kLanes]{};
    if (accumulate) load(dx, row, c, sum);
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
    store(dx, row, c, sum);
  });
}

/// Of each input in a window's mean.
template <class Axis>
__device__ float share(const Plane<Axis>& plane, int oy, int ox) {
  const Span ys = plane.y.under(oy), xs = plane.x.under(ox);
  return 1.0f / static_cast<float>((ys.end - ys.begin) * (xs.end - xs.begin));
}

template <int kLanes, class Axis, class T>
__global__ __launch_bounds__(kBlockThreads, 4) void average_pool(Plane<Axis> plane, Rows<const T> in,
                                                                 Rows<T> out) {
  each_pixel<kLanes>(plane.y.out, plane.x.out, in.channels, [&](int64_t row, int n, int oy, int ox, int c) {
    float sum[kLanes]{};
    gather<0>(
        plane.y.under(oy), plane.x.under(ox),
        [&](int y, int x) {
          return Packed<T, kLanes>::load(in.at(pixel_row(n, plane.y.in, plane.x.in, y, x), c));
        },
        [&](const Packed<T, kLanes>& packed, int, int) {
#pragma unroll
          for (int i = 0; i < kLanes; i++) sum[i] += to_float(packed.values[i]);
        });
    const float of_each = share(plane, oy, ox);
#pragma unroll
    for (int i = 0; i < kLanes; i++) sum[i] *= of_each;
    store(out, row, c, sum);
  });
}

template <int kLanes, class Axis, class T>
__global__ __launch_bounds__(kBlockThreads) void average_pool_backward(Plane<Axis> plane, Rows<const T> dy,
                                                                       Rows<T> dx, bool accumulate) {
  each_pixel<kLanes>(plane.y.in, plane.x.in, dx.channels, [&](int64_t row, int n, int y, int x, int c) {
    float sum[kLanes]{};
    if (accumulate) load(dx, row, c, sum);
    gather<0>(
        plane.y.over(y), plane.x.over(x),
        [&](int oy, int ox) {
          return Packed<T, kLanes>::load(dy.at(pixel_row(n, plane.y.out, plane.x.out, oy, ox), c));
        },
        [&](const Packed<T, kLanes>& packed, int oy, int ox) {
          const float of_each = share(plane, oy, ox);
#pragma unroll
          for (int i = 0; i < kLanes; i++) sum[i] = fmaf(to_float(packed.values[i]), of_each, sum[i]);
        });
    store(dx, row, c, sum);
  });
}

// ---- operations

/// A block for each line of each image.
Grid line_grid(int64_t batch, const graph::Shape& shape, int64_t columns) {
  Grid grid = table_grid(shape.width, columns);
  grid.blocks.x = static_cast<unsigned>(batch * shape.height);
  return grid;
}

/// Calls body(kLanes, kSide): the sides that GoogLeNet's max pools have, by name; others by loops.
template <class T, class Body>
void with_lanes_and_side(bool packed, int64_t side, Body body) {
  with_lanes<T>(packed, [&](auto lanes) {
    if constexpr (decltype(lanes)::value > 1) {
      if (side == 2) return body(lanes, std::integral_constant<int, 2>());
      if (side == 3) return body(lanes, std::integral_constant<int, 3>());
    }
    body(lanes, std::integral_constant<int, 0>());
  });
}

/// Calls body(kLanes, plane) of an average pool.
template <class T, class Body>
void with_lanes_and_plane(bool packed, const Window& w, Body body) {
  with_lanes<T>(packed, [&](auto lanes) {
    if (w.adaptive) return body(lanes, Plane<AdaptiveAxis>(w));
    body(lanes, Plane<Axis>(w));
  });
}

template <class T>
class MaxPool : public Operation {
 public:
  MaxPool(CudaBackend& backend, const step::MaxPool& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const Window& w = what_.window;
    const bool keep = what_.argmax.buffer >= 0;
    const bool packed =
        packable(kPack<T>, {what_.input, what_.output}) && (!keep || packable(kPack<T>, {what_.argmax}));
    with_lanes_and_side<T>(packed, w.kernel, [&](auto lanes, auto side) {
      constexpr int kLanes = decltype(lanes)::value, kSide = decltype(side)::value;
      launch(max_pool<kLanes, kSide, T>, line_grid(w.batch, w.out, divide_up(what_.input.channels, kLanes)),
             backend_.stream(), Plane<Axis>(w), rows<const T>(context, what_.input),
             rows<T>(context, what_.output), keep ? rows<uint8_t>(context, what_.argmax) : Rows<uint8_t>{});
    });
  }

 private:
  CudaBackend& backend_;
  step::MaxPool what_;
};

template <class T>
class MaxPoolBackward : public Operation {
 public:
  MaxPoolBackward(CudaBackend& backend, const step::MaxPoolBackward& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const Window& w = what_.window;
    const View &dy = what_.output_gradient, &dx = what_.input_gradient;
    const int64_t windows = divide_up(w.kernel, w.stride);  // over a pixel, at most, on each axis
    with_lanes_and_side<T>(packable(kPack<T>, {what_.argmax, dy, dx}), windows, [&](auto lanes, auto side) {
      constexpr int kLanes = decltype(lanes)::value, kSide = decltype(side)::value;
      launch(max_pool_backward<kLanes, kSide, T>, line_grid(w.batch, w.in, divide_up(dx.channels, kLanes)),
             backend_.stream(), Plane<Axis>(w), rows<const uint8_t>(context, what_.argmax),
             rows<const T>(context, dy), rows<T>(context, dx), what_.accumulate);
    });
  }

 private:
  CudaBackend& backend_;
  step::MaxPoolBackward what_;
};

template <class T>
class AveragePool : public Operation {
 public:
  AveragePool(CudaBackend& backend, const step::AveragePool& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const Window& w = what_.window;
    const bool packed = packable(kPack<T>, {what_.input, what_.output});
    with_lanes_and_plane<T>(packed, w, [&]<class Axis>(auto lanes, const Plane<Axis>& plane) {
      constexpr int kLanes = decltype(lanes)::value;
      launch(average_pool<kLanes, Axis, T>,
             line_grid(w.batch, w.out, divide_up(what_.input.channels, kLanes)), backend_.stream(), plane,
             rows<const T>(context, what_.input), rows<T>(context, what_.output));
    });
  }

 private:
  CudaBackend& backend_;
  step::AveragePool what_;
};

template <class T>
class AveragePoolBackward : public Operation {
 public:
  AveragePoolBackward(CudaBackend& backend, const step::AveragePoolBackward& what)
      : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const Window& w = what_.window;
    const View &dy = what_.output_gradient, &dx = what_.input_gradient;
    const bool packed = packable(kPack<T>, {dy, dx});
    with_lanes_and_plane<T>(packed, w, [&]<class Axis>(auto lanes, const Plane<Axis>& plane) {
      constexpr int kLanes = decltype(lanes)::value;
      launch(average_pool_backward<kLanes, Axis, T>, line_grid(w.batch, w.in, divide_up(dx.channels, kLanes)),
             backend_.stream(), plane, rows<const T>(context, dy), rows<T>(context, dx), what_.accumulate);
    });
  }

 private:
  CudaBackend& backend_;
  step::AveragePoolBackward what_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::MaxPool& what) {
  return make_for<MaxPool>(*this, what);
}
Backend::Made CudaBackend::make(const step::MaxPoolBackward& what) {
  return make_for<MaxPoolBackward>(*this, what);
}
Backend::Made CudaBackend::make(const step::AveragePool& what) {
  return make_for<AveragePool>(*this, what);
}
Backend::Made CudaBackend::make(const step::AveragePoolBackward& what) {
  return make_for<AveragePoolBackward>(*this, what);
}

}  // namespace googlenet::backends::cuda
