// Pooling. The backward passes gather: each input pixel adds what the windows over it hand back, so that no
// two threads write the same place and the order of additions never changes.
#include <limits>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;
using graph::View;
using graph::Window;

// ---- kernels
// ---------------------------------------------------------------------------------------------------

/// best = max(best, x), and the position in the window where it was first found. NaN wins, as in PyTorch.
template <class T>
GOOGLENET_SIMD void take_max(const T* __restrict x, int64_t channels, int32_t position,
                             float* __restrict best, int32_t* __restrict where) {
  for (int64_t c = 0; c < channels; c++) {
    const float v = load(x[c]);
    const bool better = !(v <= best[c]);
    best[c] = better ? v : best[c];
    where[c] = better ? position : where[c];
  }
}

template <class T>
GOOGLENET_SIMD void take_max(const T* __restrict x, int64_t channels, float* __restrict best) {
  for (int64_t c = 0; c < channels; c++) {
    const float v = load(x[c]);
    best[c] = v <= best[c] ? best[c] : v;
  }
}

template <class T>
GOOGLENET_SIMD void put(const float* from, int64_t channels, float scale, T* to) {
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; c++) store(to + c, from[c] * scale);
}

GOOGLENET_SIMD void put_positions(const int32_t* __restrict from, int64_t channels, uint8_t* __restrict to) {
  for (int64_t c = 0; c < channels; c++) to[c] = static_cast<uint8_t>(from[c]);
}

template <class T>
GOOGLENET_SIMD void add(const T* __restrict x, int64_t channels, float* __restrict sum) {
  for (int64_t c = 0; c < channels; c++) sum[c] += load(x[c]);
}

template <class T>
GOOGLENET_SIMD void add_where(const T* __restrict dy, const uint8_t* __restrict argmax, uint8_t position,
                              int64_t channels, float* __restrict sum) {
  for (int64_t c = 0; c < channels; c++) sum[c] += argmax[c] == position ? load(dy[c]) : 0.0f;
}

// ---- windows
// ---------------------------------------------------------------------------------------------------

/// Calls body(row of the input, position in the window) for every input pixel under an output pixel.
template <class Body>
void each_input(const Window& w, int64_t n, int64_t oy, int64_t ox, Body body) {
  for (int64_t ky = 0; ky < w.kernel; ky++) {
    const int64_t y = oy * w.stride - w.padding + ky;
    if (y < 0 || y >= w.in.height) continue;
    for (int64_t kx = 0; kx < w.kernel; kx++) {
      const int64_t x = ox * w.stride - w.padding + kx;
      if (x >= 0 && x < w.in.width) body((n * w.in.height + y) * w.in.width + x, ky * w.kernel + kx);
    }
  }
}

/// Calls body(row of the output, position in its window) for every window over an input pixel.
template <class Body>
void each_output(const Window& w, int64_t n, int64_t y, int64_t x, Body body) {
  for (int64_t ky = (y + w.padding) % w.stride; ky < w.kernel; ky += w.stride) {
    const int64_t oy = (y + w.padding - ky) / w.stride;
    if (y + w.padding < ky || oy >= w.out.height) continue;
    for (int64_t kx = (x + w.padding) % w.stride; kx < w.kernel; kx += w.stride) {
      const int64_t ox = (x + w.padding - kx) / w.stride;
      if (x + w.padding < kx || ox >= w.out.width) continue;
      body((n * w.out.height + oy) * w.out.width + ox, ky * w.kernel + kx);
    }
  }
}

/// Calls body(row, n, y, x) for every pixel of a batch of images, on all threads.
template <class Body>
void each_pixel(int64_t batch, const graph::Shape& shape, Body body) {
  parallel_ranges(batch * shape.pixels(), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      body(row, row / shape.pixels(), row / shape.width % shape.height, row % shape.width);
    }
  });
}

/// A row of sums a thread.
class Rows {
 public:
  explicit Rows(int64_t channels) : channels_(channels), values_(omp_get_max_threads() * channels) {}
  float* mine() { return values_.data() + omp_get_thread_num() * channels_; }

 private:
  int64_t channels_;
  std::vector<float> values_;
};

// ---- maximum
// ---------------------------------------------------------------------------------------------------

