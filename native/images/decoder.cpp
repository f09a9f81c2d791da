#include "images/decoder.h"

#include "images/jitter.h"

namespace googlenet::images {

Decoder::Decoder(const DecoderOptions& options) : options_(options), formats_(options.quality) {}

bool Decoder::decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out) {
  const std::span<const uint8_t> bytes = bytes_.read(source);
  Reader& reader = formats_.reader_of(bytes);
  const Extent stored = reader.open(bytes);
  const Opened picture{reader, bytes, stored};
  orientation_ = options_.orient ? orientation_of(bytes) : Orientation{};
  if (const auto* crops = std::get_if<CropsTransform>(&transform)) {
    return read_crops(picture, *crops, out);
  }
  const Extent seen = orientation_.turned(stored);
  const auto* train = std::get_if<TrainTransform>(&transform);
  const View view = train != nullptr ? choose_view(*train, index, seen)
                                     : choose_view(std::get<EvalTransform>(transform), seen);
  return read_view(picture, view, output_size(transform), out);
}

bool Decoder::read_crops(const Opened& picture, const CropsTransform& transform, uint8_t* out) {
  cropper_.set(transform, picture.extent, orientation_, options_.channels);
  const bool on_device = read(picture, cropper_.targets(), cropper_);
  cropper_.finish(out);
  return on_device;
}

bool Decoder::read_view(const Opened& picture, const View& view, int size, uint8_t* out) {
  const size_t pixels = static_cast<size_t>(size) * size;
  const bool upright = orientation_.upright();
  if (!upright) stored_.resize(pixels * options_.channels);
  // What is mirrored when it is seen is mirrored along the other axis where the axes are swapped.
  Orientation turn = orientation_;
  bool& mirrored = turn.transpose ? turn.mirror_y : turn.mirror_x;
  mirrored = mirrored != view.flip;
  const Target target{.box = orientation_.stored(view.box, picture.extent),
                      .flip = upright && view.flip,
                      .interpolation = view.interpolation,
                      .width = size,
                      .height = size,
                      .channels = options_.channels,
                      .out = upright ? out : stored_.data()};
  resizer_.set(target);
  const bool on_device = read(picture, {&target, 1}, resizer_);
  if (!upright) orient(turn, {size, size}, options_.channels, stored_.data(), out);
  apply_jitter(view.jitter, pixels, options_.channels, out);
  return on_device;
}

bool Decoder::read(const Opened& picture, std::span<const Target> targets, RowSink& sink) {
  if (options_.device && picture.reader.is_plain_jpeg() &&
      device().decode(picture.bytes, picture.extent, targets)) {
    return true;
  }
  picture.reader.read(sink);
  return false;
}

DeviceDecoder& Decoder::device() {
  if (device_failure_) std::rethrow_exception(device_failure_);
  try {
    if (!device_) device_ = options_.device();
  } catch (...) {
    device_failure_ = std::current_exception();
    throw;
  }
  return *device_;
}

}  // namespace googlenet::images
