// Which reader a picture's bytes are for.
#pragma once
#include <memory>
#include <span>

#include "images/jpeg.h"

namespace googlenet::images {

class Formats {
 public:
  explicit Formats(Quality quality);
  /// By the first bytes, whatever the name. Throws unreadable(...) when they are no JPEG and no PNG.
  Reader& reader_of(std::span<const uint8_t> bytes);

 private:
  std::unique_ptr<Reader> jpeg_;
  std::unique_ptr<Reader> png_;
};

}  // namespace googlenet::images
