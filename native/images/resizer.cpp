#include "images/resizer.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace googlenet::images {
namespace {

constexpr int kHalf = 1 << (Filter::kBits - 1);

__m128i load(const void* bytes) {
  return _mm_loadu_si128(static_cast<const __m128i*>(bytes));
}

__m256i join(__m128i low, __m128i high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}

__m256i widen(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi16(load(bytes));
}

/// The weighted sums of two outputs, one in each half: R, G, B and the unused byte as 32-bit integers.
__m256i weigh_pixels(const uint8_t* a, const int16_t* weights_a, const uint8_t* b, const int16_t* weights_b,
                     int taps) {
  // Channel by channel the pixels 0 and 1 (then 2 and 3) of a load, widened to 16 bits, for pmaddwd.
  const __m256i pair01 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
  const __m256i pair23 = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1));
  __m256i sum = _mm256_set1_epi32(kHalf);
  for (int t = 0; t < taps; t += 4) {
    const __m256i pixels = join(load(a + 4 * t), load(b + 4 * t));
    const __m256i weights = join(_mm_loadu_si64(weights_a + t), _mm_loadu_si64(weights_b + t));
    const __m256i weights01 = _mm256_shuffle_epi32(weights, 0x00);
    const __m256i weights23 = _mm256_shuffle_epi32(weights, 0x55);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair01), weights01));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair23), weights23));
  }
  return _mm256_srai_epi32(sum, Filter::kBits);
}

/// Four output pixels at a time; up to 16 bytes past the end of `out` are overwritten.
void resize_row_rgb(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  const __m128i drop_unused = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const int taps = filter.taps;
  const Span* spans = filter.spans.data();
  const int16_t* weights = filter.weights.data();
  const int origin = filter.reach.first;
  for (int x = 0; x < size; x += 4, spans += 4, weights += 4 * static_cast<ptrdiff_t>(taps)) {
    const auto weigh = [&](int i, int j) {
      return weigh_pixels(row + 4 * static_cast<ptrdiff_t>(spans[i].first - origin), weights + i * taps,
                          row + 4 * static_cast<ptrdiff_t>(spans[j].first - origin), weights + j * taps,
                          taps);
    };
    const __m256i words = _mm256_packs_epi32(weigh(0, 2), weigh(1, 3));
    const __m128i pixels =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + 3 * x), _mm_shuffle_epi8(pixels, drop_unused));
  }
}

void resize_row_grey(const uint8_t* row, const Filter& filter, int size, uint8_t* out) {
  for (int x = 0; x < size; x++) {
    const auto [first, count] = filter.spans[x];
    const uint8_t* pixels = row + (first - filter.reach.first);
    const int16_t* weights = filter.weights_of(x);
    int sum = kHalf;
    for (int t = 0; t < count; t++) sum += pixels[t] * weights[t];
    out[x] = static_cast<uint8_t>(sum >> Filter::kBits);
  }
}

}  // namespace

void Filter::build(int in, double low, double high, int out, bool mirror) {
  // Pillow's precompute_coeffs (src/libImaging/Resample.c) with its triangle filter of support 1.
  const double scale = (high - low) / out;
  const double support = std::max(scale, 1.0);
  const double slope = 1.0 / support;
  const auto centre = [&](int i) { return low + (i + 0.5) * scale; };
  const auto begin = [&](int i) { return std::max(static_cast<int>(centre(i) - support + 0.5), 0); };
  const auto end = [&](int i) { return std::min(static_cast<int>(centre(i) + support + 0.5), in); };
  reach = {begin(0), end(out - 1) - begin(0)};
  int longest = 0;
  for (int i = 0; i < out; i++) longest = std::max(longest, end(i) - begin(i));
  taps = (longest + 3) / 4 * 4;
  const int padded = (out + 3) / 4 * 4;
  spans.assign(padded, {reach.first, 0});
  weights.assign(static_cast<size_t>(padded) * taps, 0);
  for (int i = 0; i < out; i++) {
    const auto weight = [&](int source) {
      return std::max(0.0, 1.0 - std::abs((source + 0.5 - centre(i)) * slope));
    };
    double total = 0;
    for (int source = begin(i); source < end(i); source++) total += weight(source);
    const double unit = (1 << kBits) / total;
    // Near the far end a span begins earlier, with weights of 0, so that all `taps` pixels exist.
    const int first = std::min(begin(i), std::max(reach.end() - taps, reach.first));
    const int place = mirror ? out - 1 - i : i;
    spans[place] = {first, end(i) - first};
    int16_t* row = weights.data() + static_cast<size_t>(place) * taps + (begin(i) - first);
    // Differences of the rounded running sum: the weights add up exactly, so flat areas stay as they are.
    double sum = 0;
    int before = 0;
    for (int source = begin(i); source < end(i); source++) {
      sum += weight(source);
      const int now = static_cast<int>(sum * unit + 0.5);
      *row++ = static_cast<int16_t>(now - before);
      before = now;
    }
  }
}

void Resizer::begin(Extent picture, const Target& target) {
  target_ = target;
  horizontal_.build(picture.width, target.box.left, target.box.right, target.width, target.flip);
  vertical_.build(picture.height, target.box.top, target.box.bottom, target.height, false);
  pushed_ = vertical_.reach.first;
  written_ = 0;
  held_stride_ = static_cast<size_t>(target.width) * target.channels + kRowPadding;
  held_.resize(held_stride_ * vertical_.taps);
}

void Resizer::push(const uint8_t* row) {
  const auto resize_row = target_.channels == 1 ? resize_row_grey : resize_row_rgb;
  resize_row(row, horizontal_, target_.width, held_row(pushed_));
  ++pushed_;
  while (written_ < target_.height && vertical_.spans[written_].end() <= pushed_) write_row(written_++);
}

uint8_t* Resizer::held_row(int row) {
  return held_.data() + static_cast<size_t>(row % vertical_.taps) * held_stride_;
}

void Resizer::write_row(int y) {
  const int bytes = target_.width * target_.channels;
  uint8_t* out = target_.out + static_cast<size_t>(y) * bytes;
  const auto [first, count] = vertical_.spans[y];
  const int16_t* weights = vertical_.weights_of(y);
  // An odd last row is paired with itself: the weight past the span is 0.
  sources_.resize(count + 1);
  for (int t = 0; t <= count; t++) sources_[t] = held_row(first + std::min(t, count - 1));
  for (int i = 0; i < bytes; i += 16) {
    __m256i low = _mm256_set1_epi32(kHalf);
    __m256i high = low;
    for (int t = 0; t < count; t += 2) {
      const __m256i wide_a = widen(sources_[t] + i);
      const __m256i wide_b = widen(sources_[t + 1] + i);
      int32_t pair;
      std::memcpy(&pair, weights + t, sizeof pair);
      const __m256i weight = _mm256_set1_epi32(pair);
      low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(wide_a, wide_b), weight));
      high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(wide_a, wide_b), weight));
    }
    const __m256i words =
        _mm256_packs_epi32(_mm256_srai_epi32(low, Filter::kBits), _mm256_srai_epi32(high, Filter::kBits));
    const __m128i pixels =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    if (i + 16 <= bytes) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out + i), pixels);
    } else {
      std::memcpy(out + i, &pixels, bytes - i);
    }
  }
}

}  // namespace googlenet::images
