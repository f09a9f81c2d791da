// Pillow's antialiased bilinear resize (Image.resize(size, BILINEAR, box)), fed row by row: the crop, the
// resize and the flip are one pass, and only as many rows are held as one output row needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/view.h"

namespace googlenet::images {

/// Rows that are pushed hold 4 bytes a pixel (R, G, B, unused) for 3 channels, 1 byte for 1 channel.
inline int pixel_bytes(int channels) {
  return channels == 1 ? 1 : 4;
}
/// Bytes that must be readable after the last pixel of a pushed row.
inline constexpr int kRowPadding = 16;

struct Span {
  int first;
  int count;
  int end() const { return first + count; }
};

/// What becomes of a picture: `box` of it, mirrored or not, as height x width x channels bytes at `out`.
struct Target {
  Box box;
  bool flip;
  int width;
  int height;
  int channels;
  uint8_t* out;
};

/// Filter of one axis: output i is the sum of the source pixels of spans[i] times weights_of(i)[0 .. count).
struct Filter {
  static constexpr int kBits = 14;  // the weights of one output sum to 1 << kBits

  int taps = 0;  // length of each output's weights, a multiple of 4: past the span's count they are 0
  Span reach{};  // the source pixels that any output reads
  std::vector<Span> spans;  // padded to a multiple of 4 with outputs that weigh nothing, as are the weights
  std::vector<int16_t> weights;

  /// Of `in` source pixels, [low, high) become `out` pixels; with `mirror` in reverse order.
  void build(int in, double low, double high, int out, bool mirror);
  const int16_t* weights_of(int i) const { return weights.data() + static_cast<size_t>(i) * taps; }
};

class Resizer {
 public:
  /// Begins a picture of the given extent; target.box is in its pixels.
  void begin(Extent picture, const Target& target);
  /// The source pixels that must be pushed: every row of rows() in order, its pixels from columns().first on.
  Span columns() const { return horizontal_.reach; }
  Span rows() const { return vertical_.reach; }
  void push(const uint8_t* row);

 private:
  uint8_t* held_row(int row);
  void write_row(int y);

  Target target_{};
  Filter horizontal_;
  Filter vertical_;
  int pushed_ = 0;   // the picture's next row
  int written_ = 0;  // output rows so far
  size_t held_stride_ = 0;
  std::vector<uint8_t> held_;  // the last vertical_.taps source rows, resized horizontally, as a ring
  std::vector<const uint8_t*> sources_;
};

}  // namespace googlenet::images
