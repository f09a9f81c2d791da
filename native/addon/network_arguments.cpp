#include "addon/network_arguments.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "addon/copy.h"
#include "error.h"

namespace googlenet::addon {
namespace {

using graph::LayerKind;

// Far above what any variant needs; together with kMaxBatch and the limit of graph::infer_shapes on a tensor
// they keep every product of sizes within 64 bits.
constexpr int64_t kMaxSide = 65535;
constexpr int64_t kMaxChannels = 1 << 20;
constexpr uint32_t kMaxLayers = 1024;
constexpr int64_t kMaxThreads = 1024;

bool read_flag(const Field& field) {
  return !field.absent() && field.flag();
}

void read_window(const Field& field, graph::Layer& layer) {
  layer.kernel = field["kernel"].integer(1, kMaxSide);
  layer.stride = field["stride"].integer(1, kMaxSide);
  layer.padding = field["padding"].integer(0, kMaxSide);
}

graph::Layer read_layer(const Field& field) {
  graph::Layer layer;
  layer.kind = field["kind"].choice<LayerKind>({{"convolution", LayerKind::Convolution},
                                                {"batchNorm", LayerKind::BatchNorm},
                                                {"relu", LayerKind::Relu},
                                                {"lrn", LayerKind::Lrn},
                                                {"maxPool", LayerKind::MaxPool},
                                                {"averagePool", LayerKind::AveragePool},
                                                {"adaptiveAveragePool", LayerKind::AdaptiveAveragePool},
                                                {"concat", LayerKind::Concat},
                                                {"linear", LayerKind::Linear},
                                                {"dropout", LayerKind::Dropout}});
  layer.name = field["name"].text();
  if (layer.kind == LayerKind::Concat) {
    const Field inputs = field["inputs"];
    const uint32_t count = inputs.length(kMaxLayers);
    for (uint32_t i = 0; i < count; i++) layer.inputs.push_back(inputs.at(i).text());
  } else {
    layer.inputs.push_back(field["input"].text());
  }
  switch (layer.kind) {
    case LayerKind::Convolution:
      layer.out_channels = field["outChannels"].integer(1, kMaxChannels);
      layer.bias = field["bias"].flag();
      read_window(field, layer);
      break;
    case LayerKind::MaxPool:
    case LayerKind::AveragePool:
      layer.ceil = read_flag(field["ceil"]);
      read_window(field, layer);
      break;
    case LayerKind::AdaptiveAveragePool:
      layer.cells = field["size"].integer(1, kMaxSide);
      break;
    case LayerKind::Lrn:
      layer.lrn.size = field["size"].integer(1, kMaxChannels);
      layer.lrn.alpha = static_cast<float>(field["alpha"].number(0, kMaxFloat));
      layer.lrn.beta = static_cast<float>(field["beta"].number(0, kMaxFloat));
      layer.lrn.k = static_cast<float>(field["k"].number(0, kMaxFloat));
      break;
    case LayerKind::Linear:
      layer.out_channels = field["outFeatures"].integer(1, kMaxChannels);
      layer.bias = field["bias"].flag();
      break;
    case LayerKind::BatchNorm:
      layer.epsilon = static_cast<float>(field["epsilon"].number(0, 1));
      layer.momentum = static_cast<float>(field["momentum"].number(0, 1));
      break;
    case LayerKind::Dropout:
      layer.probability = static_cast<float>(field["probability"].number(0, 1));
      break;
    case LayerKind::Relu:
    case LayerKind::Concat:
      break;
  }
  return layer;
}

std::vector<float> read_figures(const Field& field, double least) {
  std::vector<float> figures(field.length(kMaxSide));
  for (uint32_t i = 0; i < figures.size(); i++) {
    figures[i] = static_cast<float>(field.at(i).number(least, kMaxFloat));
  }
  return figures;
}

std::string text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::vector<int64_t> read_shape(const Field& field) {
  std::vector<int64_t> shape(field.length(8));
  for (uint32_t i = 0; i < shape.size(); i++) {
    shape[i] = field.at(i).integer(0, kMaxSafeInteger, "ERR_GOOGLENET_SHAPE");
  }
  return shape;
}

}  // namespace

Device read_device(const Field& field) {
  const std::string text = field.text();
  if (text == "auto") return {Device::Kind::Auto};
  if (text == "cpu") return {Device::Kind::Cpu};
  Device device{Device::Kind::Cuda};
  const std::string prefix = "cuda:";
  const char* end = text.data() + text.size();
  if (text.rfind(prefix, 0) == 0) {
    const auto [rest, error] = std::from_chars(text.data() + prefix.size(), end, device.number);
    if (error == std::errc() && rest == end && device.number >= 0) return device;
  } else if (text == "cuda") {
    return device;
  }
  field.refuse("ERR_GOOGLENET_DEVICE", "must be \"auto\", \"cpu\", \"cuda\" or \"cuda:<number>\"");
}

graph::Definition read_definition(const Field& definition) {
  graph::Definition read;
  const Field input = definition["input"];
  read.input = {input["channels"].integer(1, kMaxSide), input["height"].integer(1, kMaxSide),
                input["width"].integer(1, kMaxSide)};
  read.mean = read_figures(input["mean"], -kMaxFloat);
  read.std = read_figures(input["std"], 1e-12);
  read.bgr = read_flag(input["bgr"]);
  const Field initial = definition["initial"];
  if (!initial.absent()) {
    using graph::InitialValues;
    read.initial = initial.choice<InitialValues>({{"uniform", InitialValues::Uniform},
                                                  {"xavier", InitialValues::Xavier},
                                                  {"normal", InitialValues::Normal}});
  }
  const Field layers = definition["layers"];
  const uint32_t layer_count = layers.length(kMaxLayers);
  for (uint32_t i = 0; i < layer_count; i++) read.layers.push_back(read_layer(layers.at(i)));
  const Field heads = definition["heads"];
  const uint32_t head_count = heads.length(kMaxLayers);
  for (uint32_t i = 0; i < head_count; i++) {
    read.heads.push_back(
        {heads.at(i)["layer"].text(), static_cast<float>(heads.at(i)["lossWeight"].number(0, kMaxFloat))});
  }
  return read;
}

backends::Precision read_precision(const Field& precision) {
  using backends::Precision;
  return precision.choice<Precision>(
      {{"fp32", Precision::Fp32}, {"bf16", Precision::Bf16}, {"fp16", Precision::Fp16}});
}

NetworkOptions read_network_options(const Field& options) {
  NetworkOptions read;
  read.device = read_device(options["device"]);
  read.cuda.precision = read_precision(options["precision"]);
  read.seed = static_cast<uint64_t>(options["seed"].integer(0, kMaxSafeInteger));
  read.threads = static_cast<int>(options["threads"].integer(0, kMaxThreads));
  read.cuda.tf32 = read_flag(options["tf32"]);
  read.cuda.deterministic = read_flag(options["deterministic"]);
  read.cuda.tune = read_flag(options["tune"]);
  const Field plan_cache = options["planCache"];
  if (!plan_cache.absent()) read.cuda.plan_cache = plan_cache.text();
  return read;
}

OwnedBatch read_batch(const Field& batch, const std::vector<graph::Shape>& inputs,
                      const ImageMemory& memory) {
  const Field shape_field = batch["shape"];
  const std::vector<int64_t> shape = read_shape(shape_field);
  const auto is_shape = [&](const graph::Shape& input) {
    return shape.size() == 4 && input == graph::Shape{shape[1], shape[2], shape[3]};
  };
  const auto input = std::ranges::find_if(inputs, is_shape);
  if (input == inputs.end()) {
    const std::vector<int64_t> wanted = {inputs[0].channels, inputs[0].height, inputs[0].width};
    throw Error("ERR_GOOGLENET_SHAPE", shape_field.path() + " must be [n, " + text(wanted).substr(1) +
                                           ", the network's input, found " + text(shape));
  }
  OwnedBatch read;
  read.input = *input;
  read.count = shape_field.at(0).integer(1, kMaxBatch, "ERR_GOOGLENET_SHAPE");
  read.nhwc = batch["layout"].choice<bool>({{"nchw", false}, {"nhwc", true}});
  const Field data = batch["data"];
  const int64_t elements = read.count * input->count();
  read.bytes = data.is(napi_uint8_array);
  if (!read.bytes && !data.is(napi_float32_array)) {
    data.refuse("ERR_GOOGLENET_DTYPE", "must be a Float32Array or a Uint8Array");
  }
  const void* from = nullptr;
  if (read.bytes) {
    from = data.view_bytes(elements);
  } else {
    from = data.view_floats(elements);
  }
  read.data = memory.lent.find(from, read.size());
  if (read.data) return read;
  images::BufferPool::Buffer own = memory.copies.take(read.size());
  copy(own.get(), from, read.size());
  read.data = std::move(own);
  read.page_locked = memory.page_locked;
  return read;
}

std::vector<int32_t> read_labels(const Field& labels, int64_t count, int64_t classes) {
  std::vector<int32_t> read = labels.int32s(count);
  for (size_t i = 0; i < read.size(); i++) {
    if (read[i] >= 0 && read[i] < classes) continue;
    throw Error("ERR_GOOGLENET_LABEL", labels.path() + "[" + std::to_string(i) + "] must be from 0 to " +
                                           std::to_string(classes - 1) + ", the network's classes, found " +
                                           std::to_string(read[i]));
  }
  return read;
}

graph::Mode read_mode(const Field& mode) {
  return mode.choice<graph::Mode>({{"eval", graph::Mode::Inference}, {"train", graph::Mode::Training}});
}

ForwardOptions read_forward_options(const Field& options) {
  ForwardOptions read;
  read.mode = read_mode(options["mode"]);
  read.averaged = options["weights"].choice<bool>({{"weights", false}, {"average", true}});
  const Field heads = options["heads"];
  if (!heads.absent()) read.main_head_only = heads.choice<bool>({{"all", false}, {"main", true}});
  return read;
}

graph::StepOptions read_step_options(const Field& options) {
  const auto number = [&](const char* name, double most) {
    return static_cast<float>(options[name].number(0, most));
  };
  graph::StepOptions read;
  read.learning_rate = number("learningRate", kMaxFloat);
  read.momentum = number("momentum", 1);
  read.weight_decay = number("weightDecay", kMaxFloat);
  read.nesterov = options["nesterov"].flag();
  read.label_smoothing = number("labelSmoothing", 1);
  read.average_decay = number("averageDecay", 1);
  const Field accumulate = options["accumulate"];
  read.accumulate_count = static_cast<int>(accumulate["count"].integer(1, kMaxBatch));
  read.accumulate_index = static_cast<int>(accumulate["index"].integer(0, read.accumulate_count - 1));
  return read;
}

graph::TensorSet read_tensor_set(const Field& set) {
  using graph::TensorSet;
  return set.choice<TensorSet>({{"weights", TensorSet::Weights},
                                {"momentum", TensorSet::Momentum},
                                {"average", TensorSet::Average},
                                {"gradients", TensorSet::Gradients}});
}

std::vector<Replacement> read_replacements(const Field& tensors, graph::TensorSet set,
                                           const graph::ParameterTable& table) {
  if (set == graph::TensorSet::Gradients) {
    throw Error("ERR_GOOGLENET_OPTION", "gradients cannot be set; they are what the last training step left");
  }
  std::unordered_map<std::string, const graph::Parameter*> unset;
  for (const graph::Parameter& parameter : table.parameters) {
    if (graph::Network::in_set(set, parameter)) unset.emplace(parameter.name, &parameter);
  }
  std::vector<Replacement> read;
  const uint32_t count = tensors.length(static_cast<uint32_t>(unset.size()));
  for (uint32_t i = 0; i < count; i++) {
    const Field tensor = tensors.at(i);
    const Field name = tensor["name"];
    const auto found = unset.find(name.text());
    if (found == unset.end()) {
      name.refuse("ERR_GOOGLENET_WEIGHTS_UNEXPECTED", "must name a parameter of this set, each once");
    }
    const graph::Parameter& parameter = *found->second;
    const std::vector<int64_t> shape = read_shape(tensor["shape"]);
    if (shape != parameter.shape) {
      throw Error("ERR_GOOGLENET_SHAPE", "the parameter \"" + parameter.name + "\" has the shape " +
                                             text(parameter.shape) + ", found " + text(shape));
    }
    read.push_back({&parameter, tensor["data"].floats(parameter.range.count)});
    unset.erase(found);
  }
  return read;
}

graph::Network::Counters read_counters(const Field& counters) {
  return {counters["steps"].integer(0, kMaxSafeInteger), counters["batches"].integer(0, kMaxSafeInteger)};
}

backends::LossScale read_loss_scale(const Field& scale) {
  const auto count = [&](const char* name) {
    return static_cast<int32_t>(scale[name].integer(0, std::numeric_limits<int32_t>::max() / 2));
  };
  return {static_cast<float>(scale["scale"].number(1, kMaxFloat)), count("growing"), 0, count("skipped")};
}

}  // namespace googlenet::addon
