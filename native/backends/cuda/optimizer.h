// SGD with momentum, weight decay, Nesterov and a running average of the weights, on the device.
#pragma once
#include "backends/cuda/backend.h"

namespace googlenet::backends::cuda {

/// Enqueues the update of `update`'s flat memory. Rates and factors are those of backend.scalars(), not of
/// `update`: a recorded update is replayed with others. In fp16 nothing changes if the gradients have
/// overflowed, and the loss scale moves on.
void enqueue_update(const CudaBackend& backend, const Update& update);

}  // namespace googlenet::backends::cuda
