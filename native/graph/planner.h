// Compiles a definition into a plan: fuses what can run as one, places branches into their concat, and
// derives the backward pass.
#pragma once
#include "graph/plan.h"

namespace googlenet::graph {

/// What a backend's convolutions can do; a plan never asks for more.
struct Capabilities {
  bool strided_pointwise = false;    // a 1x1 convolution may write slices, and in inference read them
  bool strided_convolution = false;  // any convolution may
  int64_t inference_batch = 0;       // inference: larger batches go in parts of this size; 0: never
  /// Inference: 1x1 convolutions that share an input run as one, which writes into a widened concat.
  bool merged_pointwise = false;
  /// Training: a convolution may leave the sum and the sum of squares of each channel.
  bool convolution_statistics = false;
  /// Training: a BatchNorm may pool its result, and take the pool's gradient.
  bool pooled_batch_norm = false;
  /// Training: a convolution backward data may add to the gradient that is there.
  bool gradient_sums = false;
  /// Rows are padded with zeros to a multiple of this.
  int64_t channel_multiple = 1;
};

struct PlanRequest {
  Mode mode = Mode::Inference;
  int64_t batch = 1;
  bool main_head_only = false;  // inference: leave out what only the auxiliary heads need
  Capabilities capabilities;
  int64_t activation_bytes = 4;
};

Plan make_plan(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
               const PlanRequest& request);

}  // namespace googlenet::graph
