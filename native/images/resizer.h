// Pillow's antialiased resize (Image.resize(size, filter, box)), fed row by row: the crop, the resize and the
// flip are one pass, and only as many rows are held as one output row needs.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/filter.h"
#include "images/kernels.h"

namespace googlenet::images {

/// Rows that are pushed hold 4 bytes a pixel (R, G, B, unused) for 3 channels, 1 byte for 1 channel.
inline int pixel_bytes(int channels) {
  return channels == 1 ? 1 : 4;
}

/// What becomes of the rows of a picture.
class RowSink {
 public:
  virtual ~RowSink() = default;
  /// 3 or 1.
  virtual int channels() const = 0;
  /// Pixels of the picture, along the axis where they are fewer, that make one pixel of the result; 0 when
  /// its pixels are wanted as they are.
  virtual double reduction() const = 0;
  /// The rows will be those of the picture of `extent` pixels that the picture makes at `scale`, 1 or less.
  virtual void begin(Extent extent, double scale) = 0;
  /// What must be pushed: every row of rows() in order, its pixels from columns().first on, and kRowPadding
  /// bytes that can be read after the last.
  virtual Span columns() const = 0;
  virtual Span rows() const = 0;
  virtual void push(const uint8_t* row) = 0;
};

/// What becomes of a picture: `box` of it, mirrored or not, as height x width x channels bytes at `out`.
struct Target {
  Box box;
  bool flip;
  Interpolation interpolation;
  int width;
  int height;
  int channels;
  uint8_t* out;
};

class Resizer final : public RowSink {
 public:
  /// Before begin().
  void set(const Target& target) { target_ = target; }

  int channels() const override { return target_.channels; }
  double reduction() const override;
  void begin(Extent extent, double scale) override;
  Span columns() const override { return horizontal_.reach; }
  Span rows() const override { return vertical_.reach; }
  void push(const uint8_t* row) override;

 private:
  uint8_t* held_row(int row);
  void write_row(int y);

  const Kernels& kernels_ = kernels();
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
