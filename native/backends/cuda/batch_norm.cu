// BatchNorm with ReLU in two passes over the activations each way: sums a channel, then scale and shift. The
// outputs may split the channels, as the merged 1x1 convolutions of an inception module want.
#include "backends/cuda/kernels/batch_norm.cuh"
#include "backends/cuda/kernels/gradients.cuh"
#include "backends/cuda/kernels/rows.cuh"
#include "backends/cuda/kernels/sums.cuh"
#include "backends/cuda/pooled_batch_norm.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;

constexpr int kMostSlices = 8;

/// Views that split the channels of another.
template <class T>
struct Slices {
  Rows<T> rows[kMostSlices];
  int first[kMostSlices];  // channel; beyond all for slices that are not there

  /// The slice of a channel, as if its rows began with the other's first channel.
  __device__ Rows<T> of(int channel) const {
    Rows<T> found = rows[0];
    int offset = 0;
#pragma unroll
    for (int i = 1; i < kMostSlices; i++) {
      if (channel < first[i]) continue;
      found = rows[i];
      offset = first[i];
    }
    found.data -= offset;
    found.channels += offset;
    found.columns += offset;
    return found;
  }
};

struct Parameters {
  const float *gamma, *beta;
  float *mean, *variance;  // running
  const float* bias;       // of the convolution before; null: none

  template <class What>
  Parameters(const Context& context, const What& what, const graph::Range& bias)
      : gamma(context.weights + what.gamma.offset),
        beta(context.weights + what.beta.offset),
        mean(context.weights + what.mean.offset),
        variance(context.weights + what.variance.offset),
        bias(bias.count > 0 ? context.weights + bias.offset : nullptr) {}
};

// ---- kernels

/// `pivot` null: the sums are of x itself.
template <class T>
__global__ __launch_bounds__(kFinishChannels* kFinishParts) void finish_forward(Sums sums, const T* pivot,
                                                                                double count, int channels,
                                                                                Parameters parameters,
                                                                                Saved saved, float epsilon,
                                                                                float momentum) {
  const double2 total = finish_sums(sums, channels);
  const int c = blockIdx.x * kFinishChannels + threadIdx.x;
  if (threadIdx.y > 0 || c >= channels) return;
  const double offset = total.x / count;
  const double mean = offset + (pivot ? to_float(pivot[c]) : 0.0f);
  const double variance = fmax(0.0, total.y / count - offset * offset);
  const double inverse = 1 / sqrt(variance + epsilon);
  const double gamma = parameters.gamma[c], beta = parameters.beta[c];
  saved.scale[c] = static_cast<float>(gamma * inverse);
  saved.shift[c] = static_cast<float>(beta - mean * gamma * inverse);
  saved.mean[c] = static_cast<float>(mean);
  saved.inverse[c] = static_cast<float>(inverse);
  const double bias = parameters.bias ? parameters.bias[c] : 0.0;
  const double unbiased = count > 1 ? variance * (count / (count - 1)) : variance;
  parameters.mean[c] += momentum * (static_cast<float>(mean + bias) - parameters.mean[c]);
  parameters.variance[c] += momentum * (static_cast<float>(unbiased) - parameters.variance[c]);
}

__global__ __launch_bounds__(kBlockThreads) void finish_inference(int channels, Parameters parameters,
                                                                  float epsilon, float* scale, float* shift) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c >= channels) return;
  scale[c] = parameters.gamma[c] / sqrtf(parameters.variance[c] + epsilon);
  shift[c] = parameters.beta[c] - parameters.mean[c] * scale[c];
}

template <int kLanes, bool kRelu, class T>
__global__ __launch_bounds__(kBlockThreads) void scale_shift(int64_t count, Rows<const T> x, Slices<T> slices,
                                                             const float* scale, const float* shift) {
  const int column = thread_column<kLanes>();
  if (column >= x.channels) return;
  const Rows<T> y = slices.of(column);
  float a[kLanes], b[kLanes];
  load_channels(scale, column, x.channels, a);
  load_channels(shift, column, x.channels, b);
  for (int64_t row = thread_row(); row < count; row += row_step()) {
    float v[kLanes];
    load(x, row, column, v);
#pragma unroll
    for (int i = 0; i < kLanes; i++) {
      v[i] = fmaf(v[i], a[i], b[i]);
      if (kRelu && v[i] < 0) v[i] = 0;
    }
    store(y, row, column, v);
  }
}

/// Sums of dz and of dz * (x - mean), where dz is dy through the ReLU.
template <int kLanes, bool kRelu, class T>
__global__ __launch_bounds__(kBlockThreads) void add_gradients(int64_t count, Rows<const T> x,
                                                               Slices<const T> slices, Saved saved,
                                                               float* to) {
  const int column = thread_column<kLanes>();
  float sum[kLanes]{}, product[kLanes]{};
  if (column < x.channels) {
    const Rows<const T> dy = slices.of(column);
    float scale[kLanes], shift[kLanes], mean[kLanes];
    load_channels(saved.scale, column, x.channels, scale);
    load_channels(saved.shift, column, x.channels, shift);
    load_channels(saved.mean, column, x.channels, mean);
#pragma unroll 2
    for (int64_t row = thread_row(); row < count; row += row_step()) {
      float v[kLanes], g[kLanes];
      load(x, row, column, v);
      load(dy, row, column, g);
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        const float dz = kRelu && fmaf(v[i], scale[i], shift[i]) <= 0 ? 0.0f : g[i];
        sum[i] += dz;
        product[i] += dz * (v[i] - mean[i]);
      }
    }
  }
  put_sums(sum, product, x.channels, to);
}

