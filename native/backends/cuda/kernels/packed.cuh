// Elements as the kernels move them: 16 bytes at a time where the addresses allow it, one by one where not.
// Arithmetic is in fp32.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace googlenet::backends::cuda {

__device__ inline float to_float(float value) {
  return value;
}
__device__ inline float to_float(__half value) {
  return __half2float(value);
}
__device__ inline float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <class T>
__device__ T from_float(float value);
template <>
__device__ inline float from_float<float>(float value) {
  return value;
}
template <>
__device__ inline __half from_float<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

/// Elements of T in 16 bytes: what rows of activations are padded to.
template <class T>
constexpr int kPack = 16 / sizeof(T);

/// Neighbours in memory that are loaded and stored by one instruction.
template <class T, int kLanes>
struct alignas(sizeof(T) * kLanes) Packed {
  T values[kLanes];

  __device__ static Packed load(const T* from) { return *reinterpret_cast<const Packed*>(from); }
  __device__ void store(T* to) const { *reinterpret_cast<Packed*>(to) = *this; }
};

}  // namespace googlenet::backends::cuda
