#include <cmath>
#include <cstring>
#include <stdexcept>

#include "backends/cuda/convolution_kernels.h"
#include "backends/cuda/gradients.h"
#include "backends/cuda/linear.h"
#include "checks.h"

namespace emulated {

using backends::Context;
using backends::cuda::CudaBackend;

namespace {

int64_t random_channels(Scene& scene) {
  return scene.coin() ? scene.integer(1, 40) : scene.integer(1, 40) * 8;
}

void check_bias(Scene& scene) {
  const View y = scene.view(scene.integer(1, 300), random_channels(scene));
  const View bias = scene.view(1, y.channels, Layout::Padded, Element::Float);
  const bool relu = scene.coin(), biased = scene.coin();
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    const float* at = biased ? backends::cuda::pointer<float>(context, bias) : nullptr;
    enqueue_bias(backend, context, y, at, relu);
  });
  scene.expect("with bias", y, [&](int64_t row, int64_t c) {
    const double sum = scene.before(y, row, c) + (biased ? scene.before(bias, 0, c) : 0);
    return relu ? std::max(0.0, sum) : sum;
  });
}

void check_statistics(Scene& scene) {
  const View y = scene.view(scene.integer(1, 900), random_channels(scene));
  const double far = scene.real(-300, 300);
  scene.fill(y, [&](int64_t, int64_t) { return far + scene.real(-4, 4); });
  const View statistics = scene.output(2, y.channels, Element::Float);
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    std::vector<std::byte> workspace(backends::cuda::statistics_workspace(y), std::byte{0xff});
    enqueue_statistics(backend, context, y, statistics, workspace.data());
  });
  scene.expect("statistics", statistics, [&](int64_t which, int64_t c) {
    double sum = 0;
    for (int64_t row = 0; row < y.rows; row++) sum += std::pow(scene.before(y, row, c), which + 1);
    return sum;
  });
  // The variance that they give is as good as fp32 can say it, however far from zero the mean lies.
  for (int64_t c = 0; c < y.channels; c++) {
    double mean = 0, wanted = 0;
    for (int64_t row = 0; row < y.rows; row++) mean += scene.before(y, row, c) / y.rows;
    for (int64_t row = 0; row < y.rows; row++) {
      wanted += std::pow(scene.before(y, row, c) - mean, 2) / y.rows;
    }
    const double found =
        scene.after(statistics, 1, c) / y.rows - std::pow(scene.after(statistics, 0, c) / y.rows, 2);
    if (std::abs(found - wanted) > 3 * 0x1p-24 * mean * mean + 1e-5 * wanted) {
      throw std::runtime_error("a variance is " + std::to_string(found) + ", not " + std::to_string(wanted));
    }
  }
}

void check_sum(Scene& scene) {
  const View to = scene.view(scene.integer(1, 300), random_channels(scene));
  View from = scene.view(to.rows, to.channels + to.padding, Layout::Dense);
  from.channels = to.channels;
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    enqueue_sum(backend, context, backends::cuda::pointer<std::byte>(context, from), to);
  });
  scene.expect("sum", to,
               [&](int64_t row, int64_t c) { return scene.before(to, row, c) + scene.before(from, row, c); });
}

void check_weight_gradient(Scene& scene) {
  backends::cuda::WeightCopy copy;
  copy.out = scene.integer(1, 40);
  copy.pixels = scene.coin() ? 1 : 9;
  copy.in = scene.integer(1, 40);
  const bool narrow = scene.coin(), accumulate = scene.coin();
  const View from = scene.view(copy.out * copy.pixels, copy.in, Layout::Padded,
                               narrow ? Element::Activation : Element::Float);
  copy.padded_out = copy.out;
  copy.padded_in = from.stride;
  const Range range = scene.parameters(copy.out * copy.pixels * copy.in, -1, 1);
  scene.delivery.scalars.accumulate_gradients = accumulate;
  scene.loss_scale.scale = scene.precision() == Precision::Fp16 ? 64 : 1;
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    enqueue_weight_gradient(backend, backends::cuda::pointer<std::byte>(context, from), narrow, copy,
                            context.gradients + range.offset);
  });
  scene.expect_gradients("weight's gradient", range, [&](int64_t i) {
    const double value = scene.before(from, i / copy.in, i % copy.in) / scene.loss_scale.scale;
    return value + (accumulate ? scene.gradient_before(range, i) : 0);
  });
}

void check_bias_gradient(Scene& scene) {
  const View dy = scene.view(scene.integer(1, 900), random_channels(scene));
  const Range range = scene.parameters(dy.channels, -1, 1);
  const bool accumulate = scene.coin();
  scene.delivery.scalars.accumulate_gradients = accumulate;
  scene.loss_scale.scale = scene.precision() == Precision::Fp16 ? 64 : 1;
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    std::vector<std::byte> workspace(backends::cuda::bias_gradient_workspace(dy), std::byte{0xff});
    enqueue_bias_gradient(backend, context, dy, workspace.data(), context.gradients + range.offset);
  });
  scene.expect_gradients("bias's gradient", range, [&](int64_t c) {
    double sum = 0;
    for (int64_t row = 0; row < dy.rows; row++) sum += scene.before(dy, row, c);
    return sum / scene.loss_scale.scale + (accumulate ? scene.gradient_before(range, c) : 0);
  });
}

void check_cast(Scene& scene) {
  if (scene.precision() == Precision::Fp32) return;
  const int64_t count = scene.integer(1, 3000);
  const View from = scene.view(1, count, Layout::Padded, Element::Float);
  View to = scene.output(1, count);
  to.padding = 0;
  scene.run_by([&](CudaBackend& backend, const Context& context) {
    backends::cuda::enqueue_cast(backend.precision(), backends::cuda::pointer<float>(context, from),
                                 backends::cuda::address(backend, context, to), count, nullptr);
  });
  scene.expect("cast", to, [&](int64_t, int64_t i) { return scene.before(from, 0, i); });
}

}  // namespace

void check_around_products(Scene& scene) {
  constexpr void (*kChecks[])(Scene&) = {
      check_bias, check_statistics, check_sum, check_weight_gradient, check_bias_gradient, check_cast};
  kChecks[scene.integer(0, 5)](scene);
  scene.expect_nothing_else();
}

}  // namespace emulated