template <class T>
class MaxPool : public Operation {
 public:
  explicit MaxPool(const step::MaxPool& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const int64_t channels = in.channels;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    uint8_t* argmax = what_.argmax.buffer < 0 ? nullptr : pointer<uint8_t>(context, what_.argmax);
    Rows best(channels);
    std::vector<int32_t> positions(omp_get_max_threads() * channels);
    each_pixel(what_.window.batch, what_.window.out, [&](int64_t row, int64_t n, int64_t oy, int64_t ox) {
      float* maximum = best.mine();
      int32_t* where = positions.data() + omp_get_thread_num() * channels;
      std::fill_n(maximum, channels, -std::numeric_limits<float>::infinity());
      if (argmax) std::fill_n(where, channels, first_position(oy, ox));
      each_input(what_.window, n, oy, ox, [&](int64_t r, int64_t position) {
        if (argmax)
          return take_max(x + r * in.stride, channels, static_cast<int32_t>(position), maximum, where);
        take_max(x + r * in.stride, channels, maximum);
      });
      put(maximum, channels, 1.0f, y + row * out.stride);
      if (argmax) put_positions(where, channels, argmax + row * what_.argmax.stride);
    });
  }

 private:
  /// Of a window that holds nothing above minus infinity.
  int32_t first_position(int64_t oy, int64_t ox) const {
    const Window& w = what_.window;
    const int64_t ky = std::max<int64_t>(0, w.padding - oy * w.stride);
    const int64_t kx = std::max<int64_t>(0, w.padding - ox * w.stride);
    return static_cast<int32_t>(ky * w.kernel + kx);
  }

  step::MaxPool what_;
};

template <class T>
class MaxPoolBackward : public Operation {
 public:
  explicit MaxPoolBackward(const step::MaxPoolBackward& what) : what_(what) {}

  void run(const Context& context) override {
    const View &from = what_.output_gradient, &to = what_.input_gradient, &where = what_.argmax;
    const T* dy = pointer<T>(context, from);
    const uint8_t* argmax = pointer<uint8_t>(context, where);
    T* dx = pointer<T>(context, to);
    Rows rows(to.channels);
    each_pixel(what_.window.batch, what_.window.in, [&](int64_t row, int64_t n, int64_t y, int64_t x) {
      float* sum = rows.mine();
      std::fill_n(sum, to.channels, 0.0f);
      if (what_.accumulate) add(dx + row * to.stride, to.channels, sum);
      each_output(what_.window, n, y, x, [&](int64_t r, int64_t position) {
        add_where(dy + r * from.stride, argmax + r * where.stride, static_cast<uint8_t>(position),
                  to.channels, sum);
      });
      put(sum, to.channels, 1.0f, dx + row * to.stride);
    });
  }

 private:
  step::MaxPoolBackward what_;
};

// ---- average
// ---------------------------------------------------------------------------------------------------

template <class T>
class AveragePool : public Operation {
 public:
  explicit AveragePool(const step::AveragePool& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const float share = 1.0f / static_cast<float>(what_.window.kernel * what_.window.kernel);
    Rows rows(in.channels);
    each_pixel(what_.window.batch, what_.window.out, [&](int64_t row, int64_t n, int64_t oy, int64_t ox) {
      float* sum = rows.mine();
      std::fill_n(sum, in.channels, 0.0f);
      each_input(what_.window, n, oy, ox,
                 [&](int64_t r, int64_t) { add(x + r * in.stride, in.channels, sum); });
      put(sum, in.channels, share, y + row * out.stride);
    });
  }

 private:
  step::AveragePool what_;
};

template <class T>
class AveragePoolBackward : public Operation {
 public:
  explicit AveragePoolBackward(const step::AveragePoolBackward& what) : what_(what) {}

  void run(const Context& context) override {
    const View &from = what_.output_gradient, &to = what_.input_gradient;
    const T* dy = pointer<T>(context, from);
    T* dx = pointer<T>(context, to);
    const float share = 1.0f / static_cast<float>(what_.window.kernel * what_.window.kernel);
    Rows rows(to.channels);
    each_pixel(what_.window.batch, what_.window.in, [&](int64_t row, int64_t n, int64_t y, int64_t x) {
      float* sum = rows.mine();
      std::fill_n(sum, to.channels, 0.0f);
      each_output(what_.window, n, y, x,
                  [&](int64_t r, int64_t) { add(dy + r * from.stride, to.channels, sum); });
      put(sum, to.channels, share, sum);
      if (what_.accumulate) add(dx + row * to.stride, to.channels, sum);
      put(sum, to.channels, 1.0f, dx + row * to.stride);
    });
  }

 private:
  step::AveragePoolBackward what_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::MaxPool& what) {
  return make_for<MaxPool>(precision_, what);
}
Backend::Made CpuBackend::make(const step::MaxPoolBackward& what) {
  return make_for<MaxPoolBackward>(precision_, what);
}
Backend::Made CpuBackend::make(const step::AveragePool& what) {
  return make_for<AveragePool>(precision_, what);
}
Backend::Made CpuBackend::make(const step::AveragePoolBackward& what) {
  return make_for<AveragePoolBackward>(precision_, what);
}

}  // namespace googlenet::backends::cpu
