// Local response normalisation across channels.
#include "backends/cuda/kernels/rows.cuh"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

[[noreturn]] void refuse() {
  throw Error("ERR_GOOGLENET_OPTION",
              "the cuda backend has no local response normalisation; use the device \"cpu\"");
}

}  // namespace

Backend::Made CudaBackend::make(const graph::step::Lrn&) {
  refuse();
}
Backend::Made CudaBackend::make(const graph::step::LrnBackward&) {
  refuse();
}

}  // namespace googlenet::backends::cuda
