// libFuzzer: whatever follows the signature of a PNG. Checksums are set right first: a wrong one hides the
// rest.
#include <zlib.h>

#include <cstring>
#include <string_view>

#include "picture.h"

namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";

uint32_t big_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

void set_checksums(std::vector<uint8_t>& file) {
  size_t place = kSignature.size();
  while (file.size() >= place + 12) {
    const size_t length = big_endian(&file[place]);
    if (length > file.size() - place - 12) break;
    const auto sum = static_cast<uint32_t>(crc32(0, &file[place + 4], static_cast<uInt>(length + 4)));
    for (int i = 0; i < 4; i++) file[place + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    place += 12 + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < kSignature.size() || std::memcmp(data, kSignature.data(), kSignature.size()) != 0) return 0;
  std::vector<uint8_t> file(data, data + size);
  if ((file.back() & 128) == 0) set_checksums(file);
  googlenet::fuzz::decode(file.data(), file.size());
  return 0;
}
