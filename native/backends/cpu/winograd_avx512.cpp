// The kernels of winograd.h for AVX-512.
#include <immintrin.h>

#include <algorithm>

#include "backends/cpu/winograd.h"

#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma")

namespace googlenet::backends::cpu {
namespace {

#define INLINE inline __attribute__((always_inline))

using Register = __m512;
constexpr int64_t kLanes = 16;

INLINE Register load(const float* from) {
  return _mm512_loadu_ps(from);
}
INLINE void store(float* to, Register value) {
  _mm512_storeu_ps(to, value);
}
INLINE __mmask16 lanes(int64_t count) {
  return static_cast<__mmask16>(count <= 0 ? 0 : count >= kLanes ? 0xffff : (1 << count) - 1);
}
INLINE Register load_some(const float* from, int64_t count) {
  return _mm512_maskz_loadu_ps(lanes(count), from);
}
INLINE void store_some(float* to, Register value, int64_t count) {
  _mm512_mask_storeu_ps(to, lanes(count), value);
}
INLINE Register broadcast(float value) {
  return _mm512_set1_ps(value);
}
INLINE Register multiply_add(Register a, Register b, Register c) {
  return _mm512_fmadd_ps(a, b, c);
}

#include "backends/cpu/winograd_kernel.h"

// 32 registers: the sums, a row of the filter, and a value.
template <int kOutputs>
void product_stage(const WinogradWork& work, int64_t first, int64_t count, const Panel& panel, const float* v,
                   float* m) {
  switch (panel.registers) {
    case 4:
      return panel_stage<kOutputs, 6, 4>(work, first, count, panel, v, m);
    case 3:
      return panel_stage<kOutputs, 8, 3>(work, first, count, panel, v, m);
    case 2:
      return panel_stage<kOutputs, 12, 2>(work, first, count, panel, v, m);
    default:
      return panel_stage<kOutputs, 12, 1>(work, first, count, panel, v, m);
  }
}

}  // namespace

WinogradKernels winograd_avx512(int64_t window) {
  if (window == 3) return {kLanes, 4, input_stage<4>, product_stage<4>};
  return {kLanes, 4, input_stage<2>, product_stage<2>};
}

}  // namespace googlenet::backends::cpu
