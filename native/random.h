// Counter-based random numbers: a value is a pure function of its key, so threads and restarts change
// nothing. `constexpr`, so that the kernels of a GPU draw the very same (nvcc's --expt-relaxed-constexpr).
#pragma once
#include <cstdint>

namespace googlenet {

/// The finaliser of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
constexpr uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

constexpr uint64_t mix(uint64_t a, uint64_t b) {
  return mix(mix(a) ^ b);
}

/// Uniform in [0, 1) with 24 bits, exact in fp32.
constexpr float uniform(uint64_t bits) {
  return static_cast<float>(bits >> 40) * 0x1p-24f;
}

}  // namespace googlenet
