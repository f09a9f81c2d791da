// One thread's decoder: from where a picture is to the pixels of one sample.
#pragma once
#include <exception>
#include <memory>

#include "images/bytes.h"
#include "images/crops.h"
#include "images/device_decoder.h"
#include "images/formats.h"

namespace googlenet::images {

struct DecoderOptions {
  /// 3 (RGB) or 1 (luma).
  int channels = 3;
  Quality quality = Quality::Accurate;
  /// Whether a picture is turned as its EXIF data say.
  bool orient = false;
  /// Where JPEGs of one scan are decoded, if not on the CPU.
  OpenDeviceDecoder device;
};

class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options);

  /// Writes output_count(transform) pictures of size x size x channels bytes, size being
  /// output_size(transform). Whether the device decoded them. Throws unreadable(reason), and
  /// ERR_GOOGLENET_DEVICE.
  bool decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out);

 private:
  struct Opened {
    Reader& reader;
    std::span<const uint8_t> bytes;
    Extent extent;  // as it is stored
  };
  bool read_crops(const Opened& picture, const CropsTransform& transform, uint8_t* out);
  bool read_view(const Opened& picture, const View& view, int size, uint8_t* out);
  /// On the device where there is one that can, and otherwise through the sink, which fills the same targets.
  bool read(const Opened& picture, std::span<const Target> targets, RowSink& sink);
  DeviceDecoder& device();

  DecoderOptions options_;
  ByteReader bytes_;
  Formats formats_;
  Orientation orientation_;  // of the picture under way
  Resizer resizer_;
  Cropper cropper_;
  std::vector<uint8_t> stored_;
  std::unique_ptr<DeviceDecoder> device_;  // opened with the first picture, on the thread that decodes
  std::exception_ptr device_failure_;
};

}  // namespace googlenet::images
