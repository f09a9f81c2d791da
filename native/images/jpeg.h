// JPEG through libjpeg-turbo: only the rows and columns that are needed, at the scale that is needed.
#pragma once
#include <memory>

#include "images/reader.h"

namespace googlenet::images {

/// Accurate: the integer DCT and smoothed chroma, as Pillow decodes; what is left to the scaled DCT stays
/// within 4 of 255. Fast: libjpeg's faster and less exact DCT, chroma as it is, and more left to the scaled
/// DCT.
enum class Quality { Accurate, Fast };

std::unique_ptr<Reader> make_jpeg_reader(Quality quality);

}  // namespace googlenet::images
