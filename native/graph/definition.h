// The network as the addon receives it: layers in order, each naming its inputs. Mirrors binding.d.ts.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace googlenet::graph {

enum class LayerKind { Convolution, BatchNorm, Relu, MaxPool, AveragePool, Concat, Linear, Dropout };

/// A tensor without its batch dimension.
struct Shape {
  int64_t channels = 0, height = 0, width = 0;
  int64_t pixels() const { return height * width; }
  int64_t count() const { return channels * height * width; }
  bool operator==(const Shape&) const = default;
};

struct Layer {
  LayerKind kind;
  std::string name;
  std::vector<std::string> inputs;
  int64_t out_channels = 0;  // convolution and linear
  int64_t kernel = 1, stride = 1, padding = 0;
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
  std::vector<float> mean, std;  // per channel, for uint8 images scaled to [0, 1]
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

/// Infers every shape. Throws ERR_GOOGLENET_SHAPE or ERR_GOOGLENET_OPTION naming the layer at fault.
Shapes infer_shapes(const Definition& definition);

}  // namespace googlenet::graph
