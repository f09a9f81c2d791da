#include "images/formats.h"

#include <string_view>

#include "images/png.h"

namespace googlenet::images {
namespace {

using namespace std::string_view_literals;

/// Formats that people have among their pictures, to tell them what they found.
std::string_view name_of(std::string_view bytes) {
  if (bytes.starts_with("GIF8")) return "a GIF";
  if (bytes.starts_with("BM")) return "a BMP";
  if (bytes.starts_with("RIFF") && bytes.substr(8).starts_with("WEBP")) return "a WebP";
  if (bytes.starts_with("II*\0"sv) || bytes.starts_with("MM\0*"sv)) return "a TIFF";
  if (bytes.substr(4).starts_with("ftypavif")) return "an AVIF";
  if (bytes.substr(4).starts_with("ftyphei")) return "a HEIC";
  return "not a picture";
}

}  // namespace

Formats::Formats(Quality quality) : jpeg_(make_jpeg_reader(quality)), png_(make_png_reader()) {}

Reader& Formats::reader_of(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xFF\xD8\xFF")) return *jpeg_;
  if (text.starts_with("\x89PNG\r\n\x1A\n")) return *png_;
  if (text.empty()) throw unreadable("is empty");
  if (text.size() < 12) throw unreadable("is too short to be a picture");
  throw unreadable("is " + std::string(name_of(text)) + "; only JPEG and PNG are read");
}

}  // namespace googlenet::images
