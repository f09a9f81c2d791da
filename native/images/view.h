// Which part of a picture a sample shows, and how: a random crop for training, the centre for evaluation, or
// many crops of it.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

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

/// How a pixel is made of the pixels of the picture: Pillow's BILINEAR (a triangle), BOX, NEAREST and
/// BICUBIC.
enum class Interpolation { Bilinear, Area, Nearest, Cubic };

/// Half widths of the ranges [max(0, 1 - x), 1 + x] that the factors are drawn from; 0 switches one off.
struct JitterRanges {
  float brightness = 0;
  float contrast = 0;
  float saturation = 0;
  /// The hue is turned by -x to x of a full turn, x up to 0.5.
  float hue = 0;
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
  /// Deviation of the light added along the colours' principal components; 0 adds none.
  float lighting = 0;
  /// Each of the four with the same probability when there is none.
  std::optional<Interpolation> interpolation = Interpolation::Bilinear;
};

/// The shorter side becomes `resize`, of which the centre `size` x `size` is taken; resize >= size.
struct EvalTransform {
  int size;
  int resize;
};

/// Of each scale, to which the shorter side is resized: the four corners and the centre, `size` x `size`,
/// then the same mirrored. With `squares` that of each of three squares as large as the shorter side (left,
/// centre and right, or top, centre and bottom), and after each centre the square itself resized. Scales >=
/// size.
struct CropsTransform {
  int size;
  std::vector<int> scales;
  bool squares;
};

using Transform = std::variant<TrainTransform, EvalTransform, CropsTransform>;

int output_size(const Transform& transform);
/// Pictures of that size that one picture becomes.
int output_count(const Transform& transform);

enum class Adjustment { Brightness, Contrast, Saturation, Hue };

/// The colour changes of one sample, in the order in which they are made.
struct Jitter {
  struct Step {
    Adjustment adjustment;
    float factor;
  };
  std::array<Step, 4> steps;
  int count = 0;
  /// Added to R, G and B at the end.
  std::array<float, 3> light{};
};

struct View {
  Box box;
  bool flip = false;
  Jitter jitter;
  Interpolation interpolation = Interpolation::Bilinear;
};

/// Pure: the same transform, sample index and extent give the same view on any thread, in any order.
View choose_view(const TrainTransform& transform, uint64_t index, Extent picture);
View choose_view(const EvalTransform& transform, Extent picture);

/// A side of a picture whose shorter side becomes `resize`: truncated, as torchvision's Resize does it.
int64_t resized_side(int side, Extent picture, int resize);
/// Of `inner` pixels in the middle of `outer`, the first: rounded to even, as torchvision's CenterCrop does
/// it.
int64_t centred(int64_t outer, int64_t inner);

}  // namespace googlenet::images