/// The parameters' gradients, and dx = gamma / deviation * (dz - mean(dz) - normalised x * mean(dz *
/// normalised x)) as coefficients of dz (the saved scale), x and 1.
__global__ __launch_bounds__(kFinishChannels* kFinishParts) void finish_backward(Sums sums, double count,
                                                                                 int channels, Saved saved,
                                                                                 float* of_x, float* of_one,
                                                                                 float* gamma, float* beta,
                                                                                 GradientWriter gradients) {
  const double2 total = finish_sums(sums, channels);
  const int c = blockIdx.x * kFinishChannels + threadIdx.x;
  if (threadIdx.y > 0 || c >= channels) return;
  const double inverse = saved.inverse[c], product = total.y * inverse;
  const double a = -saved.scale[c] * product * inverse / count;
  of_x[c] = static_cast<float>(a);
  of_one[c] = static_cast<float>(-saved.scale[c] * total.x / count - a * saved.mean[c]);
  gradients.write(gamma + c, static_cast<float>(product));
  gradients.write(beta + c, static_cast<float>(total.x));
}

/// dx may be x.
template <int kLanes, bool kRelu, class T>
__global__ __launch_bounds__(kBlockThreads) void apply_gradient(int64_t count, Rows<const T> x,
                                                                Slices<const T> slices, Saved saved,
                                                                const float* of_x, const float* of_one,
                                                                Rows<T> dx) {
  const int column = thread_column<kLanes>();
  if (column >= x.channels) return;
  const Rows<const T> dy = slices.of(column);
  float scale[kLanes], shift[kLanes], a[kLanes], b[kLanes];
  load_channels(saved.scale, column, x.channels, scale);
  load_channels(saved.shift, column, x.channels, shift);
  load_channels(of_x, column, x.channels, a);
  load_channels(of_one, column, x.channels, b);
  for (int64_t row = thread_row(); row < count; row += row_step()) {
    float v[kLanes], g[kLanes];
    load(x, row, column, v);
    load(dy, row, column, g);
#pragma unroll
    for (int i = 0; i < kLanes; i++) {
      const float dz = kRelu && fmaf(v[i], scale[i], shift[i]) <= 0 ? 0.0f : g[i];
      v[i] = fmaf(scale[i], dz, fmaf(a[i], v[i], b[i]));
    }
    store(dx, row, column, v);
  }
}

// ---- operations

template <class T>
Slices<T> slices_of(const Context& context, const std::vector<View>& views) {
  Slices<T> slices{};
  int first = 0;
  for (int i = 0; i < kMostSlices; i++) {
    const bool there = i < static_cast<int>(views.size());
    slices.first[i] = there ? first : INT32_MAX;
    if (!there) continue;
    slices.rows[i] = rows<T>(context, views[i]);
    first += slices.rows[i].channels;
  }
  return slices;
}

/// Whether both the whole and the views that split it can be read and written in packs.
template <class T>
bool packable_slices(const View& whole, const std::vector<View>& views) {
  bool packed = packable(kPack<T>, {whole});
  int64_t first = 0;
  for (const View& view : views) {
    packed = packed && first % kPack<T> == 0 && packable(kPack<T>, {view});
    first += view.channels;
  }
  return packed;
}

/// Calls body(kLanes, kRelu).
template <class T, class Body>
void with_lanes_and_relu(bool packed, bool relu, Body body) {
  with_lanes<T>(packed, [&](auto lanes) {
    if (relu) return body(lanes, std::true_type());
    body(lanes, std::false_type());
  });
}

template <class T>
class BatchNorm : public Operation {
 public:
  BatchNorm(CudaBackend& backend, const step::BatchNorm& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const View& in = what_.input;
    const int channels = static_cast<int>(in.channels);
    const Saved saved(context, what_.saved);
    const Rows<const T> x = rows<const T>(context, in);
    with_lanes_and_relu<T>(packable_slices<T>(in, what_.outputs), what_.relu, [&](auto lanes, auto relu) {
      constexpr int kLanes = decltype(lanes)::value;
      Sums sums{};
      if (what_.statistics.buffer >= 0) {
        sums = {pointer<float>(context, what_.statistics), 1, what_.statistics.stride};
      } else {
        float* partial = reinterpret_cast<float*>(context.workspace);
        const Grid grid = sum_grid(in, kLanes);
        launch(add_moments<kLanes, T>, grid, backend_.stream(), in.rows, x, partial);
        sums = sums_in(partial, grid, in);
      }
      launch(finish_forward<T>, finish_grid(channels), backend_.stream(), sums,
             what_.statistics.buffer >= 0 ? nullptr : x.data, static_cast<double>(in.rows), channels,
             Parameters(context, what_, what_.shift), saved, what_.epsilon, what_.momentum);
      if (what_.pool) return pool_normalised<T>(backend_, context, what_, saved);
      launch(scale_shift<kLanes, decltype(relu)::value, T>, table_grid(in.rows, divide_up(channels, kLanes)),
             backend_.stream(), in.rows, x, slices_of<T>(context, what_.outputs), saved.scale, saved.shift);
    });
  }
  size_t workspace() const override { return what_.statistics.buffer >= 0 ? 0 : sums_bytes(what_.input); }

