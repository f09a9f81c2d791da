// Softmax with cross-entropy: the loss of a head, its gradient, and whether the labels were among the first
// answers.
#include "backends/cuda/kernels/rows.cuh"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

/// What one sample adds to the metrics.
struct Sample {
  float loss;
  int32_t rank;  // how many classes come before the label
};

// ---- kernels

/// combine() of all threads' values, in a fixed order, on every thread of a block of kBlockThreads.
template <class Value, class Combine>
__device__ Value reduce(Value value, Combine combine) {
  __shared__ Value shared[kBlockThreads];
  shared[threadIdx.x] = value;
  for (unsigned half = kBlockThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) {
      shared[threadIdx.x] = combine(shared[threadIdx.x], shared[threadIdx.x + half]);
    }
  }
  __syncthreads();
  const Value result = shared[0];
  __syncthreads();
  return result;
}

struct Largest {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// Of one row: sum of exp(x - maximum), sum of x - maximum, and how many classes come before the label.
struct RowSums {
  float exponentials, differences;
  int32_t rank;
};
struct AddRowSums {
  __device__ RowSums operator()(const RowSums& a, const RowSums& b) const {
    return {a.exponentials + b.exponentials, a.differences + b.differences, a.rank + b.rank};
  }
};

/// A block for each sample. The target is 1 - smoothing on the label, and smoothing / classes on every class
/// (as PyTorch's).
template <class T>
__global__ __launch_bounds__(kBlockThreads) void cross_entropy(Rows<const float> logits,
                                                               const int32_t* labels, float scale,
                                                               const Scalars* scalars,
                                                               const LossScale* loss_scale, Rows<T> gradient,
                                                               Sample* samples) {
  const int64_t row = blockIdx.x;
  const float* x = logits.at(row, 0);
  const int classes = logits.channels, label = labels[row];
  float maximum = -INFINITY;
  for (int c = threadIdx.x; c < classes; c += kBlockThreads) maximum = fmaxf(maximum, x[c]);
  maximum = reduce(maximum, Largest());
  RowSums sums{0, 0, 0};
  for (int c = threadIdx.x; c < classes; c += kBlockThreads) {
    sums.exponentials += expf(x[c] - maximum);
    sums.differences += x[c] - maximum;
    sums.rank += x[c] > x[label] || (x[c] == x[label] && c < label);
  }
  sums = reduce(sums, AddRowSums());
  const float log_sum = logf(sums.exponentials);
  const float everywhere = scalars->label_smoothing / classes, on_label = 1 - scalars->label_smoothing;
  scale *= scalars->gradient_scale * (loss_scale ? loss_scale->scale : 1.0f);
  for (int c = threadIdx.x; c < gradient.columns; c += kBlockThreads) {
    float value = 0;
    if (c < classes) {
      const float target = everywhere + (c == label ? on_label : 0.0f);
      value = (expf(x[c] - maximum - log_sum) - target) * scale;
    }
    *gradient.at(row, c) = from_float<T>(value);
  }
  if (threadIdx.x > 0) return;
  samples[row].loss =
      on_label * (log_sum - (x[label] - maximum)) + everywhere * (classes * log_sum - sums.differences);
  samples[row].rank = isnan(x[label]) ? classes : sums.rank;
}

/// Of the batch: sum of losses, and the samples whose label is the first and among the first five.
struct Totals {
  double loss;
  int32_t top1, top5;
};
struct AddTotals {
  __device__ Totals operator()(const Totals& a, const Totals& b) const {
    return {a.loss + b.loss, a.top1 + b.top1, a.top5 + b.top5};
  }
};

/// One block.
__global__ __launch_bounds__(kBlockThreads) void collect(const Sample* samples, int64_t batch, int head,
                                                         DeviceMetrics* metrics) {
  Totals totals{0, 0, 0};
  for (int64_t n = threadIdx.x; n < batch; n += kBlockThreads) {
    totals.loss += samples[n].loss;
    totals.top1 += samples[n].rank < 1;
    totals.top5 += samples[n].rank < 5;
  }
  totals = reduce(totals, AddTotals());
  if (threadIdx.x > 0) return;
  metrics->loss[head] = totals.loss / static_cast<double>(batch);
  if (head > 0) return;
  metrics->top1 = totals.top1;
  metrics->top5 = totals.top5;
}

// ---- operation

template <class T>
class SoftmaxCrossEntropy : public Operation {
 public:
  SoftmaxCrossEntropy(CudaBackend& backend, const step::SoftmaxCrossEntropy& what)
      : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    const int64_t batch = what_.logits.rows;
    Sample* samples = reinterpret_cast<Sample*>(context.workspace);
    const bool scaled = backend_.precision() == Precision::Fp16;
    launch(cross_entropy<T>, Grid{dim3(static_cast<unsigned>(batch)), dim3(kBlockThreads)}, backend_.stream(),
           rows<const float>(context, what_.logits), backend_.labels(),
           what_.loss_weight / static_cast<float>(batch), backend_.scalars(),
           scaled ? backend_.loss_scale() : nullptr, rows<T>(context, what_.gradient), samples);
    launch(collect, Grid{dim3(1), dim3(kBlockThreads)}, backend_.stream(), samples, batch, what_.head,
           backend_.metrics());
  }
  size_t workspace() const override { return what_.logits.rows * sizeof(Sample); }

 private:
  CudaBackend& backend_;
  step::SoftmaxCrossEntropy what_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::SoftmaxCrossEntropy& what) {
  return make_for<SoftmaxCrossEntropy>(*this, what);
}

}  // namespace googlenet::backends::cuda
