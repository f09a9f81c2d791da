#include "graph/parameters.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "random.h"

namespace googlenet::graph {
namespace {

constexpr int64_t kAlignment = 16;  // floats: one 64-byte line
constexpr int64_t kVector = 8;      // channels: the largest multiple that a backend pads rows to

// torchvision's googlenet.py: trunc_normal_(std=0.01, a=-2, b=2), whose bounds no value ever meets.
constexpr double kDeviation = 0.01;
// BVLC's train_val.prototxt: the constant filler of every bias but those of classifiers.
constexpr double kBias = 0.2;

int64_t aligned(int64_t count) {
  return (count + kAlignment - 1) / kAlignment * kAlignment;
}

/// Which layer reads each layer's output, if it is one alone and no head; -1 otherwise.
std::vector<int> find_only_readers(const Definition& definition, const Shapes& shapes) {
  const std::vector<int> readers = count_readers(definition, shapes);
  std::vector<int> only(definition.layers.size(), -1);
  for (size_t i = 0; i < definition.layers.size(); i++) {
    for (int source : shapes.inputs[i]) {
      if (source >= 0 && readers[source] == 1) only[source] = static_cast<int>(i);
    }
  }
  return only;
}

/// Groups of 1x1 convolutions that read the same tensor and whose only reader is a BatchNorm. They can run as
/// one.
std::vector<std::vector<int>> find_siblings(const Definition& definition, const Shapes& shapes,
                                            const std::vector<int>& batch_norm_of) {
  std::map<int, std::vector<int>> by_input;
  for (size_t i = 0; i < definition.layers.size(); i++) {
    const Layer& layer = definition.layers[i];
    const bool pointwise = layer.kind == LayerKind::Convolution && layer.kernel == 1 && layer.stride == 1;
    if (pointwise && batch_norm_of[i] >= 0) by_input[shapes.inputs[i][0]].push_back(static_cast<int>(i));
  }
  std::vector<std::vector<int>> groups;
  for (auto& [input, members] : by_input) {
    // A merged BatchNorm has one epsilon and one momentum, and all members a bias or none.
    std::vector<int> group;
    for (int member : members) {
      const Layer& norm = definition.layers[batch_norm_of[member]];
      const Layer& first = definition.layers[batch_norm_of[members.front()]];
      const bool same = norm.epsilon == first.epsilon && norm.momentum == first.momentum &&
                        definition.layers[member].bias == definition.layers[members.front()].bias;
      if (same) group.push_back(member);
    }
    if (group.size() > 1) groups.push_back(std::move(group));
  }
  return groups;
}

class LayOut {
 public:
  LayOut(const Definition& definition, const Shapes& shapes) : definition_(definition), shapes_(shapes) {}

  ParameterTable run() {
    const size_t count = definition_.layers.size();
    table_.layers.resize(count);
    only_reader_ = find_only_readers(definition_, shapes_);
    table_.batch_norm_of.assign(count, -1);
    for (size_t i = 0; i < count; i++) {
      if (definition_.layers[i].kind == LayerKind::Convolution && is(only_reader_[i], LayerKind::BatchNorm)) {
        table_.batch_norm_of[i] = only_reader_[i];
      }
    }
    table_.siblings = find_siblings(definition_, shapes_, table_.batch_norm_of);
    for (std::vector<int>& group : table_.siblings) {
      std::stable_sort(group.begin(), group.end(), [&](int a, int b) { return place_of(a) < place_of(b); });
    }
    place_ranges();
    describe();
    return std::move(table_);
  }

 private:
  bool is_head(int layer) const {
    return std::find(shapes_.heads.begin(), shapes_.heads.end(), layer) != shapes_.heads.end();
  }
  bool is(int layer, LayerKind kind) const { return layer >= 0 && definition_.layers[layer].kind == kind; }

