#include "images/exif.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <utility>

namespace googlenet::images {
namespace {

using namespace std::string_view_literals;
using Bytes = std::span<const uint8_t>;

/// Numbers of a file that may lie: what is past the end reads as 0.
uint32_t number_at(Bytes bytes, size_t offset, int width, bool little) {
  if (offset > bytes.size() || bytes.size() - offset < static_cast<size_t>(width)) return 0;
  uint32_t value = 0;
  for (int i = 0; i < width; i++) value = value << 8 | bytes[offset + (little ? width - 1 - i : i)];
  return value;
}

bool begins(Bytes bytes, std::string_view text) {
  return bytes.size() >= text.size() && std::memcmp(bytes.data(), text.data(), text.size()) == 0;
}

/// The tag of the first directory of a TIFF structure: 1 to 8, anything else means nothing.
uint32_t orientation_tag(Bytes tiff) {
  constexpr uint32_t kOrientation = 0x0112;
  constexpr uint32_t kShort = 3;
  constexpr size_t kEntry = 12;
  const bool little = begins(tiff, "II*\0"sv);
  if (!little && !begins(tiff, "MM\0*"sv)) return 0;
  const size_t directory = number_at(tiff, 4, 4, little);
  const uint32_t entries = number_at(tiff, directory, 2, little);
  for (uint32_t i = 0; i < entries; i++) {
    const size_t entry = directory + 2 + i * kEntry;
    if (entry + kEntry > tiff.size()) break;
    if (number_at(tiff, entry, 2, little) != kOrientation) continue;
    return number_at(tiff, entry + 2, 2, little) == kShort ? number_at(tiff, entry + 8, 2, little) : 0;
  }
  return 0;
}

uint32_t jpeg_tag(Bytes file) {
  constexpr uint8_t kApp1 = 0xE1, kScan = 0xDA;
  size_t place = 2;
  while (place + 4 <= file.size() && file[place] == 0xFF) {
    const uint8_t marker = file[place + 1];
    if (marker == 0xFF) {  // padding
      place++;
      continue;
    }
    if (marker == kScan) break;
    const size_t length = number_at(file, place + 2, 2, false);
    if (length < 2 || length > file.size() - place - 2) break;
    const Bytes content = file.subspan(place + 4, length - 2);
    if (marker == kApp1 && begins(content, "Exif\0\0"sv)) return orientation_tag(content.subspan(6));
    place += 2 + length;
  }
  return 0;
}

uint32_t png_tag(Bytes file) {
  constexpr size_t kFrame = 12;  // length, type, checksum
  size_t place = 8;
  while (place <= file.size() && file.size() - place >= kFrame) {
    const size_t length = number_at(file, place, 4, false);
    if (length > file.size() - place - kFrame) break;
    if (begins(file.subspan(place + 4), "eXIf")) return orientation_tag(file.subspan(place + 8, length));
    place += kFrame + length;
  }
  return 0;
}

}  // namespace

Orientation orientation_of(std::span<const uint8_t> file) {
  switch (begins(file, "\xFF\xD8") ? jpeg_tag(file) : png_tag(file)) {
    case 2:
      return {.mirror_x = true};
    case 3:
      return {.mirror_x = true, .mirror_y = true};
    case 4:
      return {.mirror_y = true};
    case 5:
      return {.transpose = true};
    case 6:
      return {.mirror_y = true, .transpose = true};
    case 7:
      return {.mirror_x = true, .mirror_y = true, .transpose = true};
    case 8:
      return {.mirror_x = true, .transpose = true};
    default:
      return {};
  }
}

Box Orientation::stored(Box box, Extent picture) const {
  if (transpose) box = {box.top, box.left, box.bottom, box.right};
  if (mirror_x) box = {picture.width - box.right, box.top, picture.width - box.left, box.bottom};
  if (mirror_y) box = {box.left, picture.height - box.bottom, box.right, picture.height - box.top};
  return box;
}

void orient(const Orientation& orientation, Extent extent, int channels, const uint8_t* stored,
            uint8_t* seen) {
  const Extent out = orientation.turned(extent);
  for (int y = 0; y < out.height; y++) {
    for (int x = 0; x < out.width; x++, seen += channels) {
      const auto [a, b] = orientation.transpose ? std::pair(y, x) : std::pair(x, y);
      const int column = orientation.mirror_x ? extent.width - 1 - a : a;
      const int row = orientation.mirror_y ? extent.height - 1 - b : b;
      std::memcpy(seen, stored + (static_cast<size_t>(row) * extent.width + column) * channels, channels);
    }
  }
}

}  // namespace googlenet::images
