#include "addon/cuda_module.h"

#include <dlfcn.h>

#include <filesystem>
#include <mutex>
#include <string_view>
#include <type_traits>
#include <utility>

namespace googlenet::addon {
namespace {

constexpr const char* kFile = "googlenet-cuda.so";

std::string& elsewhere() {
  static std::string path;
  return path;
}

std::mutex& elsewhere_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::string beside_addon() {
  Dl_info addon{};
  if (dladdr(reinterpret_cast<const void*>(&cuda_module), &addon) == 0) return kFile;
  std::error_code ignored;
  return (std::filesystem::absolute(addon.dli_fname, ignored).parent_path() / kFile).string();
}

/// Beside the addon first, where a build puts it.
std::string find_module() {
  const std::string beside = beside_addon();
  const std::lock_guard lock(elsewhere_mutex());
  std::error_code ignored;
  return elsewhere().empty() || std::filesystem::exists(beside, ignored) ? beside : elsewhere();
}

/// Classes of C++ cross between the two, so both must be of one version.
std::string other_version(const char* found, const std::string& path) {
  return "the CUDA module " + path + " is of googlenet " + (found == nullptr ? "before 0.2" : found) +
         ", this is " GOOGLENET_VERSION "; run \"npm install googlenet-cuda-linux-x64@" GOOGLENET_VERSION
         "\"";
}

CudaModule open() {
  CudaModule module;
  module.path = find_module();
  std::error_code ignored;
  if (!std::filesystem::exists(module.path, ignored)) {
    module.problem = "the CUDA module " + module.path +
                     " is not there: run \"npm install googlenet-cuda-linux-x64@" GOOGLENET_VERSION
                     "\", or build it, where CUDA's compiler nvcc is, by \"npm run setup\" in the package";
    return module;
  }
  void* handle = dlopen(module.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = dlerror();
    module.problem = "the CUDA module cannot be opened: " + std::string(reason ? reason : module.path) +
                     "; install it again, or build it by \"npm run build:native\" in the package";
    return module;
  }
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(handle, name));
    return function != nullptr;
  };
  decltype(&googlenet_cuda_version) version = nullptr;
  const char* found = find(version, "googlenet_cuda_version") ? version() : nullptr;
  if (found == nullptr || std::string_view(found) != GOOGLENET_VERSION ||
      !find(module.backend, "googlenet_cuda_backend") || !find(module.report, "googlenet_cuda_report") ||
      !find(module.picture_decoder, "googlenet_cuda_picture_decoder")) {
    module.problem = other_version(found, module.path);
  }
  return module;
}

}  // namespace

void use_cuda_module(std::string path) {
  const std::lock_guard lock(elsewhere_mutex());
  elsewhere() = std::move(path);
}

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
