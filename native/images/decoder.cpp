#include "images/decoder.h"

#include "images/jitter.h"

namespace googlenet::images {

Decoder::Decoder(const DecoderOptions& options) : options_(options), formats_(options.quality) {}

void Decoder::decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out) {
  const std::span<const uint8_t> bytes = bytes_.read(source);
  Reader& reader = formats_.reader_of(bytes);
  const Extent stored = reader.open(bytes);
  orientation_ = options_.orient ? orientation_of(bytes) : Orientation{};
  if (const auto* crops = std::get_if<CropsTransform>(&transform)) {
    read_crops(reader, stored, *crops, out);
    return;
  }
  const Extent seen = orientation_.turned(stored);
  const auto* train = std::get_if<TrainTransform>(&transform);
  const View view = train != nullptr ? choose_view(*train, index, seen)
                                     : choose_view(std::get<EvalTransform>(transform), seen);
  read_view(reader, stored, view, output_size(transform), out);
}

void Decoder::read_crops(Reader& reader, Extent stored, const CropsTransform& transform, uint8_t* out) {
  cropper_.set(transform, stored, orientation_, options_.channels);
  reader.read(cropper_);
  cropper_.finish(out);
}

void Decoder::read_view(Reader& reader, Extent stored, const View& view, int size, uint8_t* out) {
  const size_t pixels = static_cast<size_t>(size) * size;
  const bool upright = orientation_.upright();
  if (!upright) stored_.resize(pixels * options_.channels);
  // What is mirrored when it is seen is mirrored along the other axis where the axes are swapped.
  Orientation turn = orientation_;
  bool& mirrored = turn.transpose ? turn.mirror_y : turn.mirror_x;
  mirrored = mirrored != view.flip;
  resizer_.set({.box = orientation_.stored(view.box, stored),
                .flip = upright && view.flip,
                .interpolation = view.interpolation,
                .width = size,
                .height = size,
                .channels = options_.channels,
                .out = upright ? out : stored_.data()});
  reader.read(resizer_);
  if (!upright) orient(turn, {size, size}, options_.channels, stored_.data(), out);
  apply_jitter(view.jitter, pixels, options_.channels, out);
}

}  // namespace googlenet::images
