// One thread's decoder: from where a picture is to the pixels of one sample.
#pragma once
#include <memory>

#include "images/bytes.h"
#include "images/reader.h"
#include "images/view.h"

namespace googlenet::images {

class Decoder {
 public:
  /// `channels`: 3 (RGB) or 1 (luma).
  explicit Decoder(int channels);

  /// Writes size x size x channels bytes, size being output_size(transform). Throws unreadable(reason).
  void decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out);

 private:
  Reader& reader_of(std::span<const uint8_t> bytes);

  int channels_;
  ByteReader bytes_;
  std::unique_ptr<Reader> jpeg_;
  std::unique_ptr<Reader> png_;
  Resizer resizer_;
};

}  // namespace googlenet::images
