// The CUDA module: a shared library beside the addon or in a package of its own, opened when a GPU is asked
// for. The addon itself depends on nothing of NVIDIA's.
#pragma once
#include <string>

#include "backends/cuda/module.h"

namespace googlenet::addon {

struct CudaModule {
  std::string path;     // where it is looked for
  std::string problem;  // why it is not open, and what to do; empty when it is
  decltype(&googlenet_cuda_backend) backend = nullptr;
  decltype(&googlenet_cuda_report) report = nullptr;
  decltype(&googlenet_cuda_picture_decoder) picture_decoder = nullptr;
};

/// Where the module lies if it is not beside the addon; before the first call of cuda_module().
void use_cuda_module(std::string path);

/// Opened on the first call and kept until the process ends. Any thread may call.
const CudaModule& cuda_module();

/// What `googlenet doctor` shows; `problem` is the module's where there is none. Throws nothing.
backends::cuda::Report cuda_report();

}  // namespace googlenet::addon
