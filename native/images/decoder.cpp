#include "images/decoder.h"

#include "images/jitter.h"

namespace googlenet::images {

Decoder::Decoder(int channels) : channels_(channels) {}

void Decoder::decode(const Source& source, const Transform& transform, uint64_t index, uint8_t* out) {
  const std::span<const uint8_t> bytes = bytes_.read(source);
  Reader& reader = formats_.reader_of(bytes);
  const View view = choose_view(transform, index, reader.open(bytes));
  const int size = output_size(transform);
  reader.read(
      {.box = view.box, .flip = view.flip, .width = size, .height = size, .channels = channels_, .out = out},
      resizer_);
  apply_jitter(view.jitter, static_cast<size_t>(size) * size, channels_, out);
}

}  // namespace googlenet::images
