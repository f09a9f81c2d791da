// The network as the addon receives it: layers in order, each naming its inputs. Mirrors binding.d.ts.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace googlenet::graph {

enum class LayerKind {
  Convolution,
  BatchNorm,
  Relu,
  Lrn,
  MaxPool,
  AveragePool,
  AdaptiveAveragePool,
  Concat,
  Linear,
  Dropout
};

/// A tensor without its batch dimension.
struct Shape {
  int64_t channels = 0, height = 0, width = 0;
  int64_t pixels() const { return height * width; }
  int64_t count() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
};

/// Local response normalisation across channels: x * (k + alpha / size * sum of squares)^-beta, the sum over
/// the `size` channels from c - size / 2 on, those that there are. As PyTorch's local_response_norm, and
/// Caffe's LRN.
struct LrnFigures {
  int64_t size = 1;
  float alpha = 0, beta = 0, k = 1;
};

/// How weights and biases begin (binding.d.ts).
enum class InitialValues { Uniform, Xavier, Normal };

struct Layer {
  LayerKind kind;
  std::string name;
  std::vector<std::string> inputs;
  int64_t out_channels = 0;  // convolution and linear
  int64_t kernel = 1, stride = 1, padding = 0;
  bool ceil = false;  // max pool: the last window may reach beyond the padding
  int64_t cells = 1;  // adaptive average pool: its output's height and width
  LrnFigures lrn;
  bool bias = false;
  float epsilon = 0, momentum = 0;  // batch normalisation
  float probability = 0;            // dropout: the share of values set to zero
};

struct Head {
  std::string layer;
  float loss_weight = 1;
};

struct Definition {
  Shape input;
  std::vector<float> mean, std;  // per channel of the network's, for uint8 images scaled to [0, 1]
  bool bgr = false;              // uint8 images have their channels in the reverse order
  InitialValues initial = InitialValues::Uniform;
  std::vector<Layer> layers;
  std::vector<Head> heads;
};

/// A definition that has been checked: every layer's inputs by index (-1 is the images) and its output shape.
struct Shapes {
  std::vector<std::vector<int>> inputs;
  std::vector<Shape> outputs;
  std::vector<int> heads;  // layer indices
  int64_t classes = 0;
};

/// Output side of a convolution or pooling window, rounded down; 0 or less when the window does not fit.
inline int64_t window_output(int64_t side, int64_t kernel, int64_t stride, int64_t padding) {
  return side + 2 * padding < kernel ? 0 : (side + 2 * padding - kernel) / stride + 1;
}

/// The same rounded up: one more window, reaching beyond the padding, where places are left over; each begins
/// in the input or in the padding before it. As PyTorch's ceil_mode, and Caffe's pools.
inline int64_t window_output_ceil(int64_t side, int64_t kernel, int64_t stride, int64_t padding) {
  const int64_t beyond = side + 2 * padding - kernel + stride - 1;
  if (beyond < 0) return 0;
  const int64_t windows = beyond / stride + 1;
  return (windows - 1) * stride >= side + padding ? windows - 1 : windows;
}

/// Infers every shape. Throws ERR_GOOGLENET_SHAPE or ERR_GOOGLENET_OPTION naming the layer at fault.
Shapes infer_shapes(const Definition& definition);

}  // namespace googlenet::graph
