#include "images/reader.h"

namespace googlenet::images {
namespace {

std::string extent_text(Extent picture) {
  return std::to_string(picture.width) + " x " + std::to_string(picture.height) + " pixels";
}

}  // namespace

void check_extent(Extent picture) {
  constexpr int kMaxSide = 65535;  // JPEG's own limit
  if (picture.width > kMaxSide || picture.height > kMaxSide ||
      int64_t{picture.width} * picture.height > kMaxPixels) {
    throw unreadable("has " + extent_text(picture) + "; at most " + std::to_string(kMaxPixels) +
                     " pixels and " + std::to_string(kMaxSide) + " a side are decoded");
  }
}

void check_held_bytes(Extent picture, int64_t bytes, const char* kind) {
  if (bytes <= kMaxHeldBytes) return;
  throw unreadable("is " + std::string(kind) + " of " + extent_text(picture) + " that takes " +
                   std::to_string(bytes >> 20) + " MiB to decode; the limit is " +
                   std::to_string(kMaxHeldBytes >> 20) + " MiB");
}

void pixels_to_luma(uint8_t* row, int count) {
  for (int i = 0; i < count; i++) row[i] = luma(row[4 * i], row[4 * i + 1], row[4 * i + 2]);
}

}  // namespace googlenet::images
