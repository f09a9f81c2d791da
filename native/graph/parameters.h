// Where every parameter lies. All trainable values are one flat fp32 range, followed by BatchNorm's running
// statistics, so that the optimizer is one loop and a checkpoint a few copies.
//
// Files hold PyTorch's order (convolution OIHW, linear [out, C*H*W]); memory holds OHWI, which suits NHWC
// activations. 1x1 convolutions that share an input ("siblings") lie one after another, and so do their
// BatchNorms: the merged convolution's weight is then simply a longer view of the same memory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "graph/definition.h"

namespace googlenet::graph {

/// A range of the flat parameter memory, in floats.
struct Range {
  int64_t offset = 0;
  int64_t count = 0;
  bool operator==(const Range&) const = default;
};

enum class Initial { Uniform, Normal, Constant };

struct Parameter {
  std::string name;            // as in the PyTorch state dict
  std::vector<int64_t> shape;  // as in the PyTorch state dict
  Range range;
  int64_t out = 1, in = 1, pixels = 1;  // file order [out][in][pixels], memory order [out][pixels][in]
  bool trainable = true;
  Initial initial = Initial::Constant;
  double figure = 0;  // Uniform: values lie in [-figure, figure]; Normal: the deviation; Constant: the value
};

/// The parameters of one layer; absent ones have count 0.
struct LayerParameters {
  Range weight, bias;    // convolution, linear; BatchNorm's gamma and beta
  Range mean, variance;  // BatchNorm's running statistics
};

struct ParameterTable {
  std::vector<Parameter> parameters;       // in the order of the definition
  std::vector<LayerParameters> layers;     // by layer index
  std::vector<std::vector<int>> siblings;  // groups of convolution layers, by layer index
  std::vector<int> batch_norm_of;          // by convolution layer: the BatchNorm that alone reads it, or -1
  int64_t trainable = 0;                   // floats, padding included
  int64_t total = 0;                       // with the running statistics
};

ParameterTable lay_out_parameters(const Definition& definition, const Shapes& shapes);

/// Number of layers (heads included) that read each layer's output.
std::vector<int> count_readers(const Definition& definition, const Shapes& shapes);

/// Copies between a file's order and the memory's.
void to_memory(const Parameter& parameter, const float* file, float* memory);
void to_file(const Parameter& parameter, const float* memory, float* file);

/// Fills `memory`, `table.total` floats, from a seed. PyTorch's defaults are kaiming_uniform with a =
/// sqrt(5), that is U(-1/sqrt(fan_in), 1/sqrt(fan_in)) for weights and biases; ones and zeros for BatchNorm.
void initialise(const ParameterTable& table, uint64_t seed, float* memory);

}  // namespace googlenet::graph
