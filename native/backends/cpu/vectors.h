// Elements by the register, for the loops that the compiler does not vectorise by itself: 8 of fp32, 16 of
// bf16. GCC lowers vector types before it makes the clones of simd.h, so these are as wide as the floor of
// the build, AVX2.
#pragma once
#include <cstring>
#include <type_traits>

#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {

#define GOOGLENET_INLINE inline __attribute__((always_inline))

using Floats [[gnu::vector_size(32)]] = float;
using Int32s [[gnu::vector_size(32)]] = int32_t;
using Int16s [[gnu::vector_size(32)]] = int16_t;

/// A register of elements as their bits, in what form they are compared, and sums of such registers in fp32.
template <class T>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr int64_t kCount = 8;
  using Bits = Int32s;
  using Bytes [[gnu::vector_size(8)]] = uint8_t;

  using Key = Floats;
  GOOGLENET_INLINE static Key key(const Bits& bits) { return std::bit_cast<Key>(bits); }
  GOOGLENET_INLINE static Bits bits(const Key& key) { return std::bit_cast<Bits>(key); }
  /// NaN is above all, and above itself.
  GOOGLENET_INLINE static Bits above(const Key& a, const Key& b) { return (a > b) | (a != a); }

  struct Sum {
    Floats values{};
    GOOGLENET_INLINE void add(const Bits& bits) { values += std::bit_cast<Floats>(bits); }
    GOOGLENET_INLINE Bits rounded() const { return std::bit_cast<Bits>(values); }
  };
};

template <>
struct Lanes<Bf16> {
  static constexpr int64_t kCount = 16;
  using Bits = Int16s;
  using Bytes [[gnu::vector_size(16)]] = uint8_t;

  /// Integers in the order of the numbers that they are the bits of, NaN above all: a compare of 16 lanes at
  /// once.
  using Key = Int16s;
  GOOGLENET_INLINE static Key key(const Bits& bits) {
    const Key flipped = bits ^ ((bits >> 15) & int16_t{0x7fff});
    return (bits & int16_t{0x7fff}) > int16_t{0x7f80} ? Key{} + int16_t{0x7fff} : flipped;
  }
  GOOGLENET_INLINE static Bits bits(const Key& key) { return key ^ ((key >> 15) & int16_t{0x7fff}); }
  GOOGLENET_INLINE static Bits above(const Key& a, const Key& b) { return a > b; }

  /// Even and odd lanes apart: both widen by one instruction, without a shuffle.
  struct Sum {
    Floats even{}, odd{};
    GOOGLENET_INLINE void add(const Bits& bits) {
      const Int32s pairs = std::bit_cast<Int32s>(bits);
      const Int32s low = pairs << 16, high = pairs & ~0xffff;
      even += std::bit_cast<Floats>(low);
      odd += std::bit_cast<Floats>(high);
    }
    GOOGLENET_INLINE Bits rounded() const {
      const Unsigned pairs = (upper(even) >> 16) | (upper(odd) & 0xffff0000u);
      return std::bit_cast<Bits>(pairs);
    }

   private:
    using Unsigned [[gnu::vector_size(32)]] = uint32_t;
    /// As store() of elements.h, left in the upper half.
    GOOGLENET_INLINE static Unsigned upper(const Floats& values) {
      const Unsigned bits = std::bit_cast<Unsigned>(values);
      return values != values ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u);
    }
  };
};

/// The first `count` (at most Lanes<T>::kCount) elements at `from`; the other lanes are zero.
template <class T>
GOOGLENET_INLINE typename Lanes<T>::Bits load_bits(const T* from, int64_t count) {
  typename Lanes<T>::Bits bits{};
  std::memcpy(&bits, from, count * sizeof(T));
  return bits;
}

template <class T>
GOOGLENET_INLINE void store_bits(T* to, const typename Lanes<T>::Bits& bits, int64_t count) {
  std::memcpy(to, &bits, count * sizeof(T));
}

/// Bytes, widened to lanes of T's size, and back.
template <class T>
GOOGLENET_INLINE typename Lanes<T>::Bits load_bytes(const uint8_t* from, int64_t count) {
  typename Lanes<T>::Bytes bytes{};
  std::memcpy(&bytes, from, count);
  return __builtin_convertvector(bytes, typename Lanes<T>::Bits);
}

template <class T>
GOOGLENET_INLINE void store_bytes(uint8_t* to, const typename Lanes<T>::Bits& bits, int64_t count) {
  const auto bytes = __builtin_convertvector(bits, typename Lanes<T>::Bytes);
  std::memcpy(to, &bytes, count);
}

/// Calls body(first channel, how many): whole registers, whose size the compiler knows, then what is left.
template <class T, class Body>
GOOGLENET_INLINE void by_registers(int64_t channels, Body body) {
  constexpr int64_t kCount = Lanes<T>::kCount;
  int64_t c = 0;
  for (; c + kCount <= channels; c += kCount) body(c, std::integral_constant<int64_t, kCount>());
  if (c < channels) body(c, channels - c);
}

}  // namespace googlenet::backends::cpu
