// BatchNorm with ReLU in two passes over the activations each way: sums a channel, then scale and shift. The
// outputs may split the channels, as the merged 1x1 convolutions of an inception module want.
#include <cmath>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;

// Rows whose sums are taken in fp32 before they go into a double: few enough that rounding stays below 1e-6.
constexpr int64_t kRows = 128;

// ---- kernels
// ---------------------------------------------------------------------------------------------------

/// sum[c] += x - pivot, square[c] += (x - pivot)^2 over `rows` rows.
template <class T>
GOOGLENET_SIMD void add_moments(const T* x, int64_t rows, int64_t channels, const float* __restrict pivot,
                                float* __restrict sum, float* __restrict square) {
  for (int64_t r = 0; r < rows; r++, x += channels) {
    for (int64_t c = 0; c < channels; c++) {
      const float d = load(x[c]) - pivot[c];
      sum[c] += d;
      square[c] += d * d;
    }
  }
}

template <bool kRelu, class T>
GOOGLENET_SIMD void scale_shift(const T* __restrict x, int64_t rows, int64_t channels, int64_t x_stride,
                                const float* __restrict scale, const float* __restrict shift, T* __restrict y,
                                int64_t y_stride) {
  for (int64_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
    for (int64_t c = 0; c < channels; c++) {
      const float v = load(x[c]) * scale[c] + shift[c];
      store(y + c, kRelu && v < 0 ? 0.0f : v);
    }
  }
}

/// sum[c] += dz, product[c] += dz * (x - mean), where dz is dy through the ReLU.
template <bool kRelu, class T>
GOOGLENET_SIMD void add_gradient_sums(const T* __restrict x, int64_t x_stride, const T* __restrict dy,
                                      int64_t dy_stride, int64_t rows, int64_t channels,
                                      const float* __restrict scale, const float* __restrict shift,
                                      const float* __restrict mean, float* __restrict sum,
                                      float* __restrict product) {
  for (int64_t r = 0; r < rows; r++, x += x_stride, dy += dy_stride) {
    for (int64_t c = 0; c < channels; c++) {
      const float v = load(x[c]);
      const float dz = kRelu && v * scale[c] + shift[c] <= 0 ? 0.0f : load(dy[c]);
      sum[c] += dz;
      product[c] += dz * (v - mean[c]);
    }
  }
}

/// dx = scale * dz + a * x + b; dx may be x.
template <bool kRelu, class T>
GOOGLENET_SIMD void apply_gradient(const T* x, int64_t x_stride, const T* __restrict dy, int64_t dy_stride,
                                   int64_t rows, int64_t channels, const float* __restrict scale,
                                   const float* __restrict shift, const float* __restrict a,
                                   const float* __restrict b, T* dx, int64_t dx_stride) {
  for (int64_t r = 0; r < rows; r++, x += x_stride, dy += dy_stride, dx += dx_stride) {
#pragma GCC ivdep
    for (int64_t c = 0; c < channels; c++) {
      const float v = load(x[c]);
      const float dz = kRelu && v * scale[c] + shift[c] <= 0 ? 0.0f : load(dy[c]);
      store(dx + c, scale[c] * dz + a[c] * v + b[c]);
    }
  }
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
// ---------------------------------------------------------------------------------------------------

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
      if (in.dense())
        return add_moments(x + begin * channels, end - begin, channels, pivot.data(), sum, square);
      for (int64_t r = begin; r < end; r++)
        add_moments(x + r * in.stride, 1, channels, pivot.data(), sum, square);
    });
    finish(context, pivot, saved);
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      int64_t first = 0;
      for (const graph::View& out : what_.outputs) {
        const auto kernel = what_.relu ? scale_shift<true, T> : scale_shift<false, T>;
        kernel(x + begin * in.stride + first, end - begin, out.channels, in.stride, saved.scale + first,
               saved.shift + first, pointer<T>(context, out) + begin * out.stride, out.stride);
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
    const auto kernel = what_.relu ? scale_shift<true, T> : scale_shift<false, T>;
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      kernel(pointer<T>(context, in) + begin * in.stride, end - begin, in.channels, in.stride, scale_.data(),
             shift_.data(), pointer<T>(context, out) + begin * out.stride, out.stride);
    });
  }

 private:
  step::BatchNormInference what_;
  std::vector<float> scale_, shift_;
};

// ---- backward
// --------------------------------------------------------------------------------------------------

template <class T>
class BatchNormBackward : public Operation {
 public:
  explicit BatchNormBackward(const step::BatchNormBackward& what)
      : what_(what), sums_(what.input.channels), a_(what.input.channels), b_(what.input.channels) {}

  void run(const Context& context) override {
    const graph::View &in = what_.input, &to = what_.input_gradient;
    const T* x = pointer<T>(context, in);
    T* dx = pointer<T>(context, to);
    const Saved saved(context, what_.saved);
    const auto sum = what_.relu ? add_gradient_sums<true, T> : add_gradient_sums<false, T>;
    const auto apply = what_.relu ? apply_gradient<true, T> : apply_gradient<false, T>;
    sums_.take(in.rows, [&](int64_t begin, int64_t end, float* sums, float* products) {
      each_slice(context, begin, [&](const graph::View& slice, const T* dy, int64_t c) {
        sum(x + begin * in.stride + c, in.stride, dy, slice.stride, end - begin, slice.channels,
            saved.scale + c, saved.shift + c, saved.mean + c, sums + c, products + c);
      });
    });
    finish(context, saved);
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      each_slice(context, begin, [&](const graph::View& slice, const T* dy, int64_t c) {
        apply(x + begin * in.stride + c, in.stride, dy, slice.stride, end - begin, slice.channels,
              saved.scale + c, saved.shift + c, a_.data() + c, b_.data() + c, dx + begin * to.stride + c,
              to.stride);
      });
    });
  }

 private:
  /// Calls body(slice, its gradient from row `begin`, its first channel).
  template <class Body>
  void each_slice(const Context& context, int64_t begin, Body body) {
    int64_t first = 0;
    for (const graph::View& slice : what_.output_gradients) {
      body(slice, pointer<T>(context, slice) + begin * slice.stride, first);
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
