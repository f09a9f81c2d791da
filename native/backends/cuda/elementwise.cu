// Layers that work element by element: ReLU, dropout, copies into and out of slices.
#include "backends/cuda/kernels/rows.cuh"
#include "random.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;
using graph::View;

// ---- elements: of the two inputs and what is there, at an index over dense rows

struct RectifyElement {
  static constexpr bool kReadsSecond = false;
  __device__ void start() {}
  __device__ float operator()(float x, float, int64_t) const { return x < 0 ? 0.0f : x; }
};

struct RectifyBackwardElement {
  static constexpr bool kReadsSecond = true;
  __device__ void start() {}
  __device__ float operator()(float dy, float y, int64_t) const { return y > 0 ? dy : 0.0f; }
};

struct CopyElement {
  static constexpr bool kReadsSecond = false;
  __device__ void start() {}
  __device__ float operator()(float x, float, int64_t) const { return x; }
};

/// Keeps an element with probability 1 - p and scales it by 1 / (1 - p); the mask is the CPU backend's.
struct DropoutElement {
  static constexpr bool kReadsSecond = false;
  const Scalars* scalars;
  uint64_t layer;
  float probability, scale;
  uint64_t key = 0;
  __device__ void start() { key = mix(scalars->dropout_key, layer); }
  __device__ float operator()(float x, float, int64_t index) const {
    return uniform(mix(key ^ static_cast<uint64_t>(index))) >= probability ? x * scale : 0.0f;
  }
};

// ---- kernel

/// y = element(x, second), or that added to y. y may be x or second.
template <int kLanes, class T, class Element>
__global__ __launch_bounds__(kBlockThreads) void each_element(int64_t count, Rows<const T> x,
                                                              Rows<const T> second, Rows<T> y,
                                                              bool accumulate, Element element) {
  const int column = thread_column<kLanes>();
  if (column >= y.channels) return;
  element.start();
  for (int64_t row = thread_row(); row < count; row += row_step()) {
    float a[kLanes], b[kLanes]{}, to[kLanes]{};
    load(x, row, column, a);
    if constexpr (Element::kReadsSecond) load(second, row, column, b);
    if (accumulate) load(y, row, column, to);
#pragma unroll
    for (int i = 0; i < kLanes; i++) to[i] += element(a[i], b[i], row * y.channels + column + i);
    store(y, row, column, to);
  }
}

// ---- operations

template <class T, class Element>
void run_elements(const CudaBackend& backend, const Context& context, const View& x, const View& second,
                  const View& y, bool accumulate, const Element& element) {
  with_lanes<T>(packable(kPack<T>, {x, second, y}), [&](auto lanes) {
    constexpr int kLanes = decltype(lanes)::value;
    launch(each_element<kLanes, T, Element>, table_grid(y.rows, divide_up(y.channels, kLanes)),
           backend.stream(), y.rows, rows<const T>(context, x), rows<const T>(context, second),
           rows<T>(context, y), accumulate, element);
  });
}

template <class T>
class Relu : public Operation {
 public:
  Relu(CudaBackend& backend, const step::Relu& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    run_elements<T>(backend_, context, what_.input, what_.input, what_.output, false, RectifyElement());
  }

 private:
  CudaBackend& backend_;
  step::Relu what_;
};

template <class T>
class ReluBackward : public Operation {
 public:
  ReluBackward(CudaBackend& backend, const step::ReluBackward& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    run_elements<T>(backend_, context, what_.output_gradient, what_.output, what_.input_gradient,
                    what_.accumulate, RectifyBackwardElement());
  }

 private:
  CudaBackend& backend_;
  step::ReluBackward what_;
};

template <class T>
class Dropout : public Operation {
 public:
  Dropout(CudaBackend& backend, const step::Dropout& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    const float p = what_.probability;
    run_elements<T>(backend_, context, what_.input, what_.input, what_.output, what_.accumulate,
                    DropoutElement{backend_.scalars(), what_.layer, p, 1.0f / (1.0f - p)});
  }

 private:
  CudaBackend& backend_;
  step::Dropout what_;
};

template <class T>
class Copy : public Operation {
 public:
  Copy(CudaBackend& backend, const step::Copy& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    run_elements<T>(backend_, context, what_.input, what_.input, what_.output, what_.accumulate,
                    CopyElement());
  }

 private:
  CudaBackend& backend_;
  step::Copy what_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::Relu& what) {
  return make_for<Relu>(*this, what);
}
Backend::Made CudaBackend::make(const step::ReluBackward& what) {
  return make_for<ReluBackward>(*this, what);
}
Backend::Made CudaBackend::make(const step::Dropout& what) {
  return make_for<Dropout>(*this, what);
}
Backend::Made CudaBackend::make(const step::Copy& what) {
  return make_for<Copy>(*this, what);
}

}  // namespace googlenet::backends::cuda
