// One thread's decoder: from where a picture is to the pixels of one sample.
#pragma once
#include "images/bytes.h"
#include "images/crops.h"
#include "images/formats.h"

namespace googlenet::images {

struct DecoderOptions {
  /// 3 (RGB) or 1 (luma).
  int channels = 3;
  Quality quality = Quality::Accurate;
  /// Whether a picture is turned as its EXIF data say.
  bool orient = false;
};

class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options);

  /// Writes output_count(transform) pictures of size x size x channels bytes, size being
  /// output_size(transform). Throws unreadable(reason).
  void decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out);

 private:
  void read_crops(Reader& reader, Extent stored, const CropsTransform& transform, uint8_t* out);
  void read_view(Reader& reader, Extent stored, const View& view, int size, uint8_t* out);

  DecoderOptions options_;
  ByteReader bytes_;
  Formats formats_;
  Orientation orientation_;  // of the picture under way
  Resizer resizer_;
  Cropper cropper_;
  std::vector<uint8_t> stored_;
};

}  // namespace googlenet::images
