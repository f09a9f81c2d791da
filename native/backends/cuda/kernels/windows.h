// The arithmetic of pooling windows along one axis, the same on the host and on the device.
#pragma once
#include <algorithm>

#include "graph/plan.h"

namespace googlenet::backends::cuda {

/// A run of indices [begin, end).
struct Span {
  int begin, end;
};

struct Axis {
  int in, out;  // sides
  int kernel, stride, padding;

  /// Inputs under a window.
  constexpr Span under(int window) const {
    const int first = window * stride - padding;
    return {first > 0 ? first : 0, first + kernel < in ? first + kernel : in};
  }
  /// Windows over an input.
  constexpr Span over(int input) const {
    const int last = (input + padding) / stride;
    const int beyond = input + padding - kernel;  // the windows that end before the input
    return {beyond < 0 ? 0 : beyond / stride + 1, last + 1 < out ? last + 1 : out};
  }
  /// The position of an input in a window over it.
  constexpr int position(int window, int input) const { return input + padding - window * stride; }
};

/// Both axes of a graph::Window.
struct Plane {
  Axis y, x;
  explicit Plane(const graph::Window& w)
      : y{int(w.in.height), int(w.out.height), int(w.kernel), int(w.stride), int(w.padding)},
        x{int(w.in.width), int(w.out.width), int(w.kernel), int(w.stride), int(w.padding)} {}
};

}  // namespace googlenet::backends::cuda
