// The weights by which one axis of a picture is resized, as Pillow computes them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/view.h"

namespace googlenet::images {

struct Span {
  int first;
  int count;
  int end() const { return first + count; }
};

/// Filter of one axis: output i is the sum of the source pixels of spans[i] times weights_of(i)[0 .. count).
struct Filter {
  static constexpr int kBits = 14;  // the weights of one output sum to 1 << kBits

  int taps = 0;  // length of each output's weights, a multiple of 4: past the span's count they are 0
  Span reach{};  // the source pixels that any output reads
  std::vector<Span> spans;  // padded to a multiple of 4 with outputs that weigh nothing, as are the weights
  std::vector<int16_t> weights;

  /// Of `in` source pixels, [low, high) become `out` pixels; with `mirror` in reverse order.
  void build(Interpolation interpolation, int in, double low, double high, int out, bool mirror);
  const int16_t* weights_of(int i) const { return weights.data() + static_cast<size_t>(i) * taps; }
};

}  // namespace googlenet::images
