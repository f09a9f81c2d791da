// The inner loops of the resize, once for each set of instructions. All give the same bytes.
#pragma once
#include <cstdint>

#include "images/filter.h"

namespace googlenet::images {

/// Bytes that must be readable after the last pixel of a source row, and writable after that of a result.
inline constexpr int kRowPadding = 16;

struct Kernels {
  /// Pixels of 4 bytes (R, G, B, unused), the first one that of filter.reach, become `size` pixels of 3.
  void (*resize_rgb)(const uint8_t* row, const Filter& filter, int size, uint8_t* out);
  /// A weighted sum of `count` rows of `bytes` bytes; where `count` is odd, there is one more row, whose
  /// weight is 0. Rows are readable, but `out` is not writable, up to kRowPadding past the end.
  void (*blend)(const uint8_t* const* rows, const int16_t* weights, int count, int bytes, uint8_t* out);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;  // F, BW and VL
#endif

/// As resize_rgb, of pixels of 1 byte.
void resize_grey(const uint8_t* row, const Filter& filter, int size, uint8_t* out);

/// The fastest that this processor runs.
const Kernels& kernels();

}  // namespace googlenet::images
