#include <cmath>

#include "checks.h"
#include "windows.h"

namespace emulated {
namespace {

constexpr float kEpsilon = 1e-3f;

/// Channels of up to three siblings, of which only the last may be no multiple of the packing, or any may.
std::vector<int64_t> random_split(Scene& scene) {
  std::vector<int64_t> split(scene.integer(1, 3));
  const bool any = scene.integer(0, 2) == 0;
  for (int64_t& channels : split) channels = any ? scene.integer(1, 40) : scene.integer(1, 24) * 8;
  if (scene.coin()) split.back() = scene.integer(1, 60);
  return split;
}

int64_t sum(const std::vector<int64_t>& split) {
  int64_t total = 0;
  for (int64_t channels : split) total += channels;
  return total;
}

/// A few rows, or so many that threads stride.
int64_t random_rows(Scene& scene) {
  return scene.coin() ? scene.integer(1, 40) : scene.integer(500, 1500);
}

/// Scale, shift and ReLU, with what was saved.
double normalised(const Scene& scene, const step::BatchNorm& what, int64_t row, int64_t c) {
  const double z =
      scene.before(what.input, row, c) * scene.after(what.saved, 0, c) + scene.after(what.saved, 1, c);
  return what.relu ? std::max(0.0, z) : z;
}

/// All but its outputs and its pool.
step::BatchNorm random_norm(Scene& scene, const View& x, const Range& gamma) {
  step::BatchNorm what;
  what.input = x;
  what.saved = scene.output(4, x.channels, Element::Float);
  what.gamma = gamma;
  what.beta = scene.parameters(x.channels, -1, 1);
  what.mean = scene.parameters(x.channels, -1, 1);
  what.variance = scene.parameters(x.channels, 0.5, 2);
  if (scene.coin()) what.shift = scene.parameters(x.channels, -1, 1);
  what.epsilon = kEpsilon;
  what.momentum = 0.1f;
  what.relu = scene.coin();
  return what;
}

/// Runs it and judges all that it leaves but its outputs. `may_be_given`: the statistics, which as plain sums
/// do not see a variance that is small beside the mean.
void run_and_judge(Scene& scene, step::BatchNorm& what, bool may_be_given) {
  const View& x = what.input;
  const int64_t rows = x.rows, channels = x.channels;
  std::vector<double> mean(channels), variance(channels);
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t row = 0; row < rows; row++) mean[c] += scene.before(x, row, c) / rows;
    for (int64_t row = 0; row < rows; row++) {
      variance[c] += std::pow(scene.before(x, row, c) - mean[c], 2) / rows;
    }
  }
  const bool given = scene.integer(0, 2) == 0 && may_be_given;
  if (given) {
    what.statistics = scene.view(2, channels, Element::Float);
    scene.fill(what.statistics, [&](int64_t row, int64_t c) {
      return rows * (row == 0 ? mean[c] : variance[c] + mean[c] * mean[c]);
    });
  }
  scene.run(what);
  const auto inverse = [&](int64_t c) { return 1 / std::sqrt(variance[c] + kEpsilon); };
  const auto scale = [&](int64_t c) { return scene.parameter(what.gamma, c) * inverse(c); };
  const auto shift = [&](int64_t c) { return scene.parameter(what.beta, c) - mean[c] * scale(c); };
  // Sums of squares in fp32 know a small variance beside a large mean less well.
  const double slack = given ? 1e-3 : 2e-5;
  for (int64_t c = 0; c < channels; c++) {
    const double wanted[] = {scale(c), shift(c), mean[c], inverse(c)};
    for (int row = 0; row < 4; row++) {
      expect_close("saved", scene.after(what.saved, row, c), wanted[row], slack, 30);
    }
  }
  // From here on with what was saved, whose own error has been judged.
  scene.expect("saved", what.saved, [&](int64_t row, int64_t c) { return scene.after(what.saved, row, c); });
  const auto moved = [&](const Range& range, int64_t i, double to) {
    return scene.parameter(range, i) + 0.1 * (to - scene.parameter(range, i));
  };
  scene.expect_parameters("running mean", what.mean, [&](int64_t c) {
    const double bias = what.shift.count > 0 ? scene.parameter(what.shift, c) : 0;
    return moved(what.mean, c, scene.after(what.saved, 2, c) + bias);
  });
  scene.expect_parameters("running variance", what.variance, [&](int64_t c) {
    const double found = std::pow(scene.after(what.saved, 3, c), -2) - kEpsilon;
    expect_close("variance", found, variance[c], slack, given ? 200 : 30);
    return moved(what.variance, c, rows > 1 ? found * rows / (rows - 1) : found);
  });
}

