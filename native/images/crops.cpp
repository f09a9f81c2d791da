#include "images/crops.h"

#include <algorithm>
#include <cstring>

#include "images/reader.h"

namespace googlenet::images {
namespace {

/// Planes larger than this are given back after the picture that needed them.
constexpr size_t kKeptBytes = size_t{16} << 20;

Span joined(Span a, Span b) {
  const int first = std::min(a.first, b.first);
  return {first, std::max(a.end(), b.end()) - first};
}

}  // namespace

void Cropper::set(const CropsTransform& transform, Extent stored, const Orientation& orientation,
                  int channels) {
  transform_ = transform;
  orientation_ = orientation;
  channels_ = channels;
  int64_t bytes = 0;
  for (const int scale : transform.scales) {
    bytes +=
        resized_side(stored.width, stored, scale) * resized_side(stored.height, stored, scale) * channels;
  }
  check_held_bytes(stored, bytes, "a picture");
  planes_.resize(transform.scales.size());
  targets_.clear();
  for (size_t i = 0; i < planes_.size(); i++) {
    const int scale = transform.scales[i];
    Plane& plane = planes_[i];
    plane.extent = {static_cast<int>(resized_side(stored.width, stored, scale)),
                    static_cast<int>(resized_side(stored.height, stored, scale))};
    const size_t needed = static_cast<size_t>(plane.extent.width) * plane.extent.height * channels;
    if (plane.pixels.size() < needed || plane.pixels.size() > std::max(needed, kKeptBytes)) {
      plane.pixels = std::vector<uint8_t>(needed);
    }
    targets_.push_back({.box = {0, 0, static_cast<double>(stored.width), static_cast<double>(stored.height)},
                        .flip = false,
                        .interpolation = Interpolation::Bilinear,
                        .width = plane.extent.width,
                        .height = plane.extent.height,
                        .channels = channels,
                        .out = plane.pixels.data()});
    plane.resizer.set(targets_.back());
  }
}

double Cropper::reduction() const {
  double least = planes_.front().resizer.reduction();
  for (const Plane& plane : planes_) least = std::min(least, plane.resizer.reduction());
  return least;
}

void Cropper::begin(Extent extent, double scale) {
  for (Plane& plane : planes_) {
    plane.resizer.begin(extent, scale);
    const bool first = &plane == planes_.data();
    columns_ = first ? plane.resizer.columns() : joined(columns_, plane.resizer.columns());
    rows_ = first ? plane.resizer.rows() : joined(rows_, plane.resizer.rows());
  }
  next_row_ = rows_.first;
}

void Cropper::push(const uint8_t* row) {
  for (Plane& plane : planes_) {
    const Span rows = plane.resizer.rows();
    if (next_row_ < rows.first || next_row_ >= rows.end()) continue;
    const int before = plane.resizer.columns().first - columns_.first;
    plane.resizer.push(row + static_cast<size_t>(before) * pixel_bytes(channels_));
  }
  next_row_++;
}

void Cropper::finish(uint8_t* out) {
  out_ = out;
  for (Plane& plane : planes_) {
    if (!orientation_.upright()) turn(plane);
    const Extent whole = plane.extent;
    if (!transform_.squares) {
      cut_five(plane, 0, 0, whole);
      mirror(5);
      continue;
    }
    const int side = std::min(whole.width, whole.height);
    const auto place = [&](int length, int which) {
      return which == 1 ? static_cast<int>(centred(length, side)) : which * (length - side) / 2;
    };
    for (int which = 0; which < 3; which++) {
      const int left = place(whole.width, which);
      const int top = place(whole.height, which);
      cut_five(plane, left, top, {side, side});
      resize_square(plane, left, top);
      mirror(6);
    }
  }
}

void Cropper::turn(Plane& plane) {
  turned_.resize(std::max(turned_.size(), plane.pixels.size()));
  orient(orientation_, plane.extent, channels_, plane.pixels.data(), turned_.data());
  std::swap(plane.pixels, turned_);
  plane.extent = orientation_.turned(plane.extent);
}

size_t Cropper::picture_bytes() const {
  return static_cast<size_t>(transform_.size) * transform_.size * channels_;
}

void Cropper::cut(const Plane& plane, int left, int top) {
  const size_t bytes = static_cast<size_t>(transform_.size) * channels_;
  for (int y = 0; y < transform_.size; y++, out_ += bytes) {
    const size_t pixel = static_cast<size_t>(top + y) * plane.extent.width + left;
    std::memcpy(out_, plane.pixels.data() + pixel * channels_, bytes);
  }
}

/// The corners and the centre of a part of the plane.
void Cropper::cut_five(const Plane& plane, int left, int top, Extent from) {
  const int right = left + from.width - transform_.size;
  const int bottom = top + from.height - transform_.size;
  cut(plane, left, top);
  cut(plane, right, top);
  cut(plane, left, bottom);
  cut(plane, right, bottom);
  cut(plane, left + static_cast<int>(centred(from.width, transform_.size)),
      top + static_cast<int>(centred(from.height, transform_.size)));
}

void Cropper::resize_square(const Plane& plane, int left, int top) {
  const int side = std::min(plane.extent.width, plane.extent.height);
  square_.set({.box = {0, 0, static_cast<double>(side), static_cast<double>(side)},
               .flip = false,
               .interpolation = Interpolation::Bilinear,
               .width = transform_.size,
               .height = transform_.size,
               .channels = channels_,
               .out = out_});
  square_.begin({side, side}, 1);
  const int pixel = pixel_bytes(channels_);
  row_.resize(static_cast<size_t>(side) * pixel + kRowPadding);
  for (int y = 0; y < side; y++) {
    const size_t first = static_cast<size_t>(top + y) * plane.extent.width + left;
    const uint8_t* from = plane.pixels.data() + first * channels_;
    for (int x = 0; x < side; x++) std::memcpy(row_.data() + x * pixel, from + x * channels_, channels_);
    square_.push(row_.data());
  }
  out_ += picture_bytes();
}

/// The last `count` pictures once more, mirrored.
void Cropper::mirror(int count) {
  const int size = transform_.size;
  const uint8_t* from = out_ - count * picture_bytes();
  for (int row = 0; row < count * size; row++) {
    for (int x = size - 1; x >= 0; x--, out_ += channels_) std::memcpy(out_, from + x * channels_, channels_);
    from += static_cast<size_t>(size) * channels_;
  }
}

}  // namespace googlenet::images