  /// Siblings lie in this order, so that as many as can be run as one without a gap between them: those whose
  /// results other layers read; those whose results begin a concat; those that come later in one. Before
  /// all, those behind which vectors of channels can begin.
  int place_of(int sibling) const {
    const int unaligned = definition_.layers[sibling].out_channels % kVector == 0 ? 0 : 3;
    int result = table_.batch_norm_of[sibling];
    if (is(only_reader_[result], LayerKind::Relu)) result = only_reader_[result];
    const int reader = only_reader_[result];
    if (!is(reader, LayerKind::Concat)) return unaligned;
    return unaligned + (shapes_.inputs[reader].front() == result ? 1 : 2);
  }

  /// Gives each group of ranges its place: members without gaps, groups aligned.
  void place(const std::vector<Range*>& ranges) {
    for (Range* range : ranges) {
      range->offset = next_;
      next_ += range->count;
    }
    next_ = aligned(next_);
  }

  void place_ranges() {
    const size_t count = definition_.layers.size();
    std::vector<bool> placed(count, false);
    std::vector<std::vector<int>> units;
    for (const std::vector<int>& group : table_.siblings) {
      std::vector<int> norms;
      for (int member : group) norms.push_back(table_.batch_norm_of[member]);
      for (int layer : group) placed[layer] = true;
      for (int layer : norms) placed[layer] = true;
      units.push_back(group);
      units.push_back(norms);
    }
    for (size_t i = 0; i < count; i++) {
      size_weights(static_cast<int>(i));
      if (!placed[i]) units.push_back({static_cast<int>(i)});
    }
    auto place_each = [&](Range LayerParameters::*field) {
      for (const std::vector<int>& unit : units) {
        std::vector<Range*> ranges;
        for (int layer : unit) ranges.push_back(&(table_.layers[layer].*field));
        place(ranges);
      }
    };
    place_each(&LayerParameters::weight);
    place_each(&LayerParameters::bias);
    table_.trainable = next_;
    place_each(&LayerParameters::mean);
    place_each(&LayerParameters::variance);
    table_.total = next_;
  }

  const Shape& input_of(int layer) const {
    const int source = shapes_.inputs[layer][0];
    return source < 0 ? definition_.input : shapes_.outputs[source];
  }

  void size_weights(int index) {
    const Layer& layer = definition_.layers[index];
    const Shape& in = input_of(index);
    LayerParameters& parameters = table_.layers[index];
    if (layer.kind == LayerKind::Convolution || layer.kind == LayerKind::Linear) {
      const int64_t pixels = layer.kind == LayerKind::Linear ? in.pixels() : layer.kernel * layer.kernel;
      parameters.weight.count = layer.out_channels * in.channels * pixels;
      if (layer.bias) parameters.bias.count = layer.out_channels;
    } else if (layer.kind == LayerKind::BatchNorm) {
      parameters.weight.count = parameters.bias.count = in.channels;
      parameters.mean.count = parameters.variance.count = in.channels;
    }
  }

  void add(const std::string& name, std::vector<int64_t> shape, const Range& range, Initial initial,
           double figure) {
    Parameter parameter;
    parameter.name = name;
    parameter.shape = std::move(shape);
    parameter.range = range;
    parameter.out = range.count;
    parameter.initial = initial;
    parameter.figure = figure;
    parameter.trainable = range.offset < table_.trainable;
    table_.parameters.push_back(std::move(parameter));
  }

