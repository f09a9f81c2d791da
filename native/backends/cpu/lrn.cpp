// Local response normalisation across channels. Of each row the squares are laid between zeros, so that every
// channel's window has the same length.
#include <cmath>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/vectors.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;
using graph::LrnFigures;
using graph::View;

constexpr int64_t kSize = 5;        // of the windows that there are loops of their own for, with
constexpr float kPower = 0.75f;     // this power: GoogLeNet's
constexpr int64_t kAlignment = 16;  // floats
constexpr int64_t kBlock = 1024;    // floats: with its results half of a first-level cache

// ---- kernels

/// What a thread needs for a block of rows. All of a block goes through one loop before the next: what that
/// reads across what was just written, the shifted squares, has reached the cache by then.
class Scratch {
 public:
  Scratch(int64_t channels, const LrnFigures& lrn)
      : row_((channels + lrn.size + kAlignment) / kAlignment * kAlignment),
        rows_(std::max<int64_t>(kBlock / row_, 1)),
        values_(3 * rows_ * row_) {}
  int64_t rows() const { return rows_; }
  /// Of a row `channels` + size - 1 values, zero where nothing is put.
  float* padded(int64_t row) { return values_.data() + row * row_; }
  float* inverses(int64_t row) { return padded(rows_ + row); }
  float* powers(int64_t row) { return padded(2 * rows_ + row); }

 private:
  int64_t row_, rows_;
  std::vector<float> values_;
};

/// The sums of the `size` values from each on.
template <bool kKnown>
GOOGLENET_INLINE void sum_windows(const float* __restrict values, int64_t channels, int64_t size,
                                  float* __restrict sums) {
  if constexpr (kKnown) {
    static_assert(kSize == 5);
    for (int64_t c = 0; c < channels; c++) {
      sums[c] = values[c] + values[c + 1] + values[c + 2] + values[c + 3] + values[c + 4];
    }
  } else {
    for (int64_t c = 0; c < channels; c++) sums[c] = values[c];
    for (int64_t j = 1; j < size; j++) {
      for (int64_t c = 0; c < channels; c++) sums[c] += values[c + j];
    }
  }
}

/// 1 / sqrt(x), the CPU's estimate of 12 bits made one of 23 by a step of Newton's method: a division and two
/// square roots would take most of the time of a layer.
GOOGLENET_INLINE Floats reciprocal_root(const Floats& x) {
  const Floats estimate = __builtin_ia32_rsqrtps256(x);
  return estimate * (1.5f - 0.5f * x * estimate * estimate);
}

/// Makes of sums s = k + alpha / size * sum to the power of -beta; and 1 / s.
template <bool kKnown>
GOOGLENET_INLINE void raise(float* __restrict sums, int64_t channels, const LrnFigures& lrn,
                            float* __restrict inverses) {
  const float share = lrn.alpha / static_cast<float>(lrn.size);
  if constexpr (kKnown) {
    constexpr int64_t kCount = Lanes<float>::kCount;
    for (int64_t c = 0; c < channels; c += kCount) {  // beyond the end too, where there is room
      const Floats scale = lrn.k + share * std::bit_cast<Floats>(load_bits(sums + c, kCount));
      const Floats root = reciprocal_root(scale);
      store_bits(inverses + c, std::bit_cast<Int32s>(root * root), kCount);
      store_bits(sums + c, std::bit_cast<Int32s>(root * root * reciprocal_root(root)), kCount);
    }
  } else {
    for (int64_t c = 0; c < channels; c++) {
      const float scale = lrn.k + share * sums[c];
      inverses[c] = 1.0f / scale;
      sums[c] = std::pow(scale, -lrn.beta);
    }
  }
}

/// 1 / s and s to the power of -beta of `rows` rows from `x` on.
template <bool kKnown, class T>
GOOGLENET_INLINE void find_powers(const T* __restrict x, int64_t stride, int64_t rows, int64_t channels,
                                  const LrnFigures& lrn, Scratch& scratch) {
  for (int64_t r = 0; r < rows; r++) {
    const T* __restrict from = x + r * stride;
    float* __restrict squares = scratch.padded(r) + lrn.size / 2;
    for (int64_t c = 0; c < channels; c++) squares[c] = load(from[c]) * load(from[c]);
  }
  for (int64_t r = 0; r < rows; r++) {
    sum_windows<kKnown>(scratch.padded(r), channels, lrn.size, scratch.powers(r));
    raise<kKnown>(scratch.powers(r), channels, lrn, scratch.inverses(r));
  }
}

