#include <cmath>

#include "checks.h"

namespace emulated {

/// dx_i = dy_i n_i^-beta - (sum over the windows j that have i of dy_j x_j 2 beta alpha / size x_i n_j^(-beta
/// - 1)).
void check_lrn(Scene& scene) {
  const int64_t rows = scene.integer(1, 200);
  const int64_t channels = scene.coin() ? scene.integer(1, 30) : scene.integer(1, 24) * 8;
  graph::LrnFigures lrn;
  lrn.size = scene.coin() ? 5 : scene.integer(1, 12);
  lrn.alpha = static_cast<float>(scene.real(0.1, 2));
  lrn.beta = scene.coin() ? 0.75f : static_cast<float>(scene.real(0.2, 1.5));
  lrn.k = static_cast<float>(scene.real(0.5, 2));
  const View x = scene.view(rows, channels);

  const auto first = [&](int64_t c) { return std::max<int64_t>(c - lrn.size / 2, 0); };
  const auto end = [&](int64_t c) { return std::min(c - lrn.size / 2 + lrn.size, channels); };
  const double share = static_cast<double>(lrn.alpha) / static_cast<double>(lrn.size);
  std::vector<double> n(rows * channels, lrn.k);
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t c = 0; c < channels; c++) {
      for (int64_t j = first(c); j < end(c); j++) {
        n[row * channels + c] += share * std::pow(scene.before(x, row, j), 2);
      }
    }
  }
  if (scene.coin()) {
    const View y = scene.output(rows, channels);
    scene.run(step::Lrn{x, y, lrn});
    scene.expect("output", y, [&](int64_t row, int64_t c) {
      return scene.before(x, row, c) * std::pow(n[row * channels + c], -lrn.beta);
    });
    return scene.expect_nothing_else();
  }
  const bool accumulate = scene.coin();
  const View dy = scene.view(rows, channels);
  const View dx = accumulate ? scene.view(rows, channels) : scene.output(rows, channels);
  scene.run(step::LrnBackward{x, dy, dx, lrn, accumulate});
  std::vector<double> sums(rows * channels);
  for (int64_t row = 0; row < rows; row++) {
    for (int64_t j = 0; j < channels; j++) {
      const double of = n[row * channels + j];
      sums[row * channels + j] += scene.before(dy, row, j) * std::pow(of, -lrn.beta);
      const double term = scene.before(dy, row, j) * scene.before(x, row, j) * std::pow(of, -lrn.beta - 1);
      for (int64_t c = first(j); c < end(j); c++) {
        sums[row * channels + c] -= 2 * lrn.beta * share * scene.before(x, row, c) * term;
      }
    }
  }
  scene.expect("gradient", dx, [&](int64_t row, int64_t c) {
    return (accumulate ? scene.before(dx, row, c) : 0) + sums[row * channels + c];
  });
  scene.expect_nothing_else();
}

}  // namespace emulated
