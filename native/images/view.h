// Which part of a picture a sample shows, and how: a random crop for training, the centre for evaluation.
#pragma once
#include <array>
#include <cstdint>
#include <variant>

namespace googlenet::images {

/// Pixels; coordinates of a box are real numbers, pixel i covers [i, i + 1).
struct Extent {
  int width;
  int height;
};
struct Box {
  double left;
  double top;
  double right;
  double bottom;
};

/// Half widths of the ranges [max(0, 1 - x), 1 + x] that the factors are drawn from; 0 switches one off.
struct JitterRanges {
  float brightness = 0;
  float contrast = 0;
  float saturation = 0;
};

struct TrainTransform {
  int size;
  uint64_t seed;
  uint64_t epoch;
  /// Share of the picture's area (uniform) and aspect ratio (log-uniform), each from first to second.
  std::array<double, 2> area;
  std::array<double, 2> aspect;
  double flip;
  JitterRanges jitter;
};

/// The shorter side becomes `resize`, of which the centre `size` x `size` is taken; resize >= size.
struct EvalTransform {
  int size;
  int resize;
};

using Transform = std::variant<TrainTransform, EvalTransform>;

int output_size(const Transform& transform);

enum class Adjustment { Brightness, Contrast, Saturation };

/// The colour changes of one sample, in the order in which they are made.
struct Jitter {
  struct Step {
    Adjustment adjustment;
    float factor;
  };
  std::array<Step, 3> steps;
  int count = 0;
};

struct View {
  Box box;
  bool flip = false;
  Jitter jitter;
};

/// Pure: the same transform, sample index and extent give the same view on any thread, in any order.
View choose_view(const Transform& transform, uint64_t index, Extent picture);

}  // namespace googlenet::images
