// Pooling. The backward passes gather: each input pixel adds what the windows over it hand back, so that no
// two threads write the same place and the order of additions never changes.
#include <array>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/vectors.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;
using graph::View;
using graph::Window;

constexpr int64_t kSide = 3;          // of the windows that slide_max() is made for: all of GoogLeNet's
constexpr int kMostPixels = 15 * 15;  // of a window: infer_shapes allows no wider one

// ---- kernels

/// The largest value of `count` rows and where it was first found. NaN wins, as in PyTorch.
template <bool kArgmax, class T>
void take_max(const T* const* rows, const int32_t* positions, int count, int64_t channels, T* y,
              uint8_t* argmax) {
  using L = Lanes<T>;
  using Bits = typename L::Bits;
  by_registers<T>(channels, [&](int64_t c, auto lanes) {
    auto best = L::key(load_bits(rows[0] + c, lanes));
    Bits where = Bits{} + static_cast<int16_t>(positions[0]);
    for (int k = 1; k < count; k++) {
      const auto v = L::key(load_bits(rows[k] + c, lanes));
      const Bits better = L::above(v, best);
      if (kArgmax) where = better ? Bits{} + static_cast<int16_t>(positions[k]) : where;
      best = better ? v : best;
    }
    store_bits(y + c, L::bits(best), lanes);
    if (kArgmax) store_bytes<T>(argmax + c, where, lanes);
  });
}

/// One row of outputs of windows kSide wide, without the places: the maxima of columns are taken once for all
/// windows over them. `rows` are the `count` rows of the input under it; a column outside is as good as the
/// nearest one inside, which lies in the same window.
template <class T>
void slide_max(const T* const* rows, int count, const Window& w, int64_t x_stride, int64_t channels, T* y,
               int64_t y_stride) {
  using L = Lanes<T>;
  using Key = typename L::Key;
  by_registers<T>(channels, [&](int64_t c, auto lanes) {
    const auto column = [&](int64_t x) {
      const int64_t at = std::clamp<int64_t>(x, 0, w.in.width - 1) * x_stride + c;
      Key best = L::key(load_bits(rows[0] + at, lanes));
      for (int k = 1; k < count; k++) {
        const Key v = L::key(load_bits(rows[k] + at, lanes));
        best = L::above(v, best) ? v : best;
      }
      return best;
    };
    Key before{}, last{};  // the columns that the next window shares with this one
    for (int64_t ox = 0; ox < w.out.width; ox++) {
      const int64_t x = ox * w.stride - w.padding;
      const bool fresh = ox == 0;
      const Key a = fresh || w.stride > 2 ? column(x) : w.stride == 2 ? last : before;
      const Key b = fresh || w.stride > 1 ? column(x + 1) : last;
      const Key d = column(x + 2);
      Key best = L::above(b, a) ? b : a;
      best = L::above(d, best) ? d : best;
      store_bits(y + ox * y_stride + c, L::bits(best), lanes);
      before = b;
      last = d;
    }
  });
}

/// dx (+)= the gradients of the windows that took their maximum here.
template <class T>
void give_back(const T* const* dy, const uint8_t* const* argmax, const int32_t* positions, int count,
               int64_t channels, bool accumulate, T* dx) {
  using Bits = typename Lanes<T>::Bits;
  by_registers<T>(channels, [&](int64_t c, auto lanes) {
    typename Lanes<T>::Sum sum;
    if (accumulate) sum.add(load_bits(dx + c, lanes));
    for (int k = 0; k < count; k++) {
      const Bits taken = load_bytes<T>(argmax[k] + c, lanes) == static_cast<int16_t>(positions[k]);
      sum.add(taken & load_bits(dy[k] + c, lanes));
    }
    store_bits(dx + c, sum.rounded(), lanes);
  });
}

template <class T>
GOOGLENET_SIMD void put(const float* from, int64_t channels, float scale, T* to) {
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; c++) store(to + c, from[c] * scale);
}

template <class T>
GOOGLENET_SIMD void add(const T* __restrict x, int64_t channels, float scale, float* __restrict sum) {
  for (int64_t c = 0; c < channels; c++) sum[c] += load(x[c]) * scale;
}

// ---- windows

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

