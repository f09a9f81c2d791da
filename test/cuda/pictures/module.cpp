// The rest of a CUDA module whose device is the host: pictures are decoded and resized by the real code,
// whose kernels the emulator runs; there are no networks. $STUB_CARDS is how many cards there are, 1 unless
// it says otherwise, $STUB_DRIVER as in stubs/driver.cpp.
#include "backends/cuda/module.h"

#include <cuda_runtime_api.h>

#include <cstdio>
#include <cstdlib>

#include "backends/cuda/cards.h"
#include "backends/cuda/pictures/nvjpeg.h"
#include "error.h"

namespace cuda = googlenet::backends::cuda;

namespace {

int number(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

cudaError_t cudaDriverGetVersion(int* version) {
  *version = number("STUB_DRIVER", 13000);
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = number("STUB_CARDS", 1);
  return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "Emulated %d", device);
  properties->major = 9;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  return device < number("STUB_CARDS", 1) ? cudaSuccess : cudaErrorInvalidDevice;
}
}
#pragma GCC visibility pop

const char* googlenet_cuda_version() {
  return GOOGLENET_VERSION;
}
googlenet::backends::Backend* googlenet_cuda_backend(const cuda::Options&) {
  throw googlenet::Error("ERR_GOOGLENET_DEVICE", "there are no networks here");
}
void googlenet_cuda_report(cuda::Report& report) {
  report.driver = cuda::driver_version();
  report.libraries = {cuda::nvjpeg::library()};
}
