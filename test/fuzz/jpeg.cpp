// libFuzzer: whatever follows the signature of a JPEG.
#include "picture.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2 && data[0] == 0xFF && data[1] == 0xD8 && data[2] == 0xFF) googlenet::fuzz::decode(data, size);
  return 0;
}
