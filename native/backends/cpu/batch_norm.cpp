// BatchNorm with ReLU in two passes over the activations each way: sums a channel, then scale and shift. The
// outputs may split the channels, as the merged 1x1 convolutions of an inception module want.
#include <cmath>
#include <type_traits>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;

// Rows whose sums are taken in fp32 before they go into a double: few enough that rounding stays below 1e-6.
constexpr int64_t kRows = 128;

// ---- kernels

// Rows go four at a time: what belongs to a channel is then loaded and stored once for four elements.

/// sum[c] += x - pivot, square[c] += (x - pivot)^2 over kCount rows.
template <int kCount, class T>
GOOGLENET_SIMD void add_moments(const T* __restrict x, int64_t stride, int64_t channels,
                                const float* __restrict pivot, float* __restrict sum,
                                float* __restrict square) {
  for (int64_t c = 0; c < channels; c++) {
    float s = 0, q = 0;
    for (int k = 0; k < kCount; k++) {
      const float d = load(x[k * stride + c]) - pivot[c];
      s += d;
      q += d * d;
    }
    sum[c] += s;
    square[c] += q;
  }
}

template <int kCount, bool kRelu, class T>
GOOGLENET_SIMD void scale_shift(const T* __restrict x, int64_t x_stride, int64_t channels,
                                const float* __restrict scale, const float* __restrict shift, T* __restrict y,
                                int64_t y_stride) {
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; c++) {
    for (int k = 0; k < kCount; k++) {
      const float v = load(x[k * x_stride + c]) * scale[c] + shift[c];
      store(y + k * y_stride + c, kRelu && v < 0 ? 0.0f : v);
    }
  }
}

/// What one call works on: rows of x and dy, and what belongs to their channels.
template <class T>
struct Rows {
  const T* x;
  int64_t x_stride;
  const T* dy;
  int64_t dy_stride;
  int64_t channels;
  const float *scale, *shift;
};

/// sum[c] += dz, product[c] += dz * (x - mean), where dz is dy through the ReLU.
template <int kCount, bool kRelu, class T>
GOOGLENET_SIMD void add_gradient_sums(const Rows<T>& rows, const float* __restrict mean,
                                      float* __restrict sum, float* __restrict product) {
  const T* __restrict x = rows.x, * __restrict dy = rows.dy;
  const float* __restrict scale = rows.scale, * __restrict shift = rows.shift;
  const int64_t x_stride = rows.x_stride, dy_stride = rows.dy_stride, channels = rows.channels;
  for (int64_t c = 0; c < channels; c++) {
    float s = 0, p = 0;
    for (int k = 0; k < kCount; k++) {
      const float v = load(x[k * x_stride + c]), g = load(dy[k * dy_stride + c]);
      const float dz = kRelu && v * scale[c] + shift[c] <= 0 ? 0.0f : g;
      s += dz;
      p += dz * (v - mean[c]);
    }
    sum[c] += s;
    product[c] += p;
  }
}

/// dx = scale * dz + a * x + b; dx may be x.
template <int kCount, bool kRelu, class T>
GOOGLENET_SIMD void apply_gradient(const Rows<T>& rows, const float* __restrict a, const float* __restrict b,
                                   T* dx, int64_t dx_stride) {
  const T *x = rows.x, *__restrict dy = rows.dy;
  const float* __restrict scale = rows.scale, * __restrict shift = rows.shift;
  const int64_t x_stride = rows.x_stride, dy_stride = rows.dy_stride, channels = rows.channels;
#pragma GCC ivdep
  for (int64_t c = 0; c < channels; c++) {
    for (int k = 0; k < kCount; k++) {
      const float v = load(x[k * x_stride + c]), g = load(dy[k * dy_stride + c]);
      const float dz = kRelu && v * scale[c] + shift[c] <= 0 ? 0.0f : g;
      store(dx + k * dx_stride + c, scale[c] * dz + a[c] * v + b[c]);
    }
  }
}

/// Calls body(row, std::integral_constant<int, rows>) for four rows at a time, then for each that is left.
template <class Body>
void by_fours(int64_t begin, int64_t end, Body body) {
  int64_t r = begin;
  for (; r + 4 <= end; r += 4) body(r, std::integral_constant<int, 4>());
  for (; r < end; r++) body(r, std::integral_constant<int, 1>());
}

