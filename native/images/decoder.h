// One thread's decoder: from where a picture is to the pixels of one sample.
#pragma once
#include "images/bytes.h"
#include "images/formats.h"
#include "images/view.h"

namespace googlenet::images {

class Decoder {
 public:
  /// `channels`: 3 (RGB) or 1 (luma).
  explicit Decoder(int channels);

  /// Writes size x size x channels bytes, size being output_size(transform). Throws unreadable(reason).
  void decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out);

 private:
  int channels_;
  ByteReader bytes_;
  Formats formats_;
  Resizer resizer_;
};

}  // namespace googlenet::images
