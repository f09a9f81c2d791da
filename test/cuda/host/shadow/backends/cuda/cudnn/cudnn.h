// Stands in for cuDNN, of which the checks need nothing.
#pragma once
#include "backends/cuda/module.h"
#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda {
class Cudnn {
 public:
  Cudnn(const Options&, cudaStream_t) {}
};
}  // namespace googlenet::backends::cuda