/// Draws what is left of a backward pass, runs it and judges it; `arriving` is the gradient of its result.
void run_and_judge(Scene& scene, step::BatchNormBackward& what, const Value& arriving) {
  const View& x = what.input;
  const int64_t rows = x.rows, channels = x.channels;
  what.gamma = scene.parameters(channels, 0.5, 1.5);
  what.beta = scene.parameters(channels, -1, 1);
  what.relu = scene.coin();
  const bool accumulate = scene.coin(), overflow = scene.integer(0, 4) == 0;
  scene.delivery.scalars.accumulate_gradients = accumulate;
  const bool scaled = scene.precision() == Precision::Fp16;
  scene.loss_scale.scale = scaled ? 1024 : 1;
  if (overflow) {
    const View& dy = what.output_gradients.back();
    const int64_t at = scene.integer(0, dy.rows - 1);
    scene.fill(dy, [&](int64_t row, int64_t c) {
      return row == at && c == 0 ? INFINITY : scene.before(dy, row, c);
    });
  }
  scene.run(what);

  const auto dz = [&](int64_t row, int64_t c) {
    const float z = std::fmaf(static_cast<float>(scene.before(x, row, c)),
                              static_cast<float>(scene.before(what.saved, 0, c)),
                              static_cast<float>(scene.before(what.saved, 1, c)));
    return what.relu && z <= 0 ? 0.0 : arriving(row, c);
  };
  std::vector<double> sums(channels), products(channels);
  for (int64_t c = 0; c < channels; c++) {
    for (int64_t row = 0; row < rows; row++) {
      sums[c] += dz(row, c);
      products[c] += dz(row, c) * (scene.before(x, row, c) - scene.before(what.saved, 2, c)) *
                     scene.before(what.saved, 3, c);
    }
  }
  // Where an infinity came through the ReLU, the sums are lost; what that brings need not be one thing.
  const auto lost = [&](int64_t c) { return !std::isfinite(sums[c]) || !std::isfinite(products[c]); };
  bool overflows = false;
  for (int64_t c = 0; c < channels; c++) overflows |= lost(c);
  expect_close("overflow", scene.loss_scale_after().overflow, scaled && overflows, 0, 0);
  const auto written = [&](const Range& range, int64_t c, double value) {
    return (accumulate ? scene.gradient_before(range, c) : 0) + value / scene.loss_scale.scale;
  };
  scene.expect_gradients("gamma's gradient", what.gamma,
                         [&](int64_t c) { return written(what.gamma, c, products[c]); });
  scene.expect_gradients("beta's gradient", what.beta,
                         [&](int64_t c) { return written(what.beta, c, sums[c]); });
  scene.expect("gradient", what.input_gradient, [&](int64_t row, int64_t c) {
    if (lost(c)) return scene.after(what.input_gradient, row, c);
    const double normalised =
        (scene.before(x, row, c) - scene.before(what.saved, 2, c)) * scene.before(what.saved, 3, c);
    return scene.before(what.saved, 0, c) * (dz(row, c) - sums[c] / rows - normalised * products[c] / rows);
  });
}

}  // namespace

void check_batch_norm(Scene& scene) {
  const std::vector<int64_t> split = random_split(scene);
  const int64_t rows = random_rows(scene), channels = sum(split);
  const View x = scene.view(rows, channels);
  const double far = scene.real(-30, 30);  // a mean large beside the deviation
  scene.fill(x, [&](int64_t, int64_t c) { return far * (c % 3) + scene.real(-2, 2); });
  step::BatchNorm what = random_norm(scene, x, scene.parameters(channels, 0.5, 1.5));
  for (int64_t part : split) what.outputs.push_back(scene.output(rows, part));
  run_and_judge(scene, what, std::abs(far) < 5);
  int64_t first = 0;
  for (const View& y : what.outputs) {
    scene.expect("output", y,
                 [&, first](int64_t row, int64_t c) { return normalised(scene, what, row, first + c); });
    first += y.channels;
  }
  scene.expect_nothing_else();
}

