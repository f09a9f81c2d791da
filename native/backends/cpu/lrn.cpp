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

// ---- kernels

/// What a thread needs for a row.
class Scratch {
 public:
  Scratch(int64_t channels, const LrnFigures& lrn)
      : row_((channels + lrn.size + kAlignment) / kAlignment * kAlignment), values_(4 * row_) {}
  /// `channels` + size - 1 values, zero where nothing is put.
  float* padded() { return values_.data(); }
  float* sums() { return values_.data() + row_; }
  float* scales() { return values_.data() + 2 * row_; }
  float* powers() { return values_.data() + 3 * row_; }

 private:
  int64_t row_;
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

/// k + alpha / size * sum, and that to the power of -beta.
template <bool kKnown>
GOOGLENET_INLINE void raise(const float* __restrict sums, int64_t channels, const LrnFigures& lrn,
                            float* __restrict scales, float* __restrict powers) {
  const float share = lrn.alpha / static_cast<float>(lrn.size);
  for (int64_t c = 0; c < channels; c++) {
    const float scale = lrn.k + share * sums[c];
    scales[c] = scale;
    if constexpr (kKnown) {
      const float root = std::sqrt(scale);
      powers[c] = 1.0f / (root * std::sqrt(root));
    } else {
      powers[c] = std::pow(scale, -lrn.beta);
    }
  }
}

template <bool kKnown, class T>
GOOGLENET_INLINE void find_powers(const T* __restrict x, int64_t channels, const LrnFigures& lrn,
                                  Scratch& scratch) {
  float* squares = scratch.padded() + lrn.size / 2;
  for (int64_t c = 0; c < channels; c++) squares[c] = load(x[c]) * load(x[c]);
  sum_windows<kKnown>(scratch.padded(), channels, lrn.size, scratch.sums());
  raise<kKnown>(scratch.sums(), channels, lrn, scratch.scales(), scratch.powers());
}

template <bool kKnown, class T>
GOOGLENET_SIMD void normalise(const T* x, int64_t x_stride, int64_t rows, int64_t channels,
                              const LrnFigures& lrn, Scratch& scratch, T* y, int64_t y_stride) {
  for (int64_t r = 0; r < rows; r++) {
    const T* __restrict from = x + r * x_stride;
    T* __restrict to = y + r * y_stride;
    find_powers<kKnown>(from, channels, lrn, scratch);
    const float* powers = scratch.powers();
    for (int64_t c = 0; c < channels; c++) store(to + c, load(from[c]) * powers[c]);
  }
}

/// With s = scale and the sum over the channels j whose windows have this one:
/// dx (+)= dy s^-beta - 2 alpha beta / size x sum(dy_j x_j s_j^(-beta - 1)).
template <bool kKnown, class T>
GOOGLENET_SIMD void give_back(const T* x, int64_t x_stride, const T* dy, int64_t dy_stride, int64_t rows,
                              int64_t channels, const LrnFigures& lrn, Scratch& squares, Scratch& products,
                              bool accumulate, T* dx, int64_t dx_stride) {
  const float share = 2.0f * lrn.alpha * lrn.beta / static_cast<float>(lrn.size);
  for (int64_t r = 0; r < rows; r++) {
    const T* __restrict from = x + r * x_stride;
    const T* __restrict gradient = dy + r * dy_stride;
    T* __restrict to = dx + r * dx_stride;
    find_powers<kKnown>(from, channels, lrn, squares);
    const float *scales = squares.scales(), *powers = squares.powers();
    float* __restrict between = products.padded() + (lrn.size - 1) / 2;
    for (int64_t c = 0; c < channels; c++) {
      between[c] = load(gradient[c]) * load(from[c]) * powers[c] / scales[c];
    }
    sum_windows<kKnown>(products.padded(), channels, lrn.size, products.sums());
    const float* sums = products.sums();
    for (int64_t c = 0; c < channels; c++) {
      const float before = accumulate ? load(to[c]) : 0.0f;
      store(to + c, before + load(gradient[c]) * powers[c] - share * load(from[c]) * sums[c]);
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
      Scratch squares(in.channels, what_.lrn), products(in.channels, what_.lrn);
      kernel(x + begin * in.stride, in.stride, dy + begin * from.stride, from.stride, end - begin,
             in.channels, what_.lrn, squares, products, what_.accumulate, dx + begin * to.stride, to.stride);
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
