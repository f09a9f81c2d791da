// The orientation that a camera wrote beside a picture: EXIF in a JPEG's APP1 or a PNG's eXIf.
#pragma once
#include <cstdint>
#include <span>

#include "images/view.h"

namespace googlenet::images {

/// How the stored picture becomes the one to be seen: mirrored along its axes first, then transposed.
struct Orientation {
  bool mirror_x = false;
  bool mirror_y = false;
  bool transpose = false;
  bool upright() const { return !mirror_x && !mirror_y && !transpose; }

  /// The stored picture's extent from the seen one's, and the other way round.
  Extent turned(Extent extent) const { return transpose ? Extent{extent.height, extent.width} : extent; }
  /// Where a box of the picture seen lies in the one stored, whose extent is given.
  Box stored(Box box, Extent picture) const;
};

/// Of a whole file. Upright where the file says nothing, or nothing sensible.
Orientation orientation_of(std::span<const uint8_t> file);

/// Turns a stored picture of `extent`, packed, into the one to be seen.
void orient(const Orientation& orientation, Extent extent, int channels, const uint8_t* stored,
            uint8_t* seen);

}  // namespace googlenet::images
