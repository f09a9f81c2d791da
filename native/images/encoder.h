// JPEG out, through libjpeg-turbo.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "images/view.h"

namespace googlenet::images {

/// Appends a baseline JPEG of height x width RGB pixels to `out`: chroma at half the width and height, as
/// cameras and Pillow write it, Huffman tables of its own; grey when every pixel is. `quality` 1 to 100 as
/// libjpeg means it. Throws std::bad_alloc, and Error when libjpeg refuses.
void encode_jpeg(const uint8_t* pixels, Extent extent, int quality, std::vector<uint8_t>& out);

}  // namespace googlenet::images
