#include <cmath>
#include <vector>

#include "checks.h"
#include "random.h"

namespace emulated {

void check_input(Scene& scene) {
  const graph::Shape shape{scene.integer(1, 11), scene.integer(1, 20), scene.integer(1, 20)};
  const int64_t batch = scene.integer(1, 5), count = batch * shape.count();
  const bool bytes = scene.coin(), nhwc = scene.coin(), bgr = scene.coin();
  std::vector<uint8_t> pixels(count);
  std::vector<float> floats(count);
  for (auto& pixel : pixels) pixel = static_cast<uint8_t>(scene.integer(0, 255));
  for (auto& value : floats) value = static_cast<float>(scene.real(-2, 2));
  auto& delivery = scene.delivery;
  delivery.images = bytes ? static_cast<const void*>(pixels.data()) : floats.data();
  delivery.image_bytes = count * (bytes ? 1 : sizeof(float));
  delivery.scalars.image_bytes = bytes;
  delivery.scalars.image_nhwc = nhwc;
  for (int c = 0; c < shape.channels; c++) {
    delivery.scalars.image_scale[c] = static_cast<float>(scene.real(0.01, 0.02));
    delivery.scalars.image_shift[c] = static_cast<float>(scene.real(-2, 2));
  }
  const View output = scene.output(batch * shape.pixels(), shape.channels);
  scene.run(step::Input{output, batch, shape, bgr});
  scene.expect("output", output, [&](int64_t row, int64_t c) -> double {
    const int64_t n = row / shape.pixels(), pixel = row % shape.pixels();
    const int64_t from = bgr && bytes ? shape.channels - 1 - c : c;
    const int64_t at =
        n * shape.count() + (nhwc ? pixel * shape.channels + from : from * shape.pixels() + pixel);
    if (!bytes) return floats[at];
    return static_cast<double>(pixels[at]) * delivery.scalars.image_scale[c] +
           delivery.scalars.image_shift[c];
  });
  scene.expect_nothing_else();
}

void check_element_wise(Scene& scene) {
  const int64_t rows = scene.integer(1, 300);
  const int64_t channels = scene.coin() ? scene.integer(1, 40) : scene.integer(1, 160) * 8;
  const bool accumulate = scene.coin();
  const View x = scene.view(rows, channels), second = scene.view(rows, channels);
  const View y = accumulate ? scene.view(rows, channels) : scene.output(rows, channels);
  const View in_place = scene.view(rows, channels);
  const auto was = [&](int64_t row, int64_t c) { return accumulate ? scene.before(y, row, c) : 0; };
  const auto rectified = [&](const View& view, int64_t row, int64_t c) {
    return std::max(0.0, scene.before(view, row, c));
  };
  switch (scene.integer(0, 4)) {
    case 0:
      scene.run(step::Relu{x, in_place});
      scene.expect("relu", in_place, [&](int64_t row, int64_t c) { return rectified(x, row, c); });
      break;
    case 1:
      scene.run(step::ReluBackward{second, x, y, accumulate});
      scene.expect("relu backward", y, [&](int64_t row, int64_t c) {
        return was(row, c) + (scene.before(second, row, c) > 0 ? scene.before(x, row, c) : 0);
      });
      break;
    case 2:
      scene.run(step::ReluBackward{second, in_place, in_place, false});
      scene.expect("relu backward in place", in_place, [&](int64_t row, int64_t c) {
        return scene.before(second, row, c) > 0 ? scene.before(in_place, row, c) : 0;
      });
      break;
    case 3:
      scene.run(step::Copy{x, y, accumulate});
      scene.expect("copy", y, [&](int64_t row, int64_t c) { return was(row, c) + scene.before(x, row, c); });
      break;
    default: {
      const float p = static_cast<float>(scene.real(0.1, 0.8));
      scene.delivery.scalars.dropout_key = static_cast<uint64_t>(scene.integer(0, INT64_MAX));
      scene.run(step::Dropout{x, y, p, 17, accumulate});
      const uint64_t key = mix(scene.delivery.scalars.dropout_key, 17);
      scene.expect("dropout", y, [&](int64_t row, int64_t c) {
        const bool kept = uniform(mix(key ^ static_cast<uint64_t>(row * channels + c))) >= p;
        return was(row, c) + (kept ? scene.before(x, row, c) / (1.0 - p) : 0);
      });
    }
  }
  scene.expect_nothing_else();
}

}  // namespace emulated
