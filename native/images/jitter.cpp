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

/// torchvision's adjust_hue: to hue, saturation and value, and back with the hue turned (1 is a full turn).
GOOGLENET_SIMD void turn_hue(float turn, size_t pixels, uint8_t* data) {
  constexpr float kRescale = 255.999f / 255;  // as torchvision makes bytes of numbers from 0 to 1
  for (size_t i = 0; i < pixels; ++i, data += 3) {
    const float r = data[0], g = data[1], b = data[2];
    const float most = std::max({r, g, b});
    const float range = most - std::min({r, g, b});
    const float unit = range > 0 ? range : 1;
    const float hue = most == r ? (g - b) / unit : most == g ? 2 + (b - r) / unit : 4 + (r - g) / unit;
    const float turned = hue / 6 + turn + 2;  // above 0
    const float sixths = (turned - std::floor(turned)) * 6;
    // Each colour falls and rises again around its own place: R at 0, G at 2, B at 4 sixths.
    const auto channel = [&](float place) {
      float from = sixths + place;
      from = from >= 6 ? from - 6 : from;
      const float share = std::clamp(std::min(from, 4 - from), 0.0f, 1.0f);
      return to_byte((most - range * share) * kRescale);
    };
    data[0] = channel(5);
    data[1] = channel(3);
    data[2] = channel(1);
  }
}

void add_light(const std::array<float, 3>& light, size_t pixels, uint8_t* data) {
  for (size_t i = 0; i < pixels; ++i, data += 3) {
    for (int c = 0; c < 3; c++) data[c] = to_byte(data[c] + light[c] + 0.5f);
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
      case Adjustment::Hue:
        if (channels == 3) turn_hue(factor, pixels, data);
        break;
    }
  }
  if (channels == 3 && jitter.light != std::array<float, 3>{}) add_light(jitter.light, pixels, data);
}

}  // namespace googlenet::images
