#include "images/jitter.h"

#include <algorithm>
#include <cmath>

#include "simd.h"

namespace googlenet::images {
namespace {

/// torchvision's rgb_to_grayscale in float, rounded down.
inline float grey(const uint8_t* pixel) {
  return std::floor(0.2989f * pixel[0] + 0.587f * pixel[1] + 0.114f * pixel[2]);
}

inline uint8_t to_byte(float value) {
  return static_cast<uint8_t>(std::clamp(value, 0.0f, 255.0f));
}

GOOGLENET_SIMD void blend_with(float other, float factor, size_t bytes, uint8_t* data) {
  const float rest = other * (1.0f - factor);
  for (size_t i = 0; i < bytes; i++) data[i] = to_byte(data[i] * factor + rest);
}

float mean_grey(size_t pixels, int channels, const uint8_t* data) {
  double sum = 0;
  for (size_t i = 0; i < pixels; i++) sum += channels == 1 ? data[i] : grey(data + 3 * i);
  return static_cast<float>(sum / static_cast<double>(pixels));
}

GOOGLENET_SIMD void blend_with_grey(float factor, size_t pixels, uint8_t* data) {
  for (size_t i = 0; i < pixels; ++i, data += 3) {
    const float rest = grey(data) * (1.0f - factor);
    for (int c = 0; c < 3; c++) data[c] = to_byte(data[c] * factor + rest);
  }
}

}  // namespace

void apply_jitter(const Jitter& jitter, size_t pixels, int channels, uint8_t* data) {
  const size_t bytes = pixels * channels;
  for (int i = 0; i < jitter.count; i++) {
    const auto [adjustment, factor] = jitter.steps[i];
    switch (adjustment) {
      case Adjustment::Brightness:
        blend_with(0, factor, bytes, data);
        break;
      case Adjustment::Contrast:
        blend_with(mean_grey(pixels, channels, data), factor, bytes, data);
        break;
      case Adjustment::Saturation:
        if (channels == 3) blend_with_grey(factor, pixels, data);
        break;
    }
  }
}

}  // namespace googlenet::images
