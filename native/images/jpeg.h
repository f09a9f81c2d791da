// JPEG through libjpeg-turbo: only the rows and columns that are needed, at the scale that is needed.
#pragma once
#include <memory>

#include "images/reader.h"

namespace googlenet::images {

std::unique_ptr<Reader> make_jpeg_reader();

}  // namespace googlenet::images
