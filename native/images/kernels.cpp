#include "images/kernels.h"

#include <algorithm>

namespace googlenet::images {
namespace {

constexpr int kHalf = 1 << (Filter::kBits - 1);

uint8_t to_byte(int sum) {
  return static_cast<uint8_t>(std::clamp(sum >> Filter::kBits, 0, 255));
}

template <int kPixel, int kChannels>
void resize(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  for (int x = 0; x < size; x++) {
    const auto [first, count] = filter.spans[x];
    const uint8_t* const pixels = row + static_cast<ptrdiff_t>(first - filter.reach.first) * kPixel;
    const int16_t* const weights = filter.weights_of(x);
    for (int c = 0; c < kChannels; c++) {
      int sum = kHalf;
      for (int t = 0; t < count; t++) sum += pixels[t * kPixel + c] * weights[t];
      *out++ = to_byte(sum);
    }
  }
}

void blend(const uint8_t* const* rows, const int16_t* weights, int count, int bytes, uint8_t* out) {
  for (int i = 0; i < bytes; i++) {
    int sum = kHalf;
    for (int t = 0; t < count; t++) sum += rows[t][i] * weights[t];
    out[i] = to_byte(sum);
  }
}

}  // namespace

const Kernels kPortableKernels{.resize_rgb = resize<4, 3>, .blend = blend};

void resize_grey(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  resize<1, 1>(row, filter, size, out);
}

const Kernels& kernels() {
#if defined(__x86_64__)
  static const Kernels& chosen = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
                                     ? kAvx512Kernels
                                 : __builtin_cpu_supports("avx2") ? kAvx2Kernels
                                                                  : kPortableKernels;
  return chosen;
#else
  return kPortableKernels;
#endif
}

}  // namespace googlenet::images
