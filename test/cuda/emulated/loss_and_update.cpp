#include <cmath>
#include <cstring>
#include <stdexcept>

#include "backends/cuda/optimizer.h"
#include "checks.h"

namespace emulated {

using backends::Context;
using backends::cuda::CudaBackend;

void check_softmax(Scene& scene) {
  const int64_t batch = scene.integer(0, 5) == 0 ? scene.integer(257, 300) : scene.integer(1, 20);
  const int64_t classes = scene.coin() ? scene.integer(1, 12) : 1000;
  const View logits = scene.view(batch, classes, Layout::Padded, Element::Float);
  // Few values: ties, whose first class comes first.
  if (scene.coin()) scene.fill(logits, [&](int64_t, int64_t) { return scene.integer(0, 6); });
  const View gradient = scene.output(batch, classes);
  std::vector<int32_t> labels(batch);
  for (int32_t& label : labels) label = static_cast<int32_t>(scene.integer(0, classes - 1));
  scene.delivery.labels = labels.data();
  scene.delivery.label_count = batch;
  const double smoothing = scene.coin() ? 0.1f : 0, share = scene.coin() ? 0.25 : 1;
  scene.delivery.scalars.label_smoothing = static_cast<float>(smoothing);
  scene.delivery.scalars.gradient_scale = static_cast<float>(share);
  scene.loss_scale.scale = scene.precision() == Precision::Fp16 ? 128 : 1;
  const int head = static_cast<int>(scene.integer(0, 2));
  const float weight = 0.3f;
  scene.run(step::SoftmaxCrossEntropy{logits, gradient, head, weight});

  double loss = 0;
  int top1 = 0, top5 = 0;
  std::vector<double> log_sums(batch);
  for (int64_t n = 0; n < batch; n++) {
    double sum = 0;
    int64_t rank = 0;
    const double of_label = scene.before(logits, n, labels[n]);
    for (int64_t c = 0; c < classes; c++) {
      const double x = scene.before(logits, n, c);
      sum += std::exp(x);
      rank += x > of_label || (x == of_label && c < labels[n]);
    }
    log_sums[n] = std::log(sum);
    for (int64_t c = 0; c < classes; c++) {
      const double target = smoothing / classes + (c == labels[n] ? 1 - smoothing : 0);
      loss -= target * (scene.before(logits, n, c) - log_sums[n]) / batch;
    }
    top1 += rank < 1;
    top5 += rank < 5;
  }
  expect_close("loss", scene.metrics().loss[head], loss, 1e-6, 1);
  expect_close("top-1", scene.metrics().top1, head == 0 ? top1 : 0, 0, 0);
  expect_close("top-5", scene.metrics().top5, head == 0 ? top5 : 0, 0, 0);
  scene.expect("gradient", gradient, [&](int64_t n, int64_t c) {
    const double target = smoothing / classes + (c == labels[n] ? 1 - smoothing : 0);
    const double probability = std::exp(scene.before(logits, n, c) - log_sums[n]);
    return (probability - target) * weight * share * scene.loss_scale.scale / batch;
  });
  scene.expect_nothing_else();
}

void check_weights(Scene& scene) {
  std::vector<backends::cuda::WeightCopy> copies(scene.integer(1, 5));
  for (auto& copy : copies) {
    const auto padded = [&](int64_t count) {
      return (count + scene.pack() - 1) / scene.pack() * scene.pack();
    };
    copy.out = scene.integer(1, 70);
    copy.pixels = std::vector<int64_t>{1, 9, 25, 49}[scene.integer(0, 3)];
    copy.in = scene.integer(1, 50);
    copy.padded_out = padded(copy.out);
    copy.padded_in = padded(copy.in);
    copy.weight = scene.parameters(copy.out * copy.pixels * copy.in, -1, 1);
    if (scene.coin()) copy.bias = scene.parameters(copy.out, -1, 1);
    if (scene.coin()) {
      copy.fold = graph::Fold{scene.parameters(copy.out, 0.5, 1.5), scene.parameters(copy.out, -1, 1),
                              scene.parameters(copy.out, -1, 1), scene.parameters(copy.out, 0.5, 2), 1e-3f};
    }
  }
  // What the copies shall hold, as views to compare with.
  std::vector<View> weights, biases;
  for (const auto& copy : copies) {
    weights.push_back(scene.view(copy.padded_out * copy.pixels, copy.padded_in, Layout::Padded));
    biases.push_back(scene.view(1, copy.padded_out, Layout::Padded, Element::Float));
  }
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    backends::cuda::Weights made(backend.precision());
    for (size_t i = 0; i < copies.size(); i++) {
      auto unbiased = copies[i];
      unbiased.bias = {};
      for (const auto& copy : i % 2 ? std::vector{unbiased, copies[i]} : std::vector{copies[i], unbiased}) {
        if (made.add(copy) != static_cast<int>(i)) {
          throw std::runtime_error("a copy is made twice, or taken for another");
        }
      }
    }
    made.allocate();
    made.prepare(context.weights, nullptr);
    for (size_t i = 0; i < copies.size(); i++) {
      const size_t element = scene.precision() == Precision::Fp32 ? 4 : 2;
      const bool biased = copies[i].bias.count > 0 || copies[i].fold;
      std::memcpy(backends::cuda::pointer<std::byte>(context, weights[i]), made.weight(i),
                  copies[i].padded_out * copies[i].pixels * copies[i].padded_in * element);
      if (biased != (made.bias(i) != nullptr)) throw std::runtime_error("a bias too many or too few");
      if (biased)
        std::memcpy(backends::cuda::pointer<float>(context, biases[i]), made.bias(i),
                    copies[i].padded_out * sizeof(float));
    }
  });
  for (size_t i = 0; i < copies.size(); i++) {
    const auto& copy = copies[i];
    const auto scale = [&](int64_t out) {
      if (!copy.fold) return 1.0;
      return scene.parameter(copy.fold->gamma, out) /
             std::sqrt(scene.parameter(copy.fold->variance, out) + copy.fold->epsilon);
    };
    scene.expect("weight", weights[i], [&](int64_t row, int64_t in) {
      const int64_t out = row / copy.pixels;
      if (out >= copy.out || in >= copy.in) return 0.0;
      return scene.parameter(copy.weight, row * copy.in + in) * scale(out);
    });
    if (copy.bias.count == 0 && !copy.fold) continue;
    scene.expect("bias", biases[i], [&](int64_t, int64_t out) {
      if (out >= copy.out) return 0.0;
      const double bias = copy.bias.count > 0 ? scene.parameter(copy.bias, out) : 0;
      if (!copy.fold) return bias;
      return (bias - scene.parameter(copy.fold->mean, out)) * scale(out) +
             scene.parameter(copy.fold->beta, out);
    });
  }
  scene.expect_nothing_else();
}

