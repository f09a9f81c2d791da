// The kernels of winograd.h for AVX2.
#include <immintrin.h>

#include <algorithm>

#include "backends/cpu/winograd.h"

namespace googlenet::backends::cpu {
namespace {

#define INLINE inline __attribute__((always_inline))

using Register = __m256;
constexpr int64_t kLanes = 8;

INLINE Register load(const float* from) {
  return _mm256_loadu_ps(from);
}
INLINE void store(float* to, Register value) {
  _mm256_storeu_ps(to, value);
}
INLINE __m256i lanes(int64_t count) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), index);
}
INLINE Register load_some(const float* from, int64_t count) {
  return _mm256_maskload_ps(from, lanes(count));
}
INLINE void store_some(float* to, Register value, int64_t count) {
  _mm256_maskstore_ps(to, lanes(count), value);
}
INLINE Register broadcast(float value) {
  return _mm256_set1_ps(value);
}
INLINE Register multiply_add(Register a, Register b, Register c) {
  return _mm256_fmadd_ps(a, b, c);
}

#include "backends/cpu/winograd_kernel.h"

// 16 registers: the sums, a row of the filter, and a value.
template <int kOutputs>
void product_stage(const WinogradWork& work, int64_t first, int64_t count, const Panel& panel, const float* v,
                   float* m) {
  if (panel.registers == 2) return panel_stage<kOutputs, 6, 2>(work, first, count, panel, v, m);
  panel_stage<kOutputs, 8, 1>(work, first, count, panel, v, m);
}

}  // namespace

WinogradKernels winograd_avx2(int64_t window) {
  if (window == 3) return {kLanes, 2, input_stage<4>, product_stage<4>};
  return {kLanes, 2, input_stage<2>, product_stage<2>};
}

}  // namespace googlenet::backends::cpu
