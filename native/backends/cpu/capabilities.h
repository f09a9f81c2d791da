// What the CPU backend's steps can do, by precision: known without making one, so that its plans are too.
#pragma once
#include "backends/backend.h"
#include "error.h"

namespace googlenet::backends::cpu {

/// Throws ERR_GOOGLENET_PRECISION for fp16.
inline graph::Capabilities capabilities(Precision precision) {
  if (precision == Precision::Fp16) {
    throw Error("ERR_GOOGLENET_PRECISION",
                "the cpu backend computes in fp32 or bf16, not fp16; use one of those");
  }
  return {.strided_pointwise = true};
}

}  // namespace googlenet::backends::cpu
