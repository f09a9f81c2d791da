#include "images/resizer.h"

#include <algorithm>

namespace googlenet::images {

double Resizer::reduction() const {
  if (target_.interpolation == Interpolation::Nearest) return 0;
  const auto& [left, top, right, bottom] = target_.box;
  return std::min((right - left) / target_.width, (bottom - top) / target_.height);
}

void Resizer::begin(Extent extent, double scale) {
  const auto& [left, top, right, bottom] = target_.box;
  const Interpolation interpolation = target_.interpolation;
  horizontal_.build(interpolation, extent.width, left * scale, right * scale, target_.width, target_.flip);
  vertical_.build(interpolation, extent.height, top * scale, bottom * scale, target_.height, false);
  pushed_ = vertical_.reach.first;
  written_ = 0;
  held_stride_ = static_cast<size_t>(target_.width) * target_.channels + kRowPadding;
  held_.resize(held_stride_ * vertical_.taps);
}

void Resizer::push(const uint8_t* row) {
  const auto resize_row = target_.channels == 1 ? resize_grey : kernels_.resize_rgb;
  resize_row(row, horizontal_, target_.width, held_row(pushed_));
  ++pushed_;
  while (written_ < target_.height && vertical_.spans[written_].end() <= pushed_) write_row(written_++);
}

uint8_t* Resizer::held_row(int row) {
  return held_.data() + static_cast<size_t>(row % vertical_.taps) * held_stride_;
}

void Resizer::write_row(int y) {
  const auto [first, count] = vertical_.spans[y];
  // An odd last row is paired with itself.
  sources_.resize(count + 1);
  for (int t = 0; t <= count; t++) sources_[t] = held_row(first + std::min(t, count - 1));
  const int bytes = target_.width * target_.channels;
  uint8_t* const out = target_.out + static_cast<size_t>(y) * bytes;
  kernels_.blend(sources_.data(), vertical_.weights_of(y), count, bytes, out);
}

}  // namespace googlenet::images
