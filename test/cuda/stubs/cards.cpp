// A libcuda.so.1 of an NVIDIA driver, as far as the memory of cards is asked for: three cards, the last of
// which another process has for itself.
#include <cuda.h>

namespace {

constexpr int kCards = 3;
int retained = 0;
CUcontext current = nullptr;

// A card's context is its number, and one.
CUcontext context_of(CUdevice card) {
  return reinterpret_cast<CUcontext>(static_cast<size_t>(card) + 1);
}

}  // namespace

extern "C" {

/// How many a process has, or has made current and not put back.
int contexts() {
  return retained + (current != nullptr);
}

CUresult cuDeviceGet(CUdevice* card, int number) {
  *card = number;
  return number < kCards ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice card) {
  if (card == kCards - 1) return CUDA_ERROR_DEVICE_UNAVAILABLE;
  *context = context_of(card);
  retained++;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
  retained--;
  return CUDA_SUCCESS;
}
CUresult cuCtxPushCurrent(CUcontext context) {
  current = context;
  return CUDA_SUCCESS;
}
CUresult cuCtxPopCurrent(CUcontext* context) {
  *context = current;
  current = nullptr;
  return CUDA_SUCCESS;
}
CUresult cuMemGetInfo(size_t* free, size_t* total) {
  *free = reinterpret_cast<size_t>(current) * 1000;
  *total = 4000;
  return CUDA_SUCCESS;
}
}