template <bool kKnown, class T>
GOOGLENET_SIMD void normalise(const T* x, int64_t x_stride, int64_t rows, int64_t channels,
                              const LrnFigures& lrn, Scratch& scratch, T* y, int64_t y_stride) {
  for (int64_t first = 0; first < rows; first += scratch.rows()) {
    const int64_t block = std::min(scratch.rows(), rows - first);
    find_powers<kKnown>(x + first * x_stride, x_stride, block, channels, lrn, scratch);
    for (int64_t r = 0; r < block; r++) {
      const T* __restrict from = x + (first + r) * x_stride;
      T* __restrict to = y + (first + r) * y_stride;
      const float* __restrict powers = scratch.powers(r);
      for (int64_t c = 0; c < channels; c++) store(to + c, load(from[c]) * powers[c]);
    }
  }
}

/// With s = k + alpha / size * sum of squares, and the sum over the channels j whose windows have this one:
/// dx (+)= dy s^-beta - 2 alpha beta / size x sum(dy_j x_j s_j^(-beta - 1)).
template <bool kKnown, class T>
GOOGLENET_SIMD void give_back(const T* x, int64_t x_stride, const T* dy, int64_t dy_stride, int64_t rows,
                              int64_t channels, const LrnFigures& lrn, Scratch& scratch, Scratch& products,
                              bool accumulate, T* dx, int64_t dx_stride) {
  const float share = 2.0f * lrn.alpha * lrn.beta / static_cast<float>(lrn.size);
  for (int64_t first = 0; first < rows; first += scratch.rows()) {
    const int64_t block = std::min(scratch.rows(), rows - first);
    find_powers<kKnown>(x + first * x_stride, x_stride, block, channels, lrn, scratch);
    for (int64_t r = 0; r < block; r++) {
      const T* __restrict from = x + (first + r) * x_stride;
      const T* __restrict gradient = dy + (first + r) * dy_stride;
      const float* __restrict inverses = scratch.inverses(r);
      const float* __restrict powers = scratch.powers(r);
      float* __restrict to = products.padded(r) + (lrn.size - 1) / 2;
      for (int64_t c = 0; c < channels; c++) {
        to[c] = load(gradient[c]) * load(from[c]) * powers[c] * inverses[c];
      }
    }
    for (int64_t r = 0; r < block; r++) {
      const T* __restrict from = x + (first + r) * x_stride;
      const T* __restrict gradient = dy + (first + r) * dy_stride;
      const float* __restrict powers = scratch.powers(r);
      T* __restrict to = dx + (first + r) * dx_stride;
      sum_windows<kKnown>(products.padded(r), channels, lrn.size, products.powers(r));
      const float* __restrict sums = products.powers(r);
      for (int64_t c = 0; c < channels; c++) {
        const float before = accumulate ? load(to[c]) : 0.0f;
        store(to + c, before + load(gradient[c]) * powers[c] - share * load(from[c]) * sums[c]);
      }
    }
  }
}

bool is_known(const LrnFigures& lrn) {
  return lrn.size == kSize && lrn.beta == kPower;
}

// ---- operations

template <class T>
class Lrn : public Operation {
 public:
  explicit Lrn(const step::Lrn& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const auto kernel = is_known(what_.lrn) ? normalise<true, T> : normalise<false, T>;
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      Scratch scratch(in.channels, what_.lrn);
      kernel(x + begin * in.stride, in.stride, end - begin, in.channels, what_.lrn, scratch,
             y + begin * out.stride, out.stride);
    });
  }

 private:
  step::Lrn what_;
};

template <class T>
class LrnBackward : public Operation {
 public:
  explicit LrnBackward(const step::LrnBackward& what) : what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &from = what_.output_gradient, &to = what_.input_gradient;
    const T* x = pointer<T>(context, in);
    const T* dy = pointer<T>(context, from);
    T* dx = pointer<T>(context, to);
    const auto kernel = is_known(what_.lrn) ? give_back<true, T> : give_back<false, T>;
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      Scratch scratch(in.channels, what_.lrn), products(in.channels, what_.lrn);
      kernel(x + begin * in.stride, in.stride, dy + begin * from.stride, from.stride, end - begin,
             in.channels, what_.lrn, scratch, products, what_.accumulate, dx + begin * to.stride, to.stride);
    });
  }

 private:
  step::LrnBackward what_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::Lrn& what) {
  return make_for<Lrn>(precision_, what);
}
Backend::Made CpuBackend::make(const step::LrnBackward& what) {
  return make_for<LrnBackward>(precision_, what);
}

}  // namespace googlenet::backends::cpu