void check_batch_norm_inference(Scene& scene) {
  const int64_t rows = random_rows(scene);
  const int64_t channels = scene.coin() ? scene.integer(1, 40) : scene.integer(1, 80) * 8;
  step::BatchNormInference what;
  what.input = scene.view(rows, channels);
  what.output = scene.output(rows, channels);
  what.gamma = scene.parameters(channels, 0.5, 1.5);
  what.beta = scene.parameters(channels, -1, 1);
  what.mean = scene.parameters(channels, -1, 1);
  what.variance = scene.parameters(channels, 0.5, 2);
  what.epsilon = kEpsilon;
  what.relu = scene.coin();
  scene.run(what);
  scene.expect("output", what.output, [&](int64_t row, int64_t c) {
    const double deviation = std::sqrt(scene.parameter(what.variance, c) + kEpsilon);
    const double z = (scene.before(what.input, row, c) - scene.parameter(what.mean, c)) / deviation *
                         scene.parameter(what.gamma, c) +
                     scene.parameter(what.beta, c);
    return what.relu ? std::max(0.0, z) : z;
  });
  scene.expect_nothing_else();
}

void check_batch_norm_backward(Scene& scene) {
  const std::vector<int64_t> split = random_split(scene);
  const int64_t rows = random_rows(scene), channels = sum(split);
  step::BatchNormBackward what;
  what.input = scene.view(rows, channels);
  for (int64_t part : split) what.output_gradients.push_back(scene.view(rows, part));
  what.input_gradient = scene.coin() ? what.input : scene.output(rows, channels);
  what.saved = scene.view(4, channels, Element::Float);
  run_and_judge(scene, what, [&](int64_t row, int64_t c) {
    size_t part = 0;
    for (; c >= split[part]; part++) c -= split[part];
    return scene.before(what.output_gradients[part], row, c);
  });
  scene.expect_nothing_else();
}

void check_pooled_batch_norm(Scene& scene) {
  const graph::Window w = random_max_window(scene);
  const int64_t in_rows = w.batch * w.in.pixels(), out_rows = w.batch * w.out.pixels();
  const View x = scene.view(in_rows, w.in.channels);
  // Few values: ties. A scale below 0 turns their order round, and by 0 all are alike.
  scene.fill(x, [&](int64_t, int64_t) { return static_cast<double>(scene.integer(-3, 3)); });
  const bool flat = scene.integer(0, 5) == 0;
  const Range gamma = scene.parameters(w.in.channels, flat ? 0 : -1, flat ? 0 : 1);
  step::BatchNorm what = random_norm(scene, x, gamma);
  what.pool = w;
  what.outputs = {scene.output(out_rows, w.in.channels)};
  what.argmax = scene.view(out_rows, w.in.channels, Element::Byte);
  run_and_judge(scene, what, true);
  const auto best = [&](int64_t row, int64_t c) {
    double most = -INFINITY;
    std::pair<double, int64_t> found;
    each_under(w, row, [&](int64_t r, int64_t position) {
      const double rising = scene.before(x, r, c) * scene.after(what.saved, 0, c);
      if (rising <= most) return;
      most = rising;
      found = {normalised(scene, what, r, c), position};
    });
    return found;
  };
  scene.expect("output", what.outputs[0], [&](int64_t row, int64_t c) { return best(row, c).first; });
  scene.expect("argmax", what.argmax,
               [&](int64_t row, int64_t c) { return static_cast<double>(best(row, c).second); });
  scene.expect_nothing_else();
}

void check_pooled_batch_norm_backward(Scene& scene) {
  const graph::Window w = random_max_window(scene);
  const int64_t in_rows = w.batch * w.in.pixels(), out_rows = w.batch * w.out.pixels();
  step::BatchNormBackward what;
  what.pool = w;
  what.input = scene.view(in_rows, w.in.channels);
  what.output_gradients = {scene.view(out_rows, w.in.channels)};
  what.argmax = scene.view(out_rows, w.in.channels, Element::Byte);
  scene.fill(what.argmax, [&](int64_t row, int64_t) {
    std::vector<int64_t> positions;
    each_under(w, row, [&](int64_t, int64_t position) { positions.push_back(position); });
    return static_cast<double>(positions[scene.integer(0, static_cast<int64_t>(positions.size()) - 1)]);
  });
  what.input_gradient = scene.coin() ? what.input : scene.output(in_rows, w.in.channels);
  what.saved = scene.view(4, w.in.channels, Element::Float);
  std::vector<double> arriving;
  run_and_judge(scene, what, [&](int64_t row, int64_t c) {
    if (arriving.empty()) {
      arriving = scatter(w, [&](int64_t window, int64_t position, int64_t channel) {
        return scene.before(what.argmax, window, channel) == position
                   ? scene.before(what.output_gradients[0], window, channel)
                   : 0;
      });
    }
    return arriving[row * w.in.channels + c];
  });
  scene.expect_nothing_else();
}

}  // namespace emulated
