// PNG through libpng: any depth and colour type, interlaced or not; transparent pixels are laid over white.
#pragma once
#include <memory>

#include "images/reader.h"

namespace googlenet::images {

std::unique_ptr<Reader> make_png_reader();

}  // namespace googlenet::images
