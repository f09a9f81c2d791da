// Local response normalisation: y = x * n^-beta, where n = k + alpha / size * (sum of x^2 over the channels
// around). A thread has a pack of channels and reads the packs beside it too, which the first-level cache has
// for its neighbours. Backward, the n of the channels around are computed anew: cheaper than to keep them.
#include "backends/cuda/kernels/rows.cuh"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;

// Of the windows whose channels lie in the packs on both sides of a thread's own: those of the paper.
constexpr int kUsualSize = 5;

/// kSize > 0: size is known when this is compiled.
template <int kSize>
struct Norm {
  static constexpr int kUnroll = kSize > 0 ? 16 : 1;  // all turns, or none
  int size;
  float share, beta, k;  // alpha / size

  /// Channels of the window before and after its own.
  __device__ int before() const { return (kSize > 0 ? kSize : size) / 2; }
  __device__ int after() const { return ((kSize > 0 ? kSize : size) - 1) / 2; }

  /// n of the channel `c` of x(channel).
  template <class X>
  __device__ float at(int c, const X& x) const {
    float sum = 0;
#pragma unroll kUnroll
    for (int j = c - before(); j <= c + after(); j++) sum = fmaf(x(j), x(j), sum);
    return fmaf(share, sum, k);
  }
};

/// n^-beta and n^(-beta - 1).
struct Powers {
  float scale, next;
};
/// The usual beta, 3/4, takes roots alone.
template <bool kThreeQuarters>
__device__ Powers powers(float n, float beta) {
  if constexpr (kThreeQuarters) {
    const float root = rsqrtf(n), inverse = root * root, scale = inverse * rsqrtf(root);
    return {scale, scale * inverse};
  } else {
    const float scale = powf(n, -beta);
    return {scale, scale / n};
  }
}

/// The thread's channels of a row, and those of the packs on both sides; zero where the view has none.
template <int kLanes>
struct Wide {
  float values[3 * kLanes];

  template <class T>
  __device__ Wide(const Rows<const T>& x, int64_t row, int column) {
#pragma unroll
    for (int part = 0; part < 3; part++) {
      const int first = column + (part - 1) * kLanes;
      float loaded[kLanes]{};
      if (first >= 0 && first < x.channels) load(x, row, first, loaded);
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        values[part * kLanes + i] = first + i < x.channels ? loaded[i] : 0.0f;
      }
    }
  }
  /// Of a channel, counted from the thread's first.
  __device__ float operator()(int channel) const {
    return values[kLanes + channel];
  }
};

/// The same from memory, for windows of any size.
template <class T>
struct Far {
  const Rows<const T>& x;
  int64_t row;
  int column;
  __device__ float operator()(int channel) const {
    const int c = column + channel;
    return c >= 0 && c < x.channels ? to_float(*x.at(row, c)) : 0.0f;
  }
};

template <int kSize, int kLanes, class T>
__device__ auto around(const Rows<const T>& x, int64_t row, int column) {
  if constexpr (kSize > 0) {
    static_assert(2 * (kSize / 2) <= kLanes, "a window of a window's channels lies within three packs");
    return Wide<kLanes>(x, row, column);
  } else {
    return Far<T>{x, row, column};
  }
}

// ---- kernels

template <int kLanes, int kSize, bool kThreeQuarters, class T>
__global__ __launch_bounds__(kBlockThreads) void normalise(int64_t count, Rows<const T> x, Rows<T> y,
                                                           Norm<kSize> norm) {
  const int column = thread_column<kLanes>();
  if (column >= y.channels) return;
  for (int64_t row = thread_row(); row < count; row += row_step()) {
    const auto in = around<kSize, kLanes>(x, row, column);
    float out[kLanes];
#pragma unroll
    for (int i = 0; i < kLanes; i++) out[i] = powers<kThreeQuarters>(norm.at(i, in), norm.beta).scale * in(i);
    store(y, row, column, out);
  }
}

