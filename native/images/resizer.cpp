#include "images/resizer.h"

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace googlenet::images {
namespace {

constexpr int kHalf = 1 << (Filter::kBits - 1);

/// Two output pixels at a time, one in each half of a vector; four source pixels of each in one load.
void resize_row_rgb(const uint8_t* row, int origin, const Filter& filter, int size, uint8_t* out) {
  // Channel by channel the pixels 0 and 1 (then 2 and 3) of a load, widened to 16 bits, for pmaddwd.
  const __m256i pair01 =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1));
  const __m256i pair23 = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1));
  for (int x = 0; x < size; x += 2) {
    const int next = std::min(x + 1, size - 1);
    const Span span_a = filter.spans[x];
    const Span span_b = filter.spans[next];
    const uint8_t* a = row + 4 * static_cast<ptrdiff_t>(span_a.first - origin);
    const uint8_t* b = row + 4 * static_cast<ptrdiff_t>(span_b.first - origin);
    const int count = std::max(span_a.count, span_b.count);
    const int16_t* wa = filter.weights_of(x);
    const int16_t* wb = filter.weights_of(next);
    __m256i sum = _mm256_set1_epi32(kHalf);
    for (int t = 0; t < count; t += 4) {
      const __m256i pixels =
          _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i*)(a + 4 * t))),
                                  _mm_loadu_si128((const __m128i*)(b + 4 * t)), 1);
      const __m256i weights =
          _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadl_epi64((const __m128i*)(wa + t))),
                                  _mm_loadl_epi64((const __m128i*)(wb + t)), 1);
      const __m256i weights01 = _mm256_shuffle_epi32(weights, 0x00);
      const __m256i weights23 = _mm256_shuffle_epi32(weights, 0x55);
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair01), weights01));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(pixels, pair23), weights23));
    }
    sum = _mm256_srai_epi32(sum, Filter::kBits);
    sum = _mm256_packus_epi16(_mm256_packs_epi32(sum, sum), sum);
    // Four bytes each, of which the fourth is overwritten by the next pixel.
    const int first = _mm_cvtsi128_si32(_mm256_castsi256_si128(sum));
    const int second = _mm_cvtsi128_si32(_mm256_extracti128_si256(sum, 1));
    std::memcpy(out + 3 * x, &first, 4);
    std::memcpy(out + 3 * next, &second, 4);
  }
}

void resize_row_grey(const uint8_t* row, int origin, const Filter& filter, int size, uint8_t* out) {
  for (int x = 0; x < size; ++x) {
    const auto [first, count] = filter.spans[x];
    const uint8_t* pixels = row + (first - origin);
    const int16_t* weights = filter.weights_of(x);
    int sum = kHalf;
    for (int t = 0; t < count; ++t) sum += pixels[t] * weights[t];
    out[x] = static_cast<uint8_t>(sum >> Filter::kBits);
  }
}

__m256i widen(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}

}  // namespace

void Filter::build(int in, double low, double high, int out, bool mirror) {
  // Pillow's precompute_coeffs (src/libImaging/Resample.c) with its triangle filter of support 1.
  const double scale = (high - low) / out;
  const double support = std::max(scale, 1.0);
  const double slope = 1.0 / support;
  taps = (static_cast<int>(std::ceil(support)) * 2 + 1 + 3) / 4 * 4;
  spans.resize(out);
  weights.assign(static_cast<size_t>(out) * taps, 0);
  for (int i = 0; i < out; ++i) {
    const double centre = low + (i + 0.5) * scale;
    const int begin = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int end = std::min(static_cast<int>(centre + support + 0.5), in);
    const auto weight = [&](int source) {
      return std::max(0.0, 1.0 - std::abs((source + 0.5 - centre) * slope));
    };
    double total = 0;
    for (int source = begin; source < end; ++source) total += weight(source);
    const double unit = (1 << kBits) / total;
    const int place = mirror ? out - 1 - i : i;
    spans[place] = {begin, end - begin};
    int16_t* row = weights.data() + static_cast<size_t>(place) * taps;
    // Differences of the rounded running sum: the weights add up exactly, so flat areas stay as they are.
    double sum = 0;
    int before = 0;
    for (int source = begin; source < end; ++source) {
      sum += weight(source);
      const int now = static_cast<int>(sum * unit + 0.5);
      *row++ = static_cast<int16_t>(now - before);
      before = now;
    }
  }
}

Span Filter::reach() const {
  // The spans move in one direction, forwards or (mirrored) backwards.
  const auto [low, high] =
      std::minmax(spans.front(), spans.back(), [](Span a, Span b) { return a.first < b.first; });
  return {low.first, high.end() - low.first};
}

void Resizer::begin(Extent picture, const Target& target) {
  target_ = target;
  horizontal_.build(picture.width, target.box.left, target.box.right, target.size, target.flip);
  vertical_.build(picture.height, target.box.top, target.box.bottom, target.size, false);
  pushed_ = rows().first;
  written_ = 0;
  held_stride_ = static_cast<size_t>(target.size) * target.channels + kRowPadding;
  held_.resize(held_stride_ * vertical_.taps);
}

void Resizer::push(const uint8_t* row) {
  const auto resize_row = target_.channels == 1 ? resize_row_grey : resize_row_rgb;
  resize_row(row, columns().first, horizontal_, target_.size, held_row(pushed_));
  ++pushed_;
  while (written_ < target_.size && vertical_.spans[written_].end() <= pushed_) write_row(written_++);
}

uint8_t* Resizer::held_row(int row) {
  return held_.data() + static_cast<size_t>(row % vertical_.taps) * held_stride_;
}

void Resizer::write_row(int y) {
  const int bytes = target_.size * target_.channels;
  uint8_t* out = target_.out + static_cast<size_t>(y) * bytes;
  const auto [first, count] = vertical_.spans[y];
  const int16_t* weights = vertical_.weights_of(y);
  // An odd last row is paired with itself: the weight past the span is 0.
  sources_.resize(count + 1);
  for (int t = 0; t <= count; ++t) sources_[t] = held_row(first + std::min(t, count - 1));
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
      _mm_storeu_si128((__m128i*)(out + i), pixels);
    } else {
      alignas(16) uint8_t rest[16];
      _mm_store_si128((__m128i*)rest, pixels);
      std::memcpy(out + i, rest, bytes - i);
    }
  }
}

}  // namespace googlenet::images
