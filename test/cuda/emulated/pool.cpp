#include <cmath>
#include <limits>

#include "checks.h"
#include "windows.h"

namespace emulated {
namespace {

graph::Window random_average_window(Scene& scene) {
  constexpr int64_t kKinds[][2] = {{2, 2}, {5, 3}, {3, 2}, {7, 7}, {1, 1}};
  const auto& [kernel, stride] = kKinds[scene.integer(0, 4)];
  const graph::Shape in = random_input(scene, kernel);
  graph::Window w{scene.integer(1, 3), in, in, kernel, stride, 0};
  w.adaptive = scene.coin();
  if (w.adaptive) {
    w.out.height = scene.integer(1, 9);  // more windows than places, too
    w.out.width = scene.integer(1, 9);
  } else {
    w.out.height = graph::window_output(in.height, kernel, stride, 0);
    w.out.width = graph::window_output(in.width, kernel, stride, 0);
  }
  return w;
}

/// Places under a window of an average pool: PyTorch's start_index() and end_index() where it is adaptive.
std::pair<int64_t, int64_t> places(const graph::Window& w, int64_t window, int64_t in, int64_t out) {
  if (!w.adaptive) return {window * w.stride, window * w.stride + w.kernel};
  const double side = static_cast<double>(in) / static_cast<double>(out);
  return {static_cast<int64_t>(std::floor(static_cast<double>(window) * side + 1e-9)),
          static_cast<int64_t>(std::ceil(static_cast<double>(window + 1) * side - 1e-9))};
}

/// Calls body(input row, share of it in the mean) for every input pixel of a window's mean.
template <class Body>
void each_in_mean(const graph::Window& w, int64_t window, Body body) {
  const int64_t n = window / w.out.pixels(), oy = window / w.out.width % w.out.height;
  const auto [top, bottom] = places(w, oy, w.in.height, w.out.height);
  const auto [left, right] = places(w, window % w.out.width, w.in.width, w.out.width);
  const double share = 1.0 / static_cast<double>((bottom - top) * (right - left));
  for (int64_t y = top; y < bottom; y++) {
    for (int64_t x = left; x < right; x++) body((n * w.in.height + y) * w.in.width + x, share);
  }
}

}  // namespace

void check_max_pool(Scene& scene) {
  const graph::Window w = random_max_window(scene);
  const int64_t in_rows = w.batch * w.in.pixels(), out_rows = w.batch * w.out.pixels();
  if (scene.coin()) {
    const View x = scene.view(in_rows, w.in.channels), y = scene.output(out_rows, w.in.channels);
    View argmax;
    if (scene.coin()) argmax = scene.view(out_rows, w.in.channels, Element::Byte);
    // Few values: ties. NaN wins, and minus infinity is found too.
    scene.fill(x, [&](int64_t, int64_t) {
      const int64_t kind = scene.integer(0, 60);
      return kind == 0   ? std::numeric_limits<double>::quiet_NaN()
             : kind < 40 ? -std::numeric_limits<double>::infinity()
                         : static_cast<double>(scene.integer(-2, 2));
    });
    scene.run(step::MaxPool{w, x, y, argmax});
    const auto best = [&](int64_t row, int64_t c) {
      double value = 0;
      int64_t where = -1;
      each_under(w, row, [&](int64_t r, int64_t position) {
        const double v = scene.before(x, r, c);
        if (where >= 0 && !(v > value) && !std::isnan(v)) return;
        if (std::isnan(value)) return;
        value = v;
        where = position;
      });
      return std::pair(value, where);
    };
    scene.expect("output", y, [&](int64_t row, int64_t c) { return best(row, c).first; });
    if (argmax.buffer >= 0) {
      scene.expect("argmax", argmax, [&](int64_t row, int64_t c) -> double {
        const auto [value, where] = best(row, c);
        return std::isnan(value) ? scene.after(argmax, row, c) : static_cast<double>(where);
      });
    }
  } else {
    const bool accumulate = scene.coin();
    const View argmax = scene.view(out_rows, w.in.channels, Element::Byte);
    scene.fill(argmax, [&](int64_t, int64_t) { return scene.integer(0, w.kernel * w.kernel - 1); });
    const View dy = scene.view(out_rows, w.in.channels);
    const View dx = accumulate ? scene.view(in_rows, w.in.channels) : scene.output(in_rows, w.in.channels);
    scene.run(step::MaxPoolBackward{w, argmax, dy, dx, accumulate});
    const auto sums = scatter(w, [&](int64_t window, int64_t position, int64_t c) {
      return scene.before(argmax, window, c) == position ? scene.before(dy, window, c) : 0;
    });
    scene.expect("gradient", dx, [&](int64_t row, int64_t c) {
      return (accumulate ? scene.before(dx, row, c) : 0) + sums[row * w.in.channels + c];
    });
  }
  scene.expect_nothing_else();
}

void check_average_pool(Scene& scene) {
  const graph::Window w = random_average_window(scene);
  const int64_t in_rows = w.batch * w.in.pixels(), out_rows = w.batch * w.out.pixels();
  if (scene.coin()) {
    const View x = scene.view(in_rows, w.in.channels), y = scene.output(out_rows, w.in.channels);
    scene.run(step::AveragePool{w, x, y});
    scene.expect("output", y, [&](int64_t row, int64_t c) {
      double sum = 0;
      each_in_mean(w, row, [&](int64_t r, double share) { sum += scene.before(x, r, c) * share; });
      return sum;
    });
  } else {
    const bool accumulate = scene.coin();
    const View dy = scene.view(out_rows, w.in.channels);
    const View dx = accumulate ? scene.view(in_rows, w.in.channels) : scene.output(in_rows, w.in.channels);
    scene.run(step::AveragePoolBackward{w, dy, dx, accumulate});
    std::vector<double> sums(in_rows * w.in.channels);
    for (int64_t window = 0; window < out_rows; window++) {
      each_in_mean(w, window, [&](int64_t r, double share) {
        for (int64_t c = 0; c < w.in.channels; c++) {
          sums[r * w.in.channels + c] += scene.before(dy, window, c) * share;
        }
      });
    }
    scene.expect("gradient", dx, [&](int64_t row, int64_t c) {
      return (accumulate ? scene.before(dx, row, c) : 0) + sums[row * w.in.channels + c];
    });
  }
  scene.expect_nothing_else();
}

}  // namespace emulated
