// The arithmetic of pooling windows along one axis, the same on the host and on the device.
#pragma once
#include <algorithm>

#include "graph/plan.h"

namespace googlenet::backends::cuda {

/// A run of indices [begin, end).
struct Span {
  int begin, end;
};

/// Windows of one size at even steps. What of them lies beyond an end of the input is not there.
struct Axis {
  int in, out;  // sides
  int kernel, stride, padding;

  static constexpr Axis of(int64_t in, int64_t out, const graph::Window& w) {
    return {int(in), int(out), int(w.kernel), int(w.stride), int(w.padding)};
  }
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

/// Windows that share the input out, as graph::Window::adaptive has them.
struct AdaptiveAxis {
  int in, out;  // sides

  static constexpr AdaptiveAxis of(int64_t in, int64_t out, const graph::Window&) {
    return {int(in), int(out)};
  }
  constexpr Span under(int window) const { return {window * in / out, ((window + 1) * in + out - 1) / out}; }
  constexpr Span over(int input) const { return {input * out / in, ((input + 1) * out + in - 1) / in}; }
};

/// Both axes of a graph::Window.
template <class Axis>
struct Plane {
  Axis y, x;
  explicit Plane(const graph::Window& w)
      : y(Axis::of(w.in.height, w.out.height, w)), x(Axis::of(w.in.width, w.out.width, w)) {}
};

}  // namespace googlenet::backends::cuda
