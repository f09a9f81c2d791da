// libFuzzer: EXIF data alone, which say nothing that can hurt.
#include "images/exif.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace googlenet::images;
  const Extent extent{3, 2};
  const Orientation orientation = orientation_of({data, size});
  const Extent turned = orientation.turned(extent);
  if (turned.width * turned.height != 6) std::abort();
  uint8_t stored[6] = {1, 2, 3, 4, 5, 6};
  uint8_t seen[6];
  orient(orientation, extent, 1, stored, seen);
  int sum = 0;
  for (const uint8_t value : seen) sum += value;
  if (sum != 21) std::abort();
  return 0;
}
