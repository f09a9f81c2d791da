// Finds and opens shared libraries in the places where NVIDIA's come to lie.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "backends/cuda/module.h"

namespace googlenet::backends::cuda {

/// A library as the search left it; `handle` stays open until the process ends.
struct Opened {
  void* handle = nullptr;  // null: not found
  Library library;         // with what each place had
};

/// Says what is wrong with a library that opens ("9.5.1 is older than 9.11"), or nothing; fills its version.
using Accept = std::function<std::string(void* handle, std::string& version)>;

/// Looks beside the module, in the folders of $GOOGLENET_CUDA_PATH, where the system linker does, in
/// $CUDA_HOME, $CUDA_PATH, $CONDA_PREFIX, and in the `nvidia/*/lib` and `torchvision.libs` folders of Python
/// environments.
Opened open_library(const std::string& name, const Accept& accept = {});

/// "<name>.so.<first>", else that of the other major version of CUDA.
Opened open_library_of(const std::string& name, int first, int other, const Accept& accept);

/// Throws ERR_GOOGLENET_DEVICE naming the library, the places looked in and what brings it, unless it is
/// open.
void require_found(const Opened& opened, const std::string& brings);

/// The folder that an open library lies in.
std::string folder_of(void* handle);

}  // namespace googlenet::backends::cuda
