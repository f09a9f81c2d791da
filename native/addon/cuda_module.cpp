#include "addon/cuda_module.h"

#include <dlfcn.h>

#include <filesystem>

namespace googlenet::addon {
namespace {

constexpr const char* kFile = "googlenet-cuda.so";

std::string beside_addon() {
  Dl_info addon{};
  if (dladdr(reinterpret_cast<const void*>(&cuda_module), &addon) == 0) return kFile;
  std::error_code ignored;
  return (std::filesystem::absolute(addon.dli_fname, ignored).parent_path() / kFile).string();
}

CudaModule open() {
  CudaModule module;
  module.path = beside_addon();
  std::error_code ignored;
  if (!std::filesystem::exists(module.path, ignored)) {
    module.problem = "the CUDA module " + module.path +
                     " is not there: it is built where CUDA's compiler nvcc and the headers of cuDNN and "
                     "cuBLAS are; install nvcc, then run \"npm run setup\" in the package";
    return module;
  }
  void* handle = dlopen(module.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) {
    module.backend = reinterpret_cast<decltype(module.backend)>(dlsym(handle, "googlenet_cuda_backend"));
    module.report = reinterpret_cast<decltype(module.report)>(dlsym(handle, "googlenet_cuda_report"));
    module.picture_decoder =
        reinterpret_cast<decltype(module.picture_decoder)>(dlsym(handle, "googlenet_cuda_picture_decoder"));
  }
  if (module.backend == nullptr || module.report == nullptr || module.picture_decoder == nullptr) {
    const char* reason = dlerror();
    module.problem = "the CUDA module cannot be opened: " + std::string(reason ? reason : module.path) +
                     "; build it again by \"npm run build:native\" in the package";
  }
  return module;
}

}  // namespace

const CudaModule& cuda_module() {
  static const CudaModule module = open();
  return module;
}

backends::cuda::Report cuda_report() {
  backends::cuda::Report report;
  const CudaModule& module = cuda_module();
  report.problem = module.problem;
  if (module.problem.empty()) module.report(report);
  return report;
}

}  // namespace googlenet::addon