/// dx (+)= dy n^-beta - 2 beta share x (sum of dy x n^(-beta - 1) over the channels whose windows have this
/// one).
template <int kLanes, int kSize, bool kThreeQuarters, class T>
__global__ __launch_bounds__(kBlockThreads) void normalise_backward(int64_t count, Rows<const T> x,
                                                                    Rows<const T> dy, Rows<T> dx,
                                                                    bool accumulate, Norm<kSize> norm) {
  const int column = thread_column<kLanes>();
  if (column >= dx.channels) return;
  [[maybe_unused]] constexpr int kUnroll = Norm<kSize>::kUnroll;
  const float factor = -2 * norm.beta * norm.share;
  for (int64_t row = thread_row(); row < count; row += row_step()) {
    const auto in = around<kSize, kLanes>(x, row, column);
    const auto gradient = around<kSize, kLanes>(dy, row, column);
    float sum[kLanes]{}, out[kLanes]{};
    if (accumulate) load(dx, row, column, out);
#pragma unroll kUnroll
    for (int j = -norm.after(); j < kLanes + norm.before(); j++) {
      if (column + j < 0 || column + j >= dx.channels) continue;
      const Powers of = powers<kThreeQuarters>(norm.at(j, in), norm.beta);
      const float term = of.next * gradient(j) * in(j);
#pragma unroll
      for (int i = 0; i < kLanes; i++) {
        if (j == i) out[i] = fmaf(gradient(j), of.scale, out[i]);
        if (j >= i - norm.after() && j <= i + norm.before()) sum[i] += term;
      }
    }
#pragma unroll
    for (int i = 0; i < kLanes; i++) out[i] = fmaf(factor * in(i), sum[i], out[i]);
    store(dx, row, column, out);
  }
}

// ---- operations

/// Calls body(kLanes, kThreeQuarters, norm).
template <class T, class Body>
void with_norm(bool packed, const graph::LrnFigures& lrn, Body body) {
  const int size = static_cast<int>(lrn.size);
  with_lanes<T>(packed && size == kUsualSize, [&](auto lanes) {
    constexpr int kSize = decltype(lanes)::value > 1 ? kUsualSize : 0;
    const Norm<kSize> norm{size, lrn.alpha / static_cast<float>(size), lrn.beta, lrn.k};
    if (lrn.beta == 0.75f) return body(lanes, std::true_type(), norm);
    body(lanes, std::false_type(), norm);
  });
}

template <class T>
class Lrn : public Operation {
 public:
  Lrn(CudaBackend& backend, const step::Lrn& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    with_norm<T>(packable(kPack<T>, {in, out}), what_.lrn,
                 [&]<int kSize>(auto lanes, auto quarters, const Norm<kSize>& norm) {
                   constexpr int kLanes = decltype(lanes)::value;
                   launch(normalise<kLanes, kSize, decltype(quarters)::value, T>,
                          table_grid(out.rows, divide_up(out.channels, kLanes)), backend_.stream(), out.rows,
                          rows<const T>(context, in), rows<T>(context, out), norm);
                 });
  }

 private:
  CudaBackend& backend_;
  step::Lrn what_;
};

template <class T>
class LrnBackward : public Operation {
 public:
  LrnBackward(CudaBackend& backend, const step::LrnBackward& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const View &in = what_.input, &dy = what_.output_gradient, &dx = what_.input_gradient;
    with_norm<T>(packable(kPack<T>, {in, dy, dx}), what_.lrn,
                 [&]<int kSize>(auto lanes, auto quarters, const Norm<kSize>& norm) {
                   constexpr int kLanes = decltype(lanes)::value;
                   launch(normalise_backward<kLanes, kSize, decltype(quarters)::value, T>,
                          table_grid(dx.rows, divide_up(dx.channels, kLanes)), backend_.stream(), dx.rows,
                          rows<const T>(context, in), rows<const T>(context, dy), rows<T>(context, dx),
                          what_.accumulate, norm);
                 });
  }

 private:
  CudaBackend& backend_;
  step::LrnBackward what_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::Lrn& what) {
  return make_for<Lrn>(*this, what);
}
Backend::Made CudaBackend::make(const step::LrnBackward& what) {
  return make_for<LrnBackward>(*this, what);
}

}  // namespace googlenet::backends::cuda
