// Layers that work element by element: ReLU, dropout, copies into and out of slices; and the sum of columns.
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/primitive.h"
#include "random.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;
using graph::View;

// ---- kernels: one row

template <class T>
GOOGLENET_SIMD void relu(const T* __restrict x, int64_t n, T* __restrict y) {
  for (int64_t i = 0; i < n; i++) {
    const float v = load(x[i]);
    store(y + i, v < 0 ? 0.0f : v);
  }
}

template <class T>
GOOGLENET_SIMD void relu_backward(const T* __restrict y, const T* dy, int64_t n, bool accumulate, T* dx) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const float before = accumulate ? load(dx[i]) : 0.0f;
    store(dx + i, before + (load(y[i]) > 0 ? load(dy[i]) : 0.0f));
  }
}

template <class T>
GOOGLENET_SIMD void copy(const T* __restrict x, int64_t n, T* __restrict y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i];
}

template <class T>
GOOGLENET_SIMD void add(const T* __restrict x, int64_t n, T* __restrict y) {
  for (int64_t i = 0; i < n; i++) store(y + i, load(y[i]) + load(x[i]));
}

/// Keeps an element with probability 1 - p and scales it by 1 / (1 - p).
template <class T>
GOOGLENET_SIMD void dropout(const T* x, int64_t n, uint64_t key, int64_t first, float p, bool accumulate,
                            T* y) {
  const float scale = 1.0f / (1.0f - p);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; i++) {
    const bool kept = uniform(mix(key ^ static_cast<uint64_t>(first + i))) >= p;
    const float before = accumulate ? load(y[i]) : 0.0f;
    store(y + i, before + (kept ? load(x[i]) * scale : 0.0f));
  }
}

template <class T>
GOOGLENET_SIMD void add_row(const T* __restrict x, int64_t n, double* __restrict sum) {
  for (int64_t i = 0; i < n; i++) sum[i] += load(x[i]);
}

// ---- operations

template <class T>
class Relu : public Operation {
 public:
  explicit Relu(const step::Relu& what) : what_(what) {}
  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) relu(x + r * in.stride, in.channels, y + r * out.stride);
    });
  }

 private:
  step::Relu what_;
};

template <class T>
class ReluBackward : public Operation {
 public:
  explicit ReluBackward(const step::ReluBackward& what) : what_(what) {}
  void run(const Context& context) override {
    const View &out = what_.output, &from = what_.output_gradient, &to = what_.input_gradient;
    const T* y = pointer<T>(context, out);
    const T* dy = pointer<T>(context, from);
    T* dx = pointer<T>(context, to);
    parallel_ranges(out.rows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        relu_backward(y + r * out.stride, dy + r * from.stride, out.channels, what_.accumulate,
                      dx + r * to.stride);
      }
    });
  }

 private:
  step::ReluBackward what_;
};

template <class T>
class Dropout : public Operation {
 public:
  explicit Dropout(const step::Dropout& what) : what_(what) {}
  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const uint64_t key = mix(context.dropout_key, what_.layer);
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        dropout(x + r * in.stride, in.channels, key, r * in.channels, what_.probability, what_.accumulate,
                y + r * out.stride);
      }
    });
  }

 private:
  step::Dropout what_;
};

template <class T>
class Copy : public Operation {
 public:
  explicit Copy(const step::Copy& what) : what_(what) {}
  void run(const Context& context) override {
    const View &in = what_.input, &out = what_.output;
    const T* x = pointer<T>(context, in);
    T* y = pointer<T>(context, out);
    const auto kernel = what_.accumulate ? add<T> : copy<T>;
    parallel_ranges(in.rows, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) kernel(x + r * in.stride, in.channels, y + r * out.stride);
    });
  }

 private:
  step::Copy what_;
};

template <class T>
void sum_columns_of(const Context& context, const View& view, float* gradient) {
  const T* x = pointer<T>(context, view);
  // Threads share the columns, so that the order of additions never changes.
  parallel_ranges(view.channels, [&](int64_t begin, int64_t end) {
    std::vector<double> sum(end - begin, 0.0);
    for (int64_t r = 0; r < view.rows; r++) add_row(x + r * view.stride + begin, end - begin, sum.data());
    for (int64_t c = begin; c < end; c++) {
      gradient[c] = (context.accumulate_gradients ? gradient[c] : 0.0f) + static_cast<float>(sum[c - begin]);
    }
  });
}

}  // namespace

void sum_columns(const OneDnn& dnn, const Context& context, const View& view, float* gradient) {
  if (dnn.activation == dnnl::memory::data_type::bf16) return sum_columns_of<Bf16>(context, view, gradient);
  sum_columns_of<float>(context, view, gradient);
}

Backend::Made CpuBackend::make(const step::Relu& what) {
  return make_for<Relu>(precision_, what);
}
Backend::Made CpuBackend::make(const step::ReluBackward& what) {
  return make_for<ReluBackward>(precision_, what);
}
Backend::Made CpuBackend::make(const step::Dropout& what) {
  return make_for<Dropout>(precision_, what);
}
Backend::Made CpuBackend::make(const step::Copy& what) {
  return make_for<Copy>(precision_, what);
}

}  // namespace googlenet::backends::cpu
