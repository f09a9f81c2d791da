#include "backends/cuda/libraries.h"

#include <dlfcn.h>

#include "error.h"

namespace googlenet::backends::cuda {
namespace {

constexpr const char* kCudnn = "libcudnn.so.9";
/// The first that plans for a described device and takes every graph of ours.
constexpr size_t kOldestCudnn = 91100;
constexpr const char* kBrings =
    "Install them with `pip install nvidia-cudnn-cu13==9.24.0.43 nvidia-cublas==13.1.1.3`, with `apt install "
    "cudnn9-cuda-13 libcublas-13-0` from NVIDIA's repository, or with `conda install -c conda-forge cudnn "
    "libcublas`; or name their folders in GOOGLENET_CUDA_PATH";

template <class Function>
Function symbol(void* handle, const char* name) {
  return reinterpret_cast<Function>(dlsym(handle, name));
}

std::string cudnn_text(size_t version) {
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

/// cuBLASLt's and cuBLAS's major version is CUDA's: 130101 is 13.1.1.
std::string cublas_text(size_t version) {
  return cudnn_text(version);
}

/// libcudnn.so.9 only calls on to its parts, and ends the process when it does not find the first of them.
std::string open_cudnn_graph(void* handle) {
  const std::string name = "libcudnn_graph.so.9";
  const std::string path = folder_of(handle) + "/" + name;
  if (dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) != nullptr) return "";
  return "its part " + name + " cannot be opened: " + dlerror();
}

std::string accept_cudnn(void* handle, std::string& version) {
  std::string problem = open_cudnn_graph(handle);
  if (!problem.empty()) return problem;
  const auto get = symbol<decltype(&cudnnGetVersion)>(handle, "cudnnGetVersion");
  if (get == nullptr) return "has no cudnnGetVersion";
  const size_t found = get();
  version = cudnn_text(found);
  if (found < kOldestCudnn) return version + " is older than " + cudnn_text(kOldestCudnn);
#define GOOGLENET_CUDNN_LACKS(name) \
  if (dlsym(handle, #name) == nullptr) return "has no " #name;
  GOOGLENET_CUDNN_FUNCTIONS(GOOGLENET_CUDNN_LACKS)
#undef GOOGLENET_CUDNN_LACKS
  return "";
}

std::string accept_cublaslt(void* handle, std::string& version) {
  const auto get = symbol<size_t (*)()>(handle, "cublasLtGetVersion");
  if (get == nullptr) return "has no cublasLtGetVersion";
  version = cublas_text(get());
  return "";
}

/// NVRTC opens its other half by name when it compiles, and says nowhere that it lies beside.
std::string accept_nvrtc(void* handle, std::string& version) {
  const auto get = symbol<int (*)(int*, int*)>(handle, "nvrtcVersion");
  int major = 0, minor = 0;
  if (get != nullptr && get(&major, &minor) == 0) {
    version = std::to_string(major) + "." + std::to_string(minor);
    dlopen((folder_of(handle) + "/libnvrtc-builtins.so." + version).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  return "";
}

const Libraries& found() {
  static const Libraries libraries;
  return libraries;
}

}  // namespace

// cuDNN opens NVRTC and cuBLAS by name when an engine wants them. Opened here first, from wherever they lie,
// they are found; without them it goes on with the engines that need neither.
Libraries::Libraries() : cudnn_(open_library(kCudnn, accept_cudnn)) {
  int major = 13;
  if (cudnn_.handle != nullptr) {
#define GOOGLENET_CUDNN_RESOLVE(name) cudnn.name = symbol<decltype(&::name)>(cudnn_.handle, #name);
    GOOGLENET_CUDNN_FUNCTIONS(GOOGLENET_CUDNN_RESOLVE)
#undef GOOGLENET_CUDNN_RESOLVE
    major = static_cast<int>(cudnn.cudnnGetCudartVersion() / 1000);
  }
  const int other = major == 13 ? 12 : 13;
  cublaslt_ = open_library_of("libcublasLt", major, other, accept_cublaslt);
  cublas_ = open_library("libcublas.so." + std::to_string(major));
  nvrtc_ = open_library("libnvrtc.so." + std::to_string(major), accept_nvrtc);
}

void Libraries::require() const {
  require_found(cudnn_, kBrings);
  require_found(cublaslt_, kBrings);
}

void* Libraries::cublaslt_symbol(const char* name) const {
  void* found = dlsym(cublaslt_.handle, name);
  if (found != nullptr) return found;
  throw Error("ERR_GOOGLENET_DEVICE", cublaslt_.library.path + " (" + cublaslt_.library.version +
                                          ") has no " + name + ". " + kBrings);
}

std::vector<Library> Libraries::report() const {
  return {cudnn_.library, cublaslt_.library, cublas_.library, nvrtc_.library};
}

const Libraries& libraries() {
  found().require();
  return found();
}

void fill(Report& report) {
  try {
    report.libraries = found().report();
  } catch (const std::exception& failure) {
    if (report.problem.empty()) report.problem = failure.what();
  }
}

}  // namespace googlenet::backends::cuda
