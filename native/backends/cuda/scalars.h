// What changes from one run of a recorded graph to the next lies in device memory, so that the graph need
// not.
#pragma once
#include <cstdint>

namespace googlenet::backends::cuda {

constexpr int kMostChannels = 16;  // of images

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

/// Dynamic loss scaling of fp16, written by the device alone and kept from step to step. The loss's gradient
/// is multiplied by `scale`; whatever lands in the flat gradients is divided by it again. A value that is not
/// finite sets `overflow`: the update is then left out and the scale halved.
struct LossScale {
  float scale;       // 1 but in fp16
  int32_t growing;   // steps since the last overflow
  int32_t overflow;  // in this step
  int32_t skipped;   // updates left out so far
};

/// Filled by SoftmaxCrossEntropy, zeroed at the start of a step; read back once a step.
struct DeviceMetrics {
  double loss[8];
  int32_t top1, top5;
};

}  // namespace googlenet::backends::cuda
