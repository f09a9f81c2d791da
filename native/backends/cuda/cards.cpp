#include "backends/cuda/cards.h"

#include <cuda.h>
#include <dlfcn.h>

#include <cstdlib>

#include "backends/cuda/runtime.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

// What the kernels and cuDNN 9 are built for: Turing, and Ampere where bf16 begins.
constexpr int kLeastCapability = 75, kBf16Capability = 80;

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

int driver() {
  int version = 0;
  return cudaDriverGetVersion(&version) == cudaSuccess ? version : 0;
}

int count_cards() {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  if (driver() == 0) {
    throw Error("ERR_GOOGLENET_DEVICE",
                "no NVIDIA driver was found (libcuda.so.1 is not among the system's libraries): install "
                "one (apt-get install -y nvidia-driver), or start the container with --gpus all");
  }
  if (status == cudaErrorInsufficientDriver) {
    throw Error("ERR_GOOGLENET_DEVICE", "the NVIDIA driver supports CUDA " + version_text(driver()) +
                                            ", which is older than the CUDA " + version_text(CUDART_VERSION) +
                                            " that this module was built with: install a newer driver");
  }
  const char* visible = std::getenv("CUDA_VISIBLE_DEVICES");
  throw Error("ERR_GOOGLENET_DEVICE",
              "the NVIDIA driver is there, but gives no GPU: " + std::string(cudaGetErrorString(status)) +
                  (visible ? "; CUDA_VISIBLE_DEVICES is \"" + std::string(visible) + "\"" : ""));
}

// A function of the driver, to which the module is not linked, under the name that <cuda.h> makes of it.
#define GOOGLENET_TEXT(name) #name
#define GOOGLENET_DRIVER(name) reinterpret_cast<decltype(&(name))>(dlsym(driver, GOOGLENET_TEXT(name)))

/// Bytes; 0 for a card that another process has for itself. Only a card with a context can tell, and the
/// runtime's takes hundreds of megabytes until the process ends: this one goes again where none was.
int64_t free_memory(int device) {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);  // the runtime has opened it
  if (driver == nullptr) return 0;
  const auto get = GOOGLENET_DRIVER(cuDeviceGet);
  const auto retain = GOOGLENET_DRIVER(cuDevicePrimaryCtxRetain);
  const auto release = GOOGLENET_DRIVER(cuDevicePrimaryCtxRelease);
  const auto push = GOOGLENET_DRIVER(cuCtxPushCurrent);
  const auto pop = GOOGLENET_DRIVER(cuCtxPopCurrent);
  const auto ask = GOOGLENET_DRIVER(cuMemGetInfo);
  if (!(get && retain && release && push && pop && ask)) return 0;
  CUdevice card = 0;
  CUcontext context = nullptr;
  if (get(&card, device) != CUDA_SUCCESS || retain(&context, card) != CUDA_SUCCESS) return 0;
  size_t free = 0, total = 0;
  if (push(context) == CUDA_SUCCESS) {
    ask(&free, &total);
    pop(&context);
  }
  release(card);
  return static_cast<int64_t>(free);
}
#undef GOOGLENET_DRIVER
#undef GOOGLENET_TEXT

Card describe(int device) {
  cudaDeviceProp found{};
  GOOGLENET_CUDA(cudaGetDeviceProperties(&found, device));
  return {.name = found.name,
          .major = found.major,
          .minor = found.minor,
          .memory = static_cast<int64_t>(found.totalGlobalMem),
          .free = 0,
          .processors = found.multiProcessorCount};
}

std::string name_of(int device) {
  return "cuda:" + std::to_string(device);
}

std::string list_cards(int count) {
  std::string list;
  for (int device = 0; device < count; device++) {
    list += (device ? ", " : "") + name_of(device) + " (" + describe(device).name + ")";
  }
  return list;
}

}  // namespace

std::string driver_version() {
  return driver() > 0 ? version_text(driver()) : "";
}

std::vector<Card> find_cards() {
  std::vector<Card> cards;
  const int count = count_cards();
  for (int device = 0; device < count; device++) {
    cards.push_back(describe(device));
    cards.back().free = free_memory(device);
  }
  return cards;
}

void check_card(const Options& options) {
  const int count = count_cards();
  if (options.device >= count) {
    throw Error("ERR_GOOGLENET_DEVICE",
                "there " + std::string(count == 1 ? "is only " : "are only ") + list_cards(count));
  }
  const Card card = describe(options.device);
  const int capability = 10 * card.major + card.minor;
  const std::string has = "this " + card.name + " has compute capability " + std::to_string(card.major) +
                          "." + std::to_string(card.minor);
  if (capability < kLeastCapability) {
    throw Error("ERR_GOOGLENET_DEVICE", has + ", 7.5 is the least: use a newer GPU, or the device \"cpu\"");
  }
  if (options.precision == Precision::Bf16 && capability < kBf16Capability) {
    throw Error("ERR_GOOGLENET_PRECISION", has + ", bf16 needs 8.0: use fp16 or fp32");
  }
}

}  // namespace googlenet::backends::cuda
