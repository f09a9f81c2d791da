// What the CUDA backend's steps can do, by precision: known without a card, so that its plans are too.
// cuDNN 9.24: statistics in a convolution's epilogue exist for fp16 alone.
#pragma once
#include "backends/backend.h"

namespace googlenet::backends::cuda {

inline graph::Capabilities capabilities(Precision precision) {
  return {.strided_pointwise = true,
          .strided_convolution = true,
          .merged_pointwise = true,
          .convolution_statistics = precision == Precision::Fp16,
          .pooled_batch_norm = true,
          .gradient_sums = true,
          .channel_multiple = precision == Precision::Fp32 ? 4 : 8};
}

}  // namespace googlenet::backends::cuda
