// What changes from one run of a recorded graph to the next lies in device memory, so that the graph need
// not.
#pragma once
#include <cstdint>

#include "backends/backend.h"

namespace googlenet::backends::cuda {

constexpr int kMostChannels = 1024;  // of images, as many as a network may have

/// Written by the host before each run.
struct Scalars {
  float learning_rate, momentum, weight_decay, average_decay;
  float label_smoothing;
  float gradient_scale;  // share of this batch in an accumulated gradient
  int32_t nesterov;
  int32_t accumulate_gradients;  // gradients add to what is there
  int32_t image_bytes, image_nhwc;
  uint64_t dropout_key;
  float image_scale[kMostChannels], image_shift[kMostChannels];  // of uint8 images: 1/(255 std), -mean/std
};

/// Moved by the device from step to step.
using backends::LossScale;

/// Filled by SoftmaxCrossEntropy, zeroed at the start of a step; read back once a step.
struct DeviceMetrics {
  double loss[8];
  int32_t top1, top5;
};

}  // namespace googlenet::backends::cuda
