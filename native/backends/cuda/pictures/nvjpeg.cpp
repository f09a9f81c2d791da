#include "backends/cuda/pictures/nvjpeg.h"

#include <dlfcn.h>

#include "error.h"

namespace googlenet::backends::cuda::nvjpeg {
namespace {

constexpr const char* kBrings =
    "Install it with `pip install nvidia-nvjpeg==13.*`, with `apt install libnvjpeg-13-0` from NVIDIA's "
    "repository, or with `conda install -c conda-forge libnvjpeg`; or name its folder in "
    "GOOGLENET_CUDA_PATH. "
    "The decoder \"cpu\" needs none of it";

/// The first with kInterpolation, as 1000 times the major version and the minor one.
constexpr int kOldest = 12001;

std::string accept(void* handle, std::string& version) {
#define GOOGLENET_NVJPEG_LACKS(name, ...) \
  if (dlsym(handle, "nvjpeg" #name) == nullptr) return "has no nvjpeg" #name;
  GOOGLENET_NVJPEG_FUNCTIONS(GOOGLENET_NVJPEG_LACKS)
#undef GOOGLENET_NVJPEG_LACKS
  const auto get = reinterpret_cast<decltype(Functions::GetProperty)>(dlsym(handle, "nvjpegGetProperty"));
  int parts[3] = {};  // of libraryPropertyType: MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL
  for (int type = 0; type < 3; type++) {
    if (get(type, &parts[type]) != Status::Success) return "does not say its version";
  }
  const auto [major, minor, patch] = parts;
  version = std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  return 1000 * major + minor < kOldest ? version + " is older than 12.1" : "";
}

struct Found {
  Opened opened;
  Functions functions;

  Found()
      : opened(open_library_of("libnvjpeg", CUDART_VERSION / 1000, CUDART_VERSION / 1000 == 13 ? 12 : 13,
                               accept)) {
    if (opened.handle == nullptr) return;
#define GOOGLENET_NVJPEG_RESOLVE(name, ...) \
  functions.name = reinterpret_cast<decltype(functions.name)>(dlsym(opened.handle, "nvjpeg" #name));
    GOOGLENET_NVJPEG_FUNCTIONS(GOOGLENET_NVJPEG_RESOLVE)
#undef GOOGLENET_NVJPEG_RESOLVE
  }
};

const Found& found() {
  static const Found found;
  return found;
}

/// As nvjpegStatus_t has them, from 0 on.
constexpr const char* kNames[] = {"SUCCESS",
                                  "NOT_INITIALIZED",
                                  "INVALID_PARAMETER",
                                  "BAD_JPEG",
                                  "JPEG_NOT_SUPPORTED",
                                  "ALLOCATOR_FAILURE",
                                  "EXECUTION_FAILED",
                                  "ARCH_MISMATCH",
                                  "INTERNAL_ERROR",
                                  "IMPLEMENTATION_NOT_SUPPORTED",
                                  "INCOMPLETE_BITSTREAM"};

}  // namespace

const Functions& functions() {
  require_found(found().opened, kBrings);
  return found().functions;
}

const Library& library() {
  return found().opened.library;
}

void check(Status status, const char* call) {
  if (status == Status::Success) return;
  const auto number = static_cast<size_t>(status);
  const std::string name = number < std::size(kNames) ? kNames[number] : "status " + std::to_string(number);
  throw Error("ERR_GOOGLENET_DEVICE", "nvJPEG " + library().version + ": " + name + " from " + call);
}

}  // namespace googlenet::backends::cuda::nvjpeg
