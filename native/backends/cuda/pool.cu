// Pooling.
#include "backends/cuda/kernels/pooling.cuh"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;
using graph::Window;

// ---- kernels

/// The largest value and where it was first found. `argmax.data` may be null.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads, 4) void max_pool(Plane<Axis> plane, Rows<const T> in, Rows<T> out,
                                                             Rows<uint8_t> argmax) {
  each_pixel<kLanes>(plane.y.out, plane.x.out, in.channels, [&](int64_t row, int n, int oy, int ox, int c) {
    float best[kLanes];
    int where[kLanes];
    find_maximum<kSide>(
        plane, in, n, oy, ox, c, [](int, float v) { return v; }, best, where);
    store(out, row, c, best);
    if (argmax.data) store_positions(argmax, row, c, where);
  });
}

/// dx (+)= the gradients of the windows that took their maximum here.
template <int kLanes, int kSide, class T>
__global__ __launch_bounds__(kBlockThreads) void max_pool_backward(Plane<Axis> plane,
                                                                   Rows<const uint8_t> argmax,
                                                                   Rows<const T> dy, Rows<T> dx,
                                                                   bool accumulate) {
  each_pixel<kLanes>(plane.y.in, plane.x.in, dx.channels, [&](int64_t row, int n, int y, int x, int c) {
    float sum[kLanes]{};
    if (accumulate) load(dx, row, c, sum);
    add_taken<kSide>(plane, argmax, dy, n, y, x, c, sum);
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
    with_lanes_and_side<T, 2, 3>(packed, w.kernel, [&](auto lanes, auto side) {
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
    const bool packed = packable(kPack<T>, {what_.argmax, dy, dx});
    with_lanes_and_side<T, 2, 3>(packed, windows_over_pixel(w), [&](auto lanes, auto side) {
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
