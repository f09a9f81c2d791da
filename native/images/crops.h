// Many crops of a picture that is decoded once: it is resized to each scale, and the crops are cut from
// there.
#pragma once
#include <vector>

#include "images/exif.h"
#include "images/resizer.h"

namespace googlenet::images {

class Cropper final : public RowSink {
 public:
  /// Begins a picture of the given extent, as it is stored. Throws unreadable(...) when it takes too much
  /// memory.
  void set(const CropsTransform& transform, Extent stored, const Orientation& orientation, int channels);
  /// What the rows become: the picture at each scale.
  const std::vector<Target>& targets() const { return targets_; }
  /// After the rows, or when the targets are filled: writes output_count(transform) pictures, packed, one
  /// after the other.
  void finish(uint8_t* out);

  int channels() const override { return channels_; }
  double reduction() const override;
  void begin(Extent extent, double scale) override;
  Span columns() const override { return columns_; }
  Span rows() const override { return rows_; }
  void push(const uint8_t* row) override;

 private:
  /// The picture at one scale.
  struct Plane {
    Extent extent{};
    std::vector<uint8_t> pixels;
    Resizer resizer;
  };

  void turn(Plane& plane);
  void cut(const Plane& plane, int left, int top);
  void cut_five(const Plane& plane, int left, int top, Extent from);
  void resize_square(const Plane& plane, int left, int top);
  void mirror(int count);
  size_t picture_bytes() const;

  CropsTransform transform_{};
  Orientation orientation_;
  int channels_ = 3;
  std::vector<Plane> planes_;
  std::vector<Target> targets_;
  Span columns_{}, rows_{};
  int next_row_ = 0;
  uint8_t* out_ = nullptr;
  Resizer square_;
  std::vector<uint8_t> row_, turned_;
};

}  // namespace googlenet::images
