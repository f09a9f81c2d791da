// Windows of pools, as the checks draw them and as their references walk them.
#pragma once
#include "scene.h"

namespace emulated {

/// Channels and sides of the input, at least as long as the window.
inline graph::Shape random_input(Scene& scene, int64_t kernel) {
  const int64_t channels = scene.coin() ? scene.integer(1, 30) : scene.integer(1, 20) * 8;
  return {channels, scene.integer(kernel, 16), scene.integer(kernel, 16)};
}

inline graph::Window random_max_window(Scene& scene) {
  constexpr int64_t kKinds[][3] = {{2, 2, 0}, {3, 2, 1}, {3, 1, 1}, {5, 3, 0},
                                   {3, 2, 0}, {7, 7, 0}, {4, 3, 2}};
  const auto& [kernel, stride, padding] = kKinds[scene.integer(0, 6)];
  const graph::Shape in = random_input(scene, kernel);
  const auto side = scene.coin() ? graph::window_output_ceil : graph::window_output;
  const graph::Shape out{in.channels, side(in.height, kernel, stride, padding),
                         side(in.width, kernel, stride, padding)};
  return {scene.integer(1, 3), in, out, kernel, stride, padding};
}

/// Calls body(input row, position in the window) for every input pixel under a window.
template <class Body>
void each_under(const graph::Window& w, int64_t window, Body body) {
  const int64_t n = window / w.out.pixels(), oy = window / w.out.width % w.out.height;
  const int64_t ox = window % w.out.width;
  for (int64_t position = 0; position < w.kernel * w.kernel; position++) {
    const int64_t y = oy * w.stride - w.padding + position / w.kernel;
    const int64_t x = ox * w.stride - w.padding + position % w.kernel;
    if (y < 0 || x < 0 || y >= w.in.height || x >= w.in.width) continue;
    body((n * w.in.height + y) * w.in.width + x, position);
  }
}

/// What every window hands back, scattered: share(window, position, channel) of each pixel under it.
template <class Share>
std::vector<double> scatter(const graph::Window& w, Share share) {
  std::vector<double> sums(w.batch * w.in.count());
  for (int64_t window = 0; window < w.batch * w.out.pixels(); window++) {
    each_under(w, window, [&](int64_t row, int64_t position) {
      for (int64_t c = 0; c < w.in.channels; c++) {
        sums[row * w.in.channels + c] += share(window, position, c);
      }
    });
  }
  return sums;
}

}  // namespace emulated
