// One input of a fuzzer as a picture: its last byte chooses what is made of it, the rest is the file.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "images/decoder.h"

namespace googlenet::fuzz {

inline images::Transform transform_of(uint8_t choice) {
  using namespace images;
  constexpr int kSize = 24;
  switch (choice & 3) {
    case 0:
      return EvalTransform{.size = kSize, .resize = 28};
    case 1:
      return CropsTransform{.size = kSize, .scales = {28, 36}, .squares = (choice & 4) != 0};
    default:
      return TrainTransform{.size = kSize,
                            .seed = choice,
                            .epoch = 0,
                            .area = {0.08, 1},
                            .aspect = {0.75, 1.34},
                            .flip = 0.5,
                            .jitter = {.brightness = 0.4F, .contrast = 0.4F, .saturation = 0.4F, .hue = 0.1F},
                            .lighting = 0.1F,
                            .interpolation = std::nullopt};
  }
}

/// Decodes; what cannot be read is told by an Error, which is no finding.
inline void decode(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const uint8_t choice = data[size - 1];
  const images::DecoderOptions options{
      .channels = (choice & 8) != 0 ? 1 : 3,
      .quality = (choice & 16) != 0 ? images::Quality::Fast : images::Quality::Accurate,
      .orient = (choice & 32) != 0};
  const images::Transform transform = transform_of(choice);
  const int side = images::output_size(transform);
  // As large as it must be, so that a byte too many is found.
  std::vector<uint8_t> out(static_cast<size_t>(side) * side * options.channels *
                           images::output_count(transform));
  static images::Decoder decoders[] = {images::Decoder({.channels = 3}), images::Decoder({.channels = 1})};
  const images::MemorySource file(data, data + size - 1);
  try {
    // One that has decoded others, as in the loader, and one that has not.
    if ((choice & 48) == 0) decoders[options.channels == 1].decode(file, transform, choice, out.data());
    images::Decoder(options).decode(file, transform, choice, out.data());
  } catch (const Error&) {
  }
}

}  // namespace googlenet::fuzz
