#include "images/filter.h"

#include <algorithm>
#include <cmath>

namespace googlenet::images {
namespace {

/// A filter's weight at a distance from its centre, in output pixels (in source pixels where those are
/// larger).
double weight_at(Interpolation interpolation, double distance) {
  const double x = std::abs(distance);
  switch (interpolation) {
    case Interpolation::Bilinear:
      return std::max(0.0, 1.0 - x);
    case Interpolation::Area:
      return distance > -0.5 && distance <= 0.5 ? 1 : 0;
    case Interpolation::Cubic:  // Keys' with a = -0.5
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    case Interpolation::Nearest:
      return 1;
  }
  return 0;
}

double support_of(Interpolation interpolation) {
  return interpolation == Interpolation::Cubic ? 2.0 : interpolation == Interpolation::Area ? 0.5 : 1.0;
}

}  // namespace

void Filter::build(Interpolation interpolation, int in, double low, double high, int out, bool mirror) {
  // Pillow's precompute_coeffs (src/libImaging/Resample.c).
  const double scale = (high - low) / out;
  const double stretch = std::max(scale, 1.0);
  const double support = support_of(interpolation) * stretch;
  const double slope = 1.0 / stretch;
  const bool nearest = interpolation == Interpolation::Nearest;
  const auto centre = [&](int i) { return low + (i + 0.5) * scale; };
  const auto begin = [&](int i) {
    if (nearest) return std::clamp(static_cast<int>(centre(i)), 0, in - 1);
    return std::max(static_cast<int>(centre(i) - support + 0.5), 0);
  };
  const auto end = [&](int i) {
    return nearest ? begin(i) + 1 : std::min(static_cast<int>(centre(i) + support + 0.5), in);
  };
  reach = {begin(0), end(out - 1) - begin(0)};
  int longest = 0;
  for (int i = 0; i < out; i++) longest = std::max(longest, end(i) - begin(i));
  taps = (longest + 3) / 4 * 4;
  const int padded = (out + 3) / 4 * 4;
  spans.assign(padded, {reach.first, 0});
  weights.assign(static_cast<size_t>(padded) * taps, 0);
  for (int i = 0; i < out; i++) {
    const auto weight = [&](int source) {
      return weight_at(interpolation, (source + 0.5 - centre(i)) * slope);
    };
    double total = 0;
    for (int source = begin(i); source < end(i); source++) total += weight(source);
    const double unit = (1 << kBits) / total;
    // Near the far end a span begins earlier, with weights of 0, so that all `taps` pixels exist.
    const int first = std::min(begin(i), std::max(reach.end() - taps, reach.first));
    const int place = mirror ? out - 1 - i : i;
    spans[place] = {first, end(i) - first};
    int16_t* row = weights.data() + static_cast<size_t>(place) * taps + (begin(i) - first);
    // Differences of the rounded running sum: the weights add up exactly, so flat areas stay as they are.
    double sum = 0;
    int before = 0;
    for (int source = begin(i); source < end(i); source++) {
      sum += weight(source);
      const int now = static_cast<int>(std::floor(sum * unit + 0.5));
      *row++ = static_cast<int16_t>(now - before);
      before = now;
    }
  }
}

}  // namespace googlenet::images