  void describe() {
    for (size_t i = 0; i < definition_.layers.size(); i++) {
      const Layer& layer = definition_.layers[i];
      const LayerParameters& parameters = table_.layers[i];
      const Shape& in = input_of(static_cast<int>(i));
      if (layer.kind == LayerKind::BatchNorm) {
        add(layer.name + ".weight", {in.channels}, parameters.weight, Initial::Constant, 1);
        add(layer.name + ".bias", {in.channels}, parameters.bias, Initial::Constant, 0);
        add(layer.name + ".running_mean", {in.channels}, parameters.mean, Initial::Constant, 0);
        add(layer.name + ".running_var", {in.channels}, parameters.variance, Initial::Constant, 1);
      } else if (parameters.weight.count > 0) {
        const bool linear = layer.kind == LayerKind::Linear;
        const int64_t pixels = linear ? in.pixels() : layer.kernel * layer.kernel;
        const double deviation = 1.0 / std::sqrt(static_cast<double>(in.channels * pixels));
        const bool xavier = definition_.initial == InitialValues::Xavier;
        const bool normal = definition_.initial == InitialValues::Normal;
        add(layer.name + ".weight",
            linear ? std::vector<int64_t>{layer.out_channels, in.count()}
                   : std::vector<int64_t>{layer.out_channels, in.channels, layer.kernel, layer.kernel},
            parameters.weight, normal ? Initial::Normal : Initial::Uniform,
            normal   ? kDeviation
            : xavier ? std::sqrt(3.0) * deviation
                     : deviation);
        Parameter& weight = table_.parameters.back();
        weight.out = layer.out_channels;
        weight.in = in.channels;
        weight.pixels = pixels;
        if (!layer.bias) continue;
        const double constant = is_head(static_cast<int>(i)) ? 0 : kBias;
        add(layer.name + ".bias", {layer.out_channels}, parameters.bias,
            xavier ? Initial::Constant : Initial::Uniform, xavier ? constant : deviation);
      }
    }
  }

  const Definition& definition_;
  const Shapes& shapes_;
  std::vector<int> only_reader_;
  ParameterTable table_;
  int64_t next_ = 0;
};

}  // namespace

std::vector<int> count_readers(const Definition& definition, const Shapes& shapes) {
  std::vector<int> readers(definition.layers.size(), 0);
  for (const std::vector<int>& inputs : shapes.inputs) {
    for (int source : inputs) {
      if (source >= 0) readers[source]++;
    }
  }
  for (int head : shapes.heads) readers[head]++;
  return readers;
}

ParameterTable lay_out_parameters(const Definition& definition, const Shapes& shapes) {
  return LayOut(definition, shapes).run();
}

void to_memory(const Parameter& p, const float* file, float* memory) {
  for (int64_t o = 0; o < p.out; o++) {
    for (int64_t i = 0; i < p.in; i++) {
      for (int64_t k = 0; k < p.pixels; k++)
        memory[(o * p.pixels + k) * p.in + i] = file[(o * p.in + i) * p.pixels + k];
    }
  }
}

void to_file(const Parameter& p, const float* memory, float* file) {
  for (int64_t o = 0; o < p.out; o++) {
    for (int64_t i = 0; i < p.in; i++) {
      for (int64_t k = 0; k < p.pixels; k++)
        file[(o * p.in + i) * p.pixels + k] = memory[(o * p.pixels + k) * p.in + i];
    }
  }
}

namespace {

/// Standard normal, by two times 64 random bits (Box and Muller 1958).
double normal(uint64_t radius, uint64_t angle) {
  const double u = 1.0 - static_cast<double>(uniform(radius));  // in (0, 1]
  return std::sqrt(-2.0 * std::log(u)) *
         std::cos(2.0 * std::numbers::pi * static_cast<double>(uniform(angle)));
}

}  // namespace

void initialise(const ParameterTable& table, uint64_t seed, float* memory) {
  for (int64_t i = 0; i < table.total; i++) memory[i] = 0;
  for (size_t p = 0; p < table.parameters.size(); p++) {
    const Parameter& parameter = table.parameters[p];
    float* values = memory + parameter.range.offset;
    const uint64_t key = mix(seed, p);
    const float figure = static_cast<float>(parameter.figure);
    for (int64_t i = 0; i < parameter.range.count; i++) {
      switch (parameter.initial) {
        case Initial::Uniform:
          values[i] = (2 * uniform(mix(key, i)) - 1) * figure;
          break;
        case Initial::Normal:
          values[i] = static_cast<float>(normal(mix(key, 2 * i), mix(key, 2 * i + 1)) * parameter.figure);
          break;
        case Initial::Constant:
          values[i] = figure;
          break;
      }
    }
  }
}

}  // namespace googlenet::graph
