// The copies of parameters that convolutions read: cast to the activations' type, channels padded with zeros,
// BatchNorm folded in. All of a program's copies are made by one kernel, whenever the weights have changed.
#pragma once
#include <optional>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/runtime.h"

namespace googlenet::backends::cuda {

/// One convolution's or linear layer's weights: [out][pixels][in] fp32 among the parameters ->
/// [padded_out][pixels][padded_in] in the activations' type, and its bias as fp32 [padded_out].
struct WeightCopy {
  graph::Range weight, bias;  // bias.count 0: none
  std::optional<graph::Fold> fold;
  int64_t out = 0, pixels = 0, in = 0;
  int64_t padded_out = 0, padded_in = 0;
};
/// Those of a layer between rows of these views; a row of the input has `in_lanes` for each pixel, padding
/// included.
WeightCopy weight_copy(const graph::Range& weight, const graph::Range& bias, int64_t pixels, int64_t in_lanes,
                       const graph::View& out);

class Weights {
 public:
  explicit Weights(Precision precision) : precision_(precision) {}

  /// While operations are being made: asks for a copy, and returns its number. The same for the same weights,
  /// of which a backward pass wants no bias.
  int add(const WeightCopy& copy);
  /// Once all are known: places and allocates them.
  void allocate();
  /// Enqueues the kernel that makes all copies. May be recorded.
  void prepare(const float* parameters, cudaStream_t stream);

  void* weight(int copy) const { return memory_.get() + weight_offsets_[copy]; }
  /// Null when the copy has neither a bias nor a fold.
  float* bias(int copy) const;
  size_t bytes() const { return bytes_; }

 private:
  Precision precision_;
  std::vector<WeightCopy> copies_;
  std::vector<size_t> weight_offsets_, bias_offsets_;
  size_t bytes_ = 0;
  unsigned blocks_ = 0;  // of the kernel
  DevicePointer<std::byte> memory_;
  DevicePointer<std::byte> jobs_;
};

}  // namespace googlenet::backends::cuda