template <class T>
void scale_shift_rows(bool relu, const graph::View& in, const T* x, const float* scale, const float* shift,
                      const graph::View& out, T* y, int64_t begin, int64_t end) {
  by_fours(begin, end, [&](int64_t r, auto count) {
    const auto kernel = relu ? scale_shift<count, true, T> : scale_shift<count, false, T>;
    kernel(x + r * in.stride, in.stride, out.channels, scale, shift, y + r * out.stride, out.stride);
  });
}

/// Two sums a channel in double, each thread its own, added in the threads' order: the same bits every time.
class Sums {
 public:
  explicit Sums(int64_t channels) : channels_(channels) {}

  /// `add(begin, end, first, second)` adds a few rows' sums to fp32 arrays.
  template <class Add>
  void take(int64_t rows, Add add) {
    const int64_t channels = channels_;
    partial_.assign(omp_get_max_threads() * 2 * channels, 0.0);
    parallel_ranges(rows, [&](int64_t begin, int64_t end) {
      double* total = partial_.data() + omp_get_thread_num() * 2 * channels;
      std::vector<float> few(2 * channels);
      for (int64_t r = begin; r < end; r += kRows) {
        std::fill(few.begin(), few.end(), 0.0f);
        add(r, std::min(end, r + kRows), few.data(), few.data() + channels);
        for (int64_t i = 0; i < 2 * channels; i++) total[i] += few[i];
      }
    });
    for (int thread = 1; thread < omp_get_max_threads(); thread++) {
      for (int64_t i = 0; i < 2 * channels; i++) partial_[i] += partial_[thread * 2 * channels + i];
    }
  }
  double first(int64_t channel) const { return partial_[channel]; }
  double second(int64_t channel) const { return partial_[channels_ + channel]; }

 private:
  int64_t channels_;
  std::vector<double> partial_;
};

/// The saved rows that the backward pass reads.
struct Saved {
  float *scale, *shift, *mean, *inverse;
  Saved(const Context& context, const graph::View& view)
      : scale(pointer<float>(context, view)),
        shift(scale + view.channels),
        mean(shift + view.channels),
        inverse(mean + view.channels) {}
};

// ---- forward

template <class T>
class BatchNorm : public Operation {
 public:
  explicit BatchNorm(const step::BatchNorm& what) : what_(what), sums_(what.input.channels) {}

  void run(const Context& context) override {
    const graph::View& in = what_.input;
    const T* x = pointer<T>(context, in);
    const int64_t channels = in.channels;
    const Saved saved(context, what_.saved);
    // Sums of differences from the first row: no cancellation where a mean is large beside its deviation.
    std::vector<float> pivot(channels);
    for (int64_t c = 0; c < channels; c++) pivot[c] = load(x[c]);
    sums_.take(in.rows, [&](int64_t begin, int64_t end, float* sum, float* square) {
      by_fours(begin, end, [&](int64_t r, auto count) {
        add_moments<count>(x + r * in.stride, in.stride, channels, pivot.data(), sum, square);
      });
    });
    finish(context, pivot, saved);
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      int64_t first = 0;
      for (const graph::View& out : what_.outputs) {
        scale_shift_rows(what_.relu, in, x + first, saved.scale + first, saved.shift + first, out,
                         pointer<T>(context, out), begin, end);
        first += out.channels;
      }
    });
  }

 private:
  void finish(const Context& context, const std::vector<float>& pivot, const Saved& saved) {
    const double count = static_cast<double>(what_.input.rows);
    const double unbiased = count > 1 ? count / (count - 1) : 1;
    float* weights = context.weights;
    for (int64_t c = 0; c < what_.input.channels; c++) {
      const double offset = sums_.first(c) / count;
      const double mean = pivot[c] + offset;
      const double variance = std::max(0.0, sums_.second(c) / count - offset * offset);
      const double inverse = 1 / std::sqrt(variance + what_.epsilon);
      const double gamma = weights[what_.gamma.offset + c], beta = weights[what_.beta.offset + c];
      saved.scale[c] = static_cast<float>(gamma * inverse);
      saved.shift[c] = static_cast<float>(beta - mean * gamma * inverse);
      saved.mean[c] = static_cast<float>(mean);
      saved.inverse[c] = static_cast<float>(inverse);
      const double bias = what_.shift.count > 0 ? weights[what_.shift.offset + c] : 0.0;
      float& running_mean = weights[what_.mean.offset + c];
      float& running_variance = weights[what_.variance.offset + c];
      running_mean += what_.momentum * (static_cast<float>(mean + bias) - running_mean);
      running_variance += what_.momentum * (static_cast<float>(variance * unbiased) - running_variance);
    }
  }

  step::BatchNorm what_;
  Sums sums_;
};

