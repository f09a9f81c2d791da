#include "backends/cuda/runtime.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace googlenet::backends::cuda {
namespace {

std::string mebibytes(size_t bytes) {
  return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
}

std::string hint(cudaError_t status) {
  switch (status) {
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorInvalidDeviceFunction:
      return "; this build of the module has no code for this card: build it with the card's compute "
             "capability in GOOGLENET_CUDA_ARCHITECTURES";
    case cudaErrorInsufficientDriver:
      return "; install a newer NVIDIA driver";
    case cudaErrorDevicesUnavailable:
      return "; another process has the card for itself";
    default:
      return "";
  }
}

}  // namespace

void check(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next check finds it again
  const std::string what = std::string(cudaGetErrorString(status)) + " (" + cudaGetErrorName(status) +
                           ") from " + call + hint(status);
  throw Error(status == cudaErrorMemoryAllocation ? "ERR_GOOGLENET_MEMORY" : "ERR_GOOGLENET_DEVICE",
              "CUDA: " + what);
}

Stream make_stream() {
  cudaStream_t stream = nullptr;
  GOOGLENET_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}

Event make_event() {
  cudaEvent_t event = nullptr;
  GOOGLENET_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  return Event(event);
}

Event make_patient_event() {
  cudaEvent_t event = nullptr;
  GOOGLENET_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming | cudaEventBlockingSync));
  return Event(event);
}

Event make_timing_event() {
  cudaEvent_t event = nullptr;
  GOOGLENET_CUDA(cudaEventCreate(&event));
  return Event(event);
}

void* allocate_device(size_t bytes, const std::string& purpose) {
  bytes = std::max<size_t>(bytes, 1);
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    cudaMemGetInfo(&free, &total);
    throw Error("ERR_GOOGLENET_MEMORY", "out of GPU memory: " + mebibytes(bytes) + " were wanted for " +
                                            purpose + ", " + mebibytes(free) + " of " + mebibytes(total) +
                                            " are free; use a smaller batch or image size, or free the "
                                            "card of other processes (nvidia-smi lists them)");
  }
  GOOGLENET_CUDA(status);
  DevicePointer<std::byte> owner(static_cast<std::byte*>(memory));
  GOOGLENET_CUDA(cudaMemset(memory, 0, bytes));
  // Our streams do not wait for the one of cudaMemset.
  GOOGLENET_CUDA(cudaStreamSynchronize(cudaStreamLegacy));
  return owner.release();
}

void* allocate_pinned(size_t bytes, const std::string& purpose) {
  bytes = std::max<size_t>(bytes, 1);
  void* memory = nullptr;
  const cudaError_t status = cudaHostAlloc(&memory, bytes, cudaHostAllocDefault);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    throw Error("ERR_GOOGLENET_MEMORY", "out of page-locked memory: " + mebibytes(bytes) +
                                            " were wanted for " + purpose +
                                            "; use a smaller batch or image size, or free some of the "
                                            "machine's memory");
  }
  GOOGLENET_CUDA(status);
  std::memset(memory, 0, bytes);
  return memory;
}

}  // namespace googlenet::backends::cuda
