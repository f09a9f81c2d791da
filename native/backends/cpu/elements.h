// Elements as the CPU backend stores them, and the few loops over rows that every layer needs.
//
// A row is one pixel's run of channels. Layers give each thread a run of rows; the inner loops go over
// channels, are marked GOOGLENET_SIMD and are vectorised by the compiler.
#pragma once
#include <omp.h>

#include <algorithm>
#include <bit>
#include <cstdint>

#include "backends/backend.h"
#include "simd.h"

namespace googlenet::backends::cpu {

struct Bf16 {
  uint16_t bits;
};

inline float load(float value) {
  return value;
}
inline float load(Bf16 value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

inline void store(float* to, float value) {
  *to = value;
}
/// Rounds to nearest, ties to even; NaN stays NaN.
inline void store(Bf16* to, float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  to->bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <class T>
T* pointer(const Context& context, const graph::View& view) {
  return reinterpret_cast<T*>(context.arena + context.buffers[view.buffer].offset) + view.offset;
}

/// The run of [0, count) that thread `index` of `threads` works on.
struct Share {
  int64_t begin, end;
  Share(int64_t count, int threads, int index)
      : begin(count * index / threads), end(count * (index + 1) / threads) {}
  int64_t size() const { return end - begin; }
};

/// Calls body(begin, end) on every thread with its run of [0, count).
template <class Body>
void parallel_ranges(int64_t count, Body body) {
#pragma omp parallel
  {
    const Share share(count, omp_get_num_threads(), omp_get_thread_num());
    if (share.size() > 0) body(share.begin, share.end);
  }
}

/// Makes Operation<float> or Operation<Bf16>, as the precision wants.
template <template <class> class Operation, class... Arguments>
std::unique_ptr<backends::Operation> make_for(Precision precision, const Arguments&... arguments) {
  if (precision == Precision::Bf16) return std::make_unique<Operation<Bf16>>(arguments...);
  return std::make_unique<Operation<float>>(arguments...);
}

}  // namespace googlenet::backends::cpu
