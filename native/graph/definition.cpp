#include "graph/definition.h"

#include <algorithm>

#include "error.h"

namespace googlenet::graph {
namespace {

/// The most values of one tensor of one image, and of one layer's weights: what 32-bit sizes can count.
constexpr double kMaxValues = 2147483647;

[[noreturn]] void refuse(const Layer& layer, const std::string& what) {
  throw Error("ERR_GOOGLENET_SHAPE", "layer \"" + layer.name + "\": " + what);
}

std::string text(const Shape& s) {
  return std::to_string(s.channels) + "x" + std::to_string(s.height) + "x" + std::to_string(s.width);
}

int64_t side_of(const Layer& layer, int64_t side) {
  const auto rounded = layer.ceil ? window_output_ceil : window_output;
  return rounded(side, layer.kernel, layer.stride, layer.padding);
}

Shape output_of(const Layer& layer, const std::vector<Shape>& in) {
  const Shape& first = in.front();
  switch (layer.kind) {
    case LayerKind::Convolution:
    case LayerKind::MaxPool:
    case LayerKind::AveragePool: {
      // Clipped averages would need a rule for what they divide by; no variant has one, so it is not built.
      if (layer.kind == LayerKind::AveragePool && layer.ceil) refuse(layer, "average pools take no ceil");
      if (layer.kernel < 1 || layer.stride < 1 || layer.padding < 0 || layer.padding >= layer.kernel) {
        refuse(layer,
               "kernel, stride and padding must satisfy 1 <= kernel, 1 <= stride, 0 <= padding < kernel");
      }
      // An average over padding would count zeros; no variant has one, so it is not built.
      if (layer.kind == LayerKind::AveragePool && layer.padding != 0)
        refuse(layer, "average pools take no padding");
      if (layer.kind == LayerKind::MaxPool && layer.kernel > 15)
        refuse(layer, "a max pool's kernel is at most 15");
      if (layer.kind == LayerKind::Convolution && layer.out_channels < 1)
        refuse(layer, "outChannels must be positive");
      const Shape out{layer.kind == LayerKind::Convolution ? layer.out_channels : first.channels,
                      side_of(layer, first.height), side_of(layer, first.width)};
      if (out.height < 1 || out.width < 1) {
        refuse(layer,
               "its window of " + std::to_string(layer.kernel) + " does not fit the input " + text(first));
      }
      return out;
    }
    case LayerKind::AdaptiveAveragePool:
      if (layer.cells < 1) refuse(layer, "size must be positive");
      return {first.channels, layer.cells, layer.cells};
    case LayerKind::Lrn:
      if (layer.lrn.size < 1 || !(layer.lrn.alpha >= 0) || !(layer.lrn.beta >= 0) || !(layer.lrn.k > 0)) {
        refuse(layer, "size, alpha, beta and k must satisfy 1 <= size, 0 <= alpha, 0 <= beta, 0 < k");
      }
      return first;
    case LayerKind::Linear:
      if (layer.out_channels < 1) refuse(layer, "outFeatures must be positive");
      return {layer.out_channels, 1, 1};
    case LayerKind::Concat: {
      Shape out = first;
      for (size_t i = 1; i < in.size(); i++) {
        if (in[i].height != first.height || in[i].width != first.width) {
          refuse(layer,
                 "cannot join " + text(first) + " and " + text(in[i]) + ": heights and widths must be equal");
        }
        out.channels += in[i].channels;
      }
      return out;
    }
    case LayerKind::BatchNorm:
      if (!(layer.epsilon > 0)) refuse(layer, "epsilon must be positive");
      return first;
    case LayerKind::Dropout:
      if (!(layer.probability >= 0 && layer.probability < 1)) refuse(layer, "probability must be in [0, 1)");
      return first;
    case LayerKind::Relu:
      return first;
  }
  refuse(layer, "unknown kind");
}

/// Counted in floating point, which cannot overflow.
void check_size(const Layer& layer, const Shape& in, const Shape& out) {
  const auto count = [](const Shape& s) {
    return static_cast<double>(s.channels) * static_cast<double>(s.height) * static_cast<double>(s.width);
  };
  double weights = 0;
  if (layer.kind == LayerKind::Linear) weights = static_cast<double>(layer.out_channels) * count(in);
  if (layer.kind == LayerKind::Convolution) {
    weights = static_cast<double>(layer.out_channels) * count({in.channels, layer.kernel, layer.kernel});
  }
  if (count(in) > kMaxValues || count(out) > kMaxValues || weights > kMaxValues) {
    refuse(layer, "its input, its output or its weights have more than 2147483647 values");
  }
}

bool contains(const std::vector<int>& indices, int index) {
  return std::find(indices.begin(), indices.end(), index) != indices.end();
}

}  // namespace

Shapes infer_shapes(const Definition& definition) {
  const Shape& image = definition.input;
  if (image.channels < 1 || image.height < 1 || image.width < 1) {
    throw Error("ERR_GOOGLENET_SHAPE", "the input must have at least one channel, row and column");
  }
  if (static_cast<int64_t>(definition.mean.size()) != image.channels ||
      static_cast<int64_t>(definition.std.size()) != image.channels) {
    throw Error("ERR_GOOGLENET_OPTION", "mean and std need one figure a channel");
  }
  Shapes shapes;
  std::unordered_map<std::string, int> index{{"input", -1}};
  for (const Layer& layer : definition.layers) {
    if (layer.inputs.empty()) refuse(layer, "it has no input");
    std::vector<Shape> in;
    std::vector<int>& sources = shapes.inputs.emplace_back();
    for (const std::string& name : layer.inputs) {
      const auto found = index.find(name);
      if (found == index.end()) refuse(layer, "its input \"" + name + "\" is not defined before it");
      sources.push_back(found->second);
      in.push_back(found->second < 0 ? image : shapes.outputs[found->second]);
    }
    shapes.outputs.push_back(output_of(layer, in));
    check_size(layer, in.front(), shapes.outputs.back());
    if (!index.emplace(layer.name, static_cast<int>(index.size()) - 1).second)
      refuse(layer, "its name is used twice");
  }
  if (definition.heads.empty()) throw Error("ERR_GOOGLENET_OPTION", "a network needs at least one head");
  for (const Head& head : definition.heads) {
    const auto found = index.find(head.layer);
    if (found == index.end() || found->second < 0) {
      throw Error("ERR_GOOGLENET_OPTION", "the head \"" + head.layer + "\" names no layer");
    }
    const Layer& layer = definition.layers[found->second];
    if (layer.kind != LayerKind::Linear) refuse(layer, "a head must be a linear layer");
    if (shapes.classes == 0) shapes.classes = layer.out_channels;
    if (layer.out_channels != shapes.classes)
      refuse(layer, "every head must have the same number of classes");
    if (contains(shapes.heads, found->second)) refuse(layer, "it is named twice as a head");
    for (const std::vector<int>& sources : shapes.inputs) {
      // Logits are kept in fp32 whatever the precision of what layers read.
      if (contains(sources, found->second)) refuse(layer, "a head's logits cannot be another layer's input");
    }
    shapes.heads.push_back(found->second);
  }
  return shapes;
}

}  // namespace googlenet::graph
