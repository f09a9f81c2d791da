// Softmax with cross-entropy: the loss of a head, its gradient, and whether the labels were among the first
// answers.
#include <cmath>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;

/// What one sample adds to the metrics.
struct Sample {
  double loss = 0;
  int64_t rank = 0;  // how many classes come before the label
};

template <class T>
class SoftmaxCrossEntropy : public Operation {
 public:
  explicit SoftmaxCrossEntropy(const step::SoftmaxCrossEntropy& what) : what_(what) {}

  void run(const Context& context) override {
    const int64_t batch = what_.logits.rows, classes = what_.logits.channels;
    const float* logits = pointer<float>(context, what_.logits);
    T* gradient = pointer<T>(context, what_.gradient);
    std::vector<Sample> samples(batch);
    parallel_ranges(batch, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; n++) {
        samples[n] = one(context, logits + n * classes, context.labels[n], gradient + n * classes);
      }
    });
    double loss = 0;
    for (const Sample& sample : samples) {
      loss += sample.loss;
      if (what_.head != 0) continue;
      context.metrics->top1 += sample.rank < 1;
      context.metrics->top5 += sample.rank < 5;
    }
    context.metrics->loss[what_.head] = loss / static_cast<double>(batch);
  }

 private:
  /// The target is 1 - smoothing on the label, and smoothing / classes on every class (as PyTorch's).
  Sample one(const Context& context, const float* x, int32_t label, T* gradient) const {
    const int64_t classes = what_.logits.channels;
    const double everywhere = context.label_smoothing / static_cast<double>(classes);
    const double on_label = 1.0 - context.label_smoothing;
    double maximum = x[0];
    for (int64_t c = 1; c < classes; c++) maximum = std::max<double>(maximum, x[c]);
    double sum = 0, smooth = 0;
    Sample sample;
    for (int64_t c = 0; c < classes; c++) {
      sum += std::exp(x[c] - maximum);
      smooth += x[c] - maximum;
      sample.rank += x[c] > x[label] || (x[c] == x[label] && c < label);
    }
    if (std::isnan(x[label])) sample.rank = classes;
    const double log_sum = std::log(sum);
    sample.loss = on_label * (log_sum - (x[label] - maximum)) + everywhere * (classes * log_sum - smooth);
    const double scale = what_.loss_weight * context.gradient_scale / static_cast<double>(what_.logits.rows);
    for (int64_t c = 0; c < classes; c++) {
      const double target = everywhere + (c == label ? on_label : 0.0);
      store(gradient + c, static_cast<float>((std::exp(x[c] - maximum - log_sum) - target) * scale));
    }
    return sample;
  }

  step::SoftmaxCrossEntropy what_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::SoftmaxCrossEntropy& what) {
  return make_for<SoftmaxCrossEntropy>(precision_, what);
}

}  // namespace googlenet::backends::cpu
