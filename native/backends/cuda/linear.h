// What linear layers do on the device besides products.
#pragma once
#include <cuda_runtime_api.h>

#include "backends/backend.h"

namespace googlenet::backends::cuda {

/// Enqueues a copy of fp32 values in the activations' type, fp16 or bf16: cuBLASLt adds a bias of the type of
/// what it adds it to.
void enqueue_cast(Precision precision, const float* from, void* to, int64_t count, cudaStream_t stream);

}  // namespace googlenet::backends::cuda
