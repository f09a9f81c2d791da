#if defined(__x86_64__)
#include <immintrin.h>

#include <cstring>

#include "images/kernels.h"

#define AVX2 __attribute__((target("avx2")))

namespace googlenet::images {
namespace {

constexpr int kHalf = 1 << (Filter::kBits - 1);

AVX2 inline __m128i load(const void* bytes) {
  return _mm_loadu_si128(static_cast<const __m128i*>(bytes));
}

AVX2 inline __m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

/// Outputs i and j of a row, one in each half: R, G, B and the unused byte as 32-bit integers.
AVX2 inline __m256i weigh_pixels(const uint8_t* row, const Filter& filter, int i, int j) {
  // Channel by channel the pixels 0 and 1 (then 2 and 3) of a load, widened to 16 bits, for pmaddwd.
  const __m256i pair01 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
  const __m256i pair23 = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1));
  const uint8_t* const a = row + 4 * static_cast<ptrdiff_t>(filter.spans[i].first - filter.reach.first);
  const uint8_t* const b = row + 4 * static_cast<ptrdiff_t>(filter.spans[j].first - filter.reach.first);
  const int16_t* const weights_a = filter.weights_of(i);
  const int16_t* const weights_b = filter.weights_of(j);
  __m256i sum = _mm256_set1_epi32(kHalf);
  for (int t = 0; t < filter.taps; t += 4) {
    const __m256i pixels = join(load(a + 4 * t), load(b + 4 * t));
    const __m256i weights = join(_mm_loadu_si64(weights_a + t), _mm_loadu_si64(weights_b + t));
    const __m256i weights01 = _mm256_shuffle_epi32(weights, 0x00);
    const __m256i weights23 = _mm256_shuffle_epi32(weights, 0x55);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair01), weights01));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair23), weights23));
  }
  return _mm256_srai_epi32(sum, Filter::kBits);
}

AVX2 inline __m128i to_bytes(__m256i low, __m256i high) {
  const __m256i words = _mm256_packs_epi32(low, high);
  return _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

/// Four output pixels at a time.
AVX2 void resize_rgb(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  const __m128i drop_unused = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  for (int x = 0; x < size; x += 4) {
    const __m256i low = weigh_pixels(row, filter, x, x + 2);
    const __m256i high = weigh_pixels(row, filter, x + 1, x + 3);
    const __m128i pixels = _mm_shuffle_epi8(to_bytes(low, high), drop_unused);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * static_cast<ptrdiff_t>(x)), pixels);
  }
}

AVX2 void blend(const uint8_t* const* rows, const int16_t* weights, int count, int bytes, uint8_t* out) {
  for (int i = 0; i < bytes; i += 16) {
    __m256i low = _mm256_set1_epi32(kHalf);
    __m256i high = low;
    for (int t = 0; t < count; t += 2) {
      const __m256i a = _mm256_cvtepu8_epi16(load(rows[t] + i));
      const __m256i b = _mm256_cvtepu8_epi16(load(rows[t + 1] + i));
      int32_t pair;
      std::memcpy(&pair, weights + t, sizeof pair);
      const __m256i weight = _mm256_set1_epi32(pair);
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), weight));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), weight));
    }
    const __m128i pixels =
        to_bytes(_mm256_srai_epi32(low, Filter::kBits), _mm256_srai_epi32(high, Filter::kBits));
    if (i + 16 <= bytes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), pixels);
    } else {
      std::memcpy(out + i, &pixels, bytes - i);
    }
  }
}

}  // namespace

const Kernels kAvx2Kernels{.resize_rgb = resize_rgb, .blend = blend};

}  // namespace googlenet::images
#endif