template <class T>
class BatchNormInference : public Operation {
 public:
  explicit BatchNormInference(const step::BatchNormInference& what)
      : what_(what), scale_(what.input.channels), shift_(what.input.channels) {}

  void prepare(const Context& context) override {
    for (int64_t c = 0; c < what_.input.channels; c++) {
      const float* w = context.weights;
      scale_[c] = w[what_.gamma.offset + c] / std::sqrt(w[what_.variance.offset + c] + what_.epsilon);
      shift_[c] = w[what_.beta.offset + c] - w[what_.mean.offset + c] * scale_[c];
    }
  }

  void run(const Context& context) override {
    const graph::View &in = what_.input, &out = what_.output;
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      scale_shift_rows(what_.relu, in, pointer<T>(context, in), scale_.data(), shift_.data(), out,
                       pointer<T>(context, out), begin, end);
    });
  }

 private:
  step::BatchNormInference what_;
  std::vector<float> scale_, shift_;
};

// ---- backward

template <class T>
class BatchNormBackward : public Operation {
 public:
  explicit BatchNormBackward(const step::BatchNormBackward& what)
      : what_(what), sums_(what.input.channels), a_(what.input.channels), b_(what.input.channels) {}

  void run(const Context& context) override {
    if (what_.relu) return run_as<true>(context);
    run_as<false>(context);
  }

 private:
  template <bool kRelu>
  void run_as(const Context& context) {
    const graph::View& to = what_.input_gradient;
    T* dx = pointer<T>(context, to);
    const Saved saved(context, what_.saved);
    sums_.take(what_.input.rows, [&](int64_t begin, int64_t end, float* sums, float* products) {
      each_slice(context, saved, begin, end, [&](const Rows<T>& rows, int64_t, int64_t c, auto count) {
        add_gradient_sums<count, kRelu>(rows, saved.mean + c, sums + c, products + c);
      });
    });
    finish(context, saved);
    parallel_ranges(what_.input.rows, [&](int64_t begin, int64_t end) {
      each_slice(context, saved, begin, end, [&](const Rows<T>& rows, int64_t r, int64_t c, auto count) {
        apply_gradient<count, kRelu>(rows, a_.data() + c, b_.data() + c, dx + r * to.stride + c, to.stride);
      });
    });
  }

  /// Calls body(rows, the first's number, their first channel, how many) for every slice and few rows.
  template <class Body>
  void each_slice(const Context& context, const Saved& saved, int64_t begin, int64_t end, Body body) {
    const graph::View& in = what_.input;
    const T* x = pointer<T>(context, in);
    int64_t first = 0;
    for (const graph::View& slice : what_.output_gradients) {
      const T* dy = pointer<T>(context, slice);
      by_fours(begin, end, [&](int64_t r, auto count) {
        const Rows<T> rows{x + r * in.stride + first,
                           in.stride,
                           dy + r * slice.stride,
                           slice.stride,
                           slice.channels,
                           saved.scale + first,
                           saved.shift + first};
        body(rows, r, first, count);
      });
      first += slice.channels;
    }
  }

  /// dx = gamma / deviation * (dz - mean(dz) - normalised x * mean(dz * normalised x)), as coefficients of dz
  /// and x.
  void finish(const Context& context, const Saved& saved) {
    const double count = static_cast<double>(what_.input.rows);
    float* gamma = context.gradients + what_.gamma.offset;
    float* beta = context.gradients + what_.beta.offset;
    for (int64_t c = 0; c < what_.input.channels; c++) {
      const double sum = sums_.first(c), inverse = saved.inverse[c], product = sums_.second(c) * inverse;
      const double a = -saved.scale[c] * product * inverse / count;
      a_[c] = static_cast<float>(a);
      b_[c] = static_cast<float>(-saved.scale[c] * sum / count - a * saved.mean[c]);
      const bool add = context.accumulate_gradients;
      gamma[c] = (add ? gamma[c] : 0) + static_cast<float>(product);
      beta[c] = (add ? beta[c] : 0) + static_cast<float>(sum);
    }
  }

  step::BatchNormBackward what_;
  Sums sums_;
  std::vector<float> a_, b_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::BatchNorm& what) {
  return make_for<BatchNorm>(precision_, what);
}
Backend::Made CpuBackend::make(const step::BatchNormInference& what) {
  return make_for<BatchNormInference>(precision_, what);
}
Backend::Made CpuBackend::make(const step::BatchNormBackward& what) {
  return make_for<BatchNormBackward>(precision_, what);
}

}  // namespace googlenet::backends::cpu
