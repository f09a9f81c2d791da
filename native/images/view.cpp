#include "images/view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "random.h"

namespace googlenet::images {
namespace {

/// The random numbers of one sample, in the order in which they are asked for.
class Draws {
 public:
  Draws(uint64_t seed, uint64_t epoch, uint64_t index) : key_(mix(mix(seed, epoch), index)) {}

  double between(double low, double high) { return low + (high - low) * unit(); }
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

/// torchvision's ColorJitter: each factor on its own, the order at random. One that is switched off is drawn
/// all the same, so that it changes nothing for the others.
Jitter random_jitter(const JitterRanges& ranges, Draws& draws) {
  const auto draw = [&](float range) {
    return static_cast<float>(draws.between(std::max(0.0, 1.0 - range), 1.0 + range));
  };
  std::array<Jitter::Step, 3> steps{{{Adjustment::Brightness, draw(ranges.brightness)},
                                     {Adjustment::Contrast, draw(ranges.contrast)},
                                     {Adjustment::Saturation, draw(ranges.saturation)}}};
  for (int i = 2; i > 0; i--) std::swap(steps[i], steps[draws.below(i + 1)]);
  Jitter jitter;
  for (const Jitter::Step& step : steps) {
    if (step.factor != 1) jitter.steps[jitter.count++] = step;
  }
  return jitter;
}

View train_view(const TrainTransform& transform, uint64_t index, Extent picture) {
  Draws draws(transform.seed, transform.epoch, index);
  View view;
  view.box = random_box(transform, picture, draws);
  view.flip = draws.between(0, 1) < transform.flip;
  view.jitter = random_jitter(transform.jitter, draws);
  return view;
}

/// torchvision's Resize(resize) and CenterCrop(size) as one box of the unresized picture: the longer side is
/// truncated, the margin rounded to even.
View eval_view(const EvalTransform& transform, Extent picture) {
  const int shorter = std::min(picture.width, picture.height);
  const auto resized = [&](int side) {
    return static_cast<double>(static_cast<int64_t>(transform.resize) * side / shorter);
  };
  const auto range = [&](int side) {
    const double scale = side / resized(side);
    const double first = std::nearbyint((resized(side) - transform.size) / 2);
    return std::pair(first * scale, (first + transform.size) * scale);
  };
  const auto [left, right] = range(picture.width);
  const auto [top, bottom] = range(picture.height);
  return {.box = {left, top, right, bottom}, .flip = false, .jitter = {}};
}

}  // namespace

int output_size(const Transform& transform) {
  return std::visit([](const auto& chosen) { return chosen.size; }, transform);
}

View choose_view(const Transform& transform, uint64_t index, Extent picture) {
  if (const auto* train = std::get_if<TrainTransform>(&transform)) return train_view(*train, index, picture);
  return eval_view(std::get<EvalTransform>(transform), picture);
}

}  // namespace googlenet::images
