#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "images/kernels.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl")))

namespace googlenet::images {
namespace {

constexpr int kHalf = 1 << (Filter::kBits - 1);

AVX512 inline __m128i load(const void* bytes) {
  return _mm_loadu_si128(static_cast<const __m128i*>(bytes));
}

AVX512 inline __m512i join(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(c), d, 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

/// To bytes, those past 0 and 255 being 0 and 255.
AVX512 inline __m128i to_bytes(__m512i sums) {
  const __m512i values = _mm512_srai_epi32(sums, Filter::kBits);
  return _mm512_cvtusepi32_epi8(_mm512_max_epi32(values, _mm512_setzero_si512()));
}

/// Four output pixels at a time, one in each quarter of a register.
AVX512 void resize_rgb(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  // Channel by channel the pixels 0 and 1 (then 2 and 3) of a load, widened to 16 bits, for pmaddwd.
  const __m512i pair01 =
      _mm512_broadcast_i32x4(_mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
  const __m512i pair23 =
      _mm512_broadcast_i32x4(_mm_setr_epi8(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1));
  const __m128i drop_unused = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const Span* spans = filter.spans.data();
  const int16_t* weights = filter.weights.data();
  const ptrdiff_t taps = filter.taps;
  for (int x = 0; x < size; x += 4, spans += 4, weights += 4 * taps) {
    const uint8_t* pixels[4];
    for (int i = 0; i < 4; i++) {
      pixels[i] = row + 4 * static_cast<ptrdiff_t>(spans[i].first - filter.reach.first);
    }
    __m512i sum = _mm512_set1_epi32(kHalf);
    for (ptrdiff_t t = 0; t < taps; t += 4) {
      const __m512i four = join(load(pixels[0] + 4 * t), load(pixels[1] + 4 * t), load(pixels[2] + 4 * t),
                                load(pixels[3] + 4 * t));
      const __m512i weight =
          join(_mm_loadu_si64(weights + t), _mm_loadu_si64(weights + taps + t),
               _mm_loadu_si64(weights + 2 * taps + t), _mm_loadu_si64(weights + 3 * taps + t));
      const __m512i weight01 = _mm512_shuffle_epi32(weight, static_cast<_MM_PERM_ENUM>(0x00));
      const __m512i weight23 = _mm512_shuffle_epi32(weight, static_cast<_MM_PERM_ENUM>(0x55));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_shuffle_epi8(four, pair01), weight01));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_shuffle_epi8(four, pair23), weight23));
    }
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * static_cast<ptrdiff_t>(x)),
                     _mm_shuffle_epi8(to_bytes(sum), drop_unused));
  }
}

/// 16 bytes of two rows at a time as pairs of 16-bit numbers.
AVX512 void blend(const uint8_t* const* rows, const int16_t* weights, int count, int bytes, uint8_t* out) {
  for (int i = 0; i < bytes; i += 16) {
    __m512i sum = _mm512_set1_epi32(kHalf);
    for (int t = 0; t < count; t += 2) {
      const __m512i a = _mm512_cvtepu8_epi32(load(rows[t] + i));
      const __m512i b = _mm512_cvtepu8_epi32(load(rows[t + 1] + i));
      int32_t pair;
      std::memcpy(&pair, weights + t, sizeof pair);
      const __m512i pixels = _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(pixels, _mm512_set1_epi32(pair)));
    }
    const __mmask16 inside = i + 16 <= bytes ? 0xFFFF : static_cast<__mmask16>((1 << (bytes - i)) - 1);
    _mm_mask_storeu_epi8(out + i, inside, to_bytes(sum));
  }
}

}  // namespace

const Kernels kAvx512Kernels{.resize_rgb = resize_rgb, .blend = blend};

}  // namespace googlenet::images
#endif