/// A run of places along one axis.
struct Span {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

/// Of an axis of `in` places and `out` windows: the places under one of an average pool's windows.
Span under(const Window& w, int64_t window, int64_t in, int64_t out) {
  if (w.adaptive) return {window * in / out, ((window + 1) * in + out - 1) / out};
  return {window * w.stride, window * w.stride + w.kernel};
}

/// The windows of an average pool over one of the places.
Span over(const Window& w, int64_t place, int64_t in, int64_t out) {
  if (w.adaptive) return {place * out / in, ((place + 1) * out + in - 1) / in};
  const int64_t first = place < w.kernel ? 0 : (place - w.kernel) / w.stride + 1;
  return {first, std::min(place / w.stride + 1, out)};
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

template <class T>
class MaxPool : public Operation {
 public:
  explicit MaxPool(const step::MaxPool& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const bool keep = what_.argmax.buffer >= 0;
    if (!keep && what_.window.kernel == kSide) return slide(context);
    uint8_t* argmax = keep ? pointer<uint8_t>(context, what_.argmax) : nullptr;
    const auto kernel = keep ? take_max<true, T> : take_max<false, T>;
    each_pixel(what_.window.batch, what_.window.out, [&](int64_t row, int64_t n, int64_t oy, int64_t ox) {
      std::array<const T*, kMostPixels> rows;
      std::array<int32_t, kMostPixels> positions;
      int count = 0;
      each_input(what_.window, n, oy, ox, [&](int64_t r, int64_t position) {
        rows[count] = x + r * in.stride;
        positions[count++] = static_cast<int32_t>(position);
      });
      kernel(rows.data(), positions.data(), count, in.channels, y + row * out.stride,
             keep ? argmax + row * in.channels : nullptr);
    });
  }

 private:
  void slide(const Context& context) {
    const View &in = what_.input, &out = what_.output;
    const Window& w = what_.window;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    parallel_ranges(w.batch * w.out.height, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const int64_t n = row / w.out.height, top = row % w.out.height * w.stride - w.padding;
        std::array<const T*, kSide> rows;
        int count = 0;
        for (int64_t i = std::max<int64_t>(top, 0); i < std::min(top + kSide, w.in.height); i++) {
          rows[count++] = x + (n * w.in.height + i) * w.in.width * in.stride;
        }
        slide_max(rows.data(), count, w, in.stride, in.channels, y + row * w.out.width * out.stride,
                  out.stride);
      }
    });
  }

  step::MaxPool what_;
};

template <class T>
class MaxPoolBackward : public Operation {
 public:
  explicit MaxPoolBackward(const step::MaxPoolBackward& what) : what_(what) {}

  void run(const Context& context) override {
    const View &from = what_.output_gradient, &to = what_.input_gradient;
    const T* dy = pointer<T>(context, from);
    const uint8_t* argmax = pointer<uint8_t>(context, what_.argmax);
    T* dx = pointer<T>(context, to);
    each_pixel(what_.window.batch, what_.window.in, [&](int64_t row, int64_t n, int64_t y, int64_t x) {
      std::array<const T*, kMostPixels> gradients;
      std::array<const uint8_t*, kMostPixels> found;
      std::array<int32_t, kMostPixels> positions;
      int count = 0;
      each_output(what_.window, n, y, x, [&](int64_t r, int64_t position) {
        gradients[count] = dy + r * from.stride;
        found[count] = argmax + r * to.channels;
        positions[count++] = static_cast<int32_t>(position);
      });
      give_back(gradients.data(), found.data(), positions.data(), count, to.channels, what_.accumulate,
                dx + row * to.stride);
    });
  }

 private:
  step::MaxPoolBackward what_;
};

// ---- average

/// Of each place in a window's mean.
float share(const Span& ys, const Span& xs) {
  return 1.0f / static_cast<float>(ys.size() * xs.size());
}

template <class T>
class AveragePool : public Operation {
 public:
  explicit AveragePool(const step::AveragePool& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const Window& w = what_.window;
    Rows rows(in.channels);
    each_pixel(w.batch, w.out, [&](int64_t row, int64_t n, int64_t oy, int64_t ox) {
      const Span ys = under(w, oy, w.in.height, w.out.height), xs = under(w, ox, w.in.width, w.out.width);
      float* sum = rows.mine();
      std::fill_n(sum, in.channels, 0.0f);
      for (int64_t iy = ys.begin; iy < ys.end; iy++) {
        for (int64_t ix = xs.begin; ix < xs.end; ix++) {
          const int64_t r = (n * w.in.height + iy) * w.in.width + ix;
          add(x + r * in.stride, in.channels, 1.0f, sum);
        }
      }
      put(sum, in.channels, share(ys, xs), y + row * out.stride);
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
    const Window& w = what_.window;
    Rows rows(to.channels);
    each_pixel(w.batch, w.in, [&](int64_t row, int64_t n, int64_t y, int64_t x) {
      const Span ys = over(w, y, w.in.height, w.out.height), xs = over(w, x, w.in.width, w.out.width);
      float* sum = rows.mine();
      std::fill_n(sum, to.channels, 0.0f);
      for (int64_t oy = ys.begin; oy < ys.end; oy++) {
        for (int64_t ox = xs.begin; ox < xs.end; ox++) {
          const int64_t r = (n * w.out.height + oy) * w.out.width + ox;
          const float part =
              share(under(w, oy, w.in.height, w.out.height), under(w, ox, w.in.width, w.out.width));
          add(dy + r * from.stride, to.channels, part, sum);
        }
      }
      if (what_.accumulate) add(dx + row * to.stride, to.channels, 1.0f, sum);
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
