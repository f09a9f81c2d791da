#include "images/view.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "random.h"

namespace googlenet::images {
namespace {

/// The random numbers of one sample, in the order in which they are asked for.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t epoch, uint64_t index) : key_(mix(mix(seed, epoch), index)) {}

  double between(double low, double high) { return low + (high - low) * unit(); }
  /// Of the standard normal distribution, by Box and Muller.
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - unit()));
    return radius * std::cos(2 * std::numbers::pi * unit());
  }
  /// Uniform in 0 .. count - 1.
  int below(int count) { return std::min(static_cast<int>(unit() * count), count - 1); }

 private:
  double unit() { return uniform(mix(key_, drawn_++)); }

  uint64_t key_;
  uint64_t drawn_ = 0;
};

Box box_at(int left, int top, int width, int height) {
  return {static_cast<double>(left), static_cast<double>(top), static_cast<double>(left + width),
          static_cast<double>(top + height)};
}

/// The largest centred box whose aspect ratio lies within the range.
Box central_box(const TrainTransform& transform, Extent picture) {
  int width = picture.width;
  int height = picture.height;
  const double ratio = static_cast<double>(width) / height;
  if (ratio < transform.aspect[0]) {
    height = std::clamp(static_cast<int>(std::lround(width / transform.aspect[0])), 1, height);
  } else if (ratio > transform.aspect[1]) {
    width = std::clamp(static_cast<int>(std::lround(height * transform.aspect[1])), 1, width);
  }
  return box_at((picture.width - width) / 2, (picture.height - height) / 2, width, height);
}

/// torchvision's RandomResizedCrop.get_params.
Box random_box(const TrainTransform& transform, Extent picture, Draws& draws) {
  constexpr int kTries = 10;
  const double whole = static_cast<double>(picture.width) * picture.height;
  for (int i = 0; i < kTries; i++) {
    const double area = whole * draws.between(transform.area[0], transform.area[1]);
    const double aspect =
        std::exp(draws.between(std::log(transform.aspect[0]), std::log(transform.aspect[1])));
    const auto width = std::lround(std::sqrt(area * aspect));
    const auto height = std::lround(std::sqrt(area / aspect));
    if (width < 1 || width > picture.width || height < 1 || height > picture.height) continue;
    const int top = draws.below(picture.height - static_cast<int>(height) + 1);
    const int left = draws.below(picture.width - static_cast<int>(width) + 1);
    return box_at(left, top, static_cast<int>(width), static_cast<int>(height));
  }
  return central_box(transform, picture);
}

/// Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", section 4.1: each
/// component of ImageNet's colours, times its variance and a normal number. The figures are those that
/// Torch's recipes use, for colours from 0 to 1.
std::array<float, 3> random_light(float deviation, Draws& draws) {
  constexpr double kVariance[3] = {0.2175, 0.0188, 0.0045};
  constexpr double kComponents[3][3] = {
      {-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}};
  std::array<double, 3> light{};
  for (int component = 0; component < 3; component++) {
    const double amount = draws.normal() * deviation * kVariance[component] * 255;
    for (int c = 0; c < 3; c++) light[c] += kComponents[c][component] * amount;
  }
  return {static_cast<float>(light[0]), static_cast<float>(light[1]), static_cast<float>(light[2])};
}

/// torchvision's ColorJitter: each factor on its own, the order at random. One that is switched off is drawn
/// all the same, so that it changes nothing for the others.
Jitter random_jitter(const JitterRanges& ranges, Draws& draws) {
  const auto draw = [&](float range) {
    return static_cast<float>(draws.between(std::max(0.0, 1.0 - range), 1.0 + range));
  };
  std::array<Jitter::Step, 4> steps{
      {{Adjustment::Brightness, draw(ranges.brightness)},
       {Adjustment::Contrast, draw(ranges.contrast)},
       {Adjustment::Saturation, draw(ranges.saturation)},
       {Adjustment::Hue, static_cast<float>(draws.between(-1, 1)) * ranges.hue}}};
  for (int i = 3; i > 0; i--) std::swap(steps[i], steps[draws.below(i + 1)]);
  Jitter jitter;
  for (const Jitter::Step& step : steps) {
    const float neutral = step.adjustment == Adjustment::Hue ? 0 : 1;
    if (step.factor != neutral) jitter.steps[jitter.count++] = step;
  }
  return jitter;
}

}  // namespace

int output_size(const Transform& transform) {
  return std::visit([](const auto& chosen) { return chosen.size; }, transform);
}

int output_count(const Transform& transform) {
  const auto* crops = std::get_if<CropsTransform>(&transform);
  if (crops == nullptr) return 1;
  const int of_a_scale = crops->squares ? 3 * 6 * 2 : 5 * 2;
  return static_cast<int>(crops->scales.size()) * of_a_scale;
}

View choose_view(const TrainTransform& transform, uint64_t index, Extent picture) {
  Draws draws(transform.seed, transform.epoch, index);
  View view;
  view.box = random_box(transform, picture, draws);
  view.flip = draws.between(0, 1) < transform.flip;
  view.jitter = random_jitter(transform.jitter, draws);
  const auto any = static_cast<Interpolation>(draws.below(4));
  view.interpolation = transform.interpolation.value_or(any);
  view.jitter.light = random_light(transform.lighting, draws);
  return view;
}

/// Resize(resize) and CenterCrop(size) as one box of the unresized picture.
View choose_view(const EvalTransform& transform, Extent picture) {
  const auto range = [&](int side) {
    const int64_t resized = resized_side(side, picture, transform.resize);
    const double scale = static_cast<double>(side) / static_cast<double>(resized);
    const auto first = static_cast<double>(centred(resized, transform.size));
    return std::pair(first * scale, (first + transform.size) * scale);
  };
  const auto [left, right] = range(picture.width);
  const auto [top, bottom] = range(picture.height);
  View view;
  view.box = {left, top, right, bottom};
  return view;
}

int64_t resized_side(int side, Extent picture, int resize) {
  return int64_t{resize} * side / std::min(picture.width, picture.height);
}

int64_t centred(int64_t outer, int64_t inner) {
  return static_cast<int64_t>(std::nearbyint(static_cast<double>(outer - inner) / 2));
}

}  // namespace googlenet::images