 private:
  CudaBackend& backend_;
  step::BatchNorm what_;
};

template <class T>
class BatchNormInference : public Operation {
 public:
  BatchNormInference(CudaBackend& backend, const step::BatchNormInference& what)
      : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const View& in = what_.input;
    const int channels = static_cast<int>(in.channels);
    float* scale = reinterpret_cast<float*>(context.workspace);
    launch(finish_inference, item_grid(channels), backend_.stream(), channels, Parameters(context, what_, {}),
           what_.epsilon, scale, scale + channels);
    with_lanes_and_relu<T>(packable(kPack<T>, {in, what_.output}), what_.relu, [&](auto lanes, auto relu) {
      constexpr int kLanes = decltype(lanes)::value;
      launch(scale_shift<kLanes, decltype(relu)::value, T>, table_grid(in.rows, divide_up(channels, kLanes)),
             backend_.stream(), in.rows, rows<const T>(context, in), slices_of<T>(context, {what_.output}),
             scale, scale + channels);
    });
  }
  size_t workspace() const override { return 2 * what_.input.channels * sizeof(float); }

 private:
  CudaBackend& backend_;
  step::BatchNormInference what_;
};

template <class T>
class BatchNormBackward : public Operation {
 public:
  BatchNormBackward(CudaBackend& backend, const step::BatchNormBackward& what)
      : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const View& in = what_.input;
    const Saved saved(context, what_.saved);
    float* of_x = reinterpret_cast<float*>(context.workspace);
    float* of_one = of_x + in.channels;
    float* partial = of_one + in.channels;
    if (what_.pool) {
      finish(context, saved, add_pooled_gradients<T>(backend_, context, what_, saved, partial), of_x, of_one);
      return apply_pooled_gradient<T>(backend_, context, what_, saved, of_x, of_one);
    }
    const bool packed =
        packable_slices<T>(in, what_.output_gradients) && packable(kPack<T>, {what_.input_gradient});
    with_lanes_and_relu<T>(packed, what_.relu, [&](auto lanes, auto relu) {
      constexpr int kLanes = decltype(lanes)::value;
      constexpr bool kRelu = decltype(relu)::value;
      const Grid grid = sum_grid(in, kLanes);
      const Rows<const T> x = rows<const T>(context, in);
      const auto dy = slices_of<const T>(context, what_.output_gradients);
      launch(add_gradients<kLanes, kRelu, T>, grid, backend_.stream(), in.rows, x, dy, saved, partial);
      finish(context, saved, sums_in(partial, grid, in), of_x, of_one);
      launch(apply_gradient<kLanes, kRelu, T>, table_grid(in.rows, divide_up(in.channels, kLanes)),
             backend_.stream(), in.rows, x, dy, saved, of_x, of_one, rows<T>(context, what_.input_gradient));
    });
  }
  size_t workspace() const override {
    const size_t sums = what_.pool ? pooled_sums_bytes(what_) : sums_bytes(what_.input);
    return 2 * what_.input.channels * sizeof(float) + sums;
  }

 private:
  void finish(const Context& context, const Saved& saved, const Sums& sums, float* of_x, float* of_one) {
    const View& in = what_.input;
    launch(finish_backward, finish_grid(in.channels), backend_.stream(), sums, static_cast<double>(in.rows),
           static_cast<int>(in.channels), saved, of_x, of_one, context.gradients + what_.gamma.offset,
           context.gradients + what_.beta.offset, GradientWriter(backend_));
  }

  CudaBackend& backend_;
  step::BatchNormBackward what_;
};

void check_slices(size_t count) {
  if (count > kMostSlices) {
    throw Error("ERR_GOOGLENET_OPTION", "the cuda backend runs at most " + std::to_string(kMostSlices) +
                                            " sibling convolutions as one, not " + std::to_string(count));
  }
}

}  // namespace

Backend::Made CudaBackend::make(const step::BatchNorm& what) {
  check_slices(what.outputs.size());
  return make_for<BatchNorm>(*this, what);
}
Backend::Made CudaBackend::make(const step::BatchNormInference& what) {
  return make_for<BatchNormInference>(*this, what);
}
Backend::Made CudaBackend::make(const step::BatchNormBackward& what) {
  check_slices(what.output_gradients.size());
  return make_for<BatchNormBackward>(*this, what);
}

}  // namespace googlenet::backends::cuda