void check_optimizer(Scene& scene) {
  // Trainable floats, then running statistics; momentum and average lie beside them as rows of their own.
  const int64_t trainable = scene.integer(1, 5000), total = trainable + scene.integer(0, 50);
  const View w = scene.view(1, total, Layout::Padded, Element::Float);
  const View v = scene.view(1, trainable, Layout::Padded, Element::Float);
  const View g = scene.view(1, trainable, Layout::Padded, Element::Float);
  const View a = scene.view(1, total, Layout::Padded, Element::Float);
  auto& s = scene.delivery.scalars;
  s.learning_rate = 0.1f;
  s.momentum = 0.9f;
  s.weight_decay = scene.coin() ? 0.01f : 0.0f;
  s.average_decay = 0.75f;
  s.nesterov = scene.coin();
  const bool averages = scene.coin(), scaled = scene.precision() == Precision::Fp16;
  scene.loss_scale = {512, 1999, scene.coin(), 3};
  const bool skipped = scaled && scene.loss_scale.overflow;
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    backends::Update update;
    update.weights = backends::cuda::pointer<float>(context, w);
    update.momentum = backends::cuda::pointer<float>(context, v);
    update.gradients = backends::cuda::pointer<float>(context, g);
    update.average = averages ? backends::cuda::pointer<float>(context, a) : nullptr;
    update.trainable = trainable;
    update.total = total;
    enqueue_update(backend, update);
  });
  if (skipped) {
    expect_close("scale after an overflow", scene.loss_scale_after().scale, 256, 0, 0);
    expect_close("updates left out", scene.loss_scale_after().skipped, 4, 0, 0);
    expect_close("overflow, forgotten", scene.loss_scale_after().overflow, 0, 0, 0);
    return scene.expect_nothing_else();
  }
  if (scaled) expect_close("scale after 2000 good steps", scene.loss_scale_after().scale, 1024, 0, 0);
  if (scaled) expect_close("steps since", scene.loss_scale_after().growing, 0, 0, 0);
  const auto descent = [&](int64_t i) {
    return scene.before(g, 0, i) + s.weight_decay * scene.before(w, 0, i);
  };
  const auto momentum = [&](int64_t, int64_t i) { return s.momentum * scene.before(v, 0, i) + descent(i); };
  const auto weight = [&](int64_t, int64_t i) {
    if (i >= trainable) return scene.before(w, 0, i);
    const double along = s.nesterov ? descent(i) + s.momentum * momentum(0, i) : momentum(0, i);
    return scene.before(w, 0, i) - s.learning_rate * along;
  };
  scene.expect("momentum", v, momentum);
  scene.expect("weights", w, weight);
  if (averages) {
    scene.expect("average", a, [&](int64_t, int64_t i) {
      return s.average_decay * scene.before(a, 0, i) + (1 - s.average_decay) * weight(0, i);
    });
  }
  scene.expect_nothing_else();
}

}  // namespace emulated
