// Pictures made smaller and written as JPEG, on several threads.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "images/bytes.h"
#include "images/view.h"

namespace googlenet::images {

struct PackOptions {
  /// Pixels that the shorter side has at most; 0 keeps every size. Nothing is made larger.
  int short_side;
  int quality;
};

/// One picture as it is packed: a JPEG, and how large it was.
struct PackedPicture {
  std::vector<uint8_t> jpeg;
  Extent original{};
  /// Empty, or why it could not be read.
  std::string failure;
};

/// As torchvision's Resize(short_side) has it: the longer side is truncated. Never larger than it was.
Extent packed_extent(Extent original, int short_side);

/// In the order of the sources, which `threads` threads share. Each picture is decoded whole, so that what is
/// packed is known to be readable. A JPEG of one scan, grey or YCbCr, that is small enough stays byte for
/// byte as it was. Throws std::system_error when there are no threads to be had.
std::vector<PackedPicture> pack(const std::vector<Source>& sources, const PackOptions& options, int threads);

}  // namespace googlenet::images
