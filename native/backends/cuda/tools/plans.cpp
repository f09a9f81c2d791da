// googlenet-cuda-plans DEVICE.json PRECISION BATCH...: has cuDNN plan every convolution of networks for a
// device that is not here, in inference and training, and prints a line of JSON for each graph; those that
// several have are planned once. The networks are read from the standard input: a line `network name`, one
// for the input, one for each layer, `kind name input figures...`, and one for each head. The precision is
// fp32, tf32 (fp32 whose products may round), bf16 or fp16.
#include <dlfcn.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>

#include "backends/cuda/capabilities.h"
#include "backends/cuda/module.h"
#include "error.h"
#include "graph/planner.h"

namespace {

using googlenet::Error;
namespace backends = googlenet::backends;
namespace cuda = googlenet::backends::cuda;
namespace graph = googlenet::graph;

constexpr const char* kOption = "ERR_GOOGLENET_OPTION";

// ---- in

graph::Layer read_layer(const std::string& kind, std::istream& words) {
  using graph::LayerKind;
  graph::Layer layer{};
  layer.inputs.resize(1);
  words >> layer.name >> layer.inputs[0];
  if (kind == "convolution") {
    layer.kind = LayerKind::Convolution;
    words >> layer.out_channels >> layer.kernel >> layer.stride >> layer.padding >> layer.bias;
  } else if (kind == "maxPool" || kind == "averagePool") {
    layer.kind = kind == "maxPool" ? LayerKind::MaxPool : LayerKind::AveragePool;
    words >> layer.kernel >> layer.stride >> layer.padding >> layer.ceil;
  } else if (kind == "adaptiveAveragePool") {
    layer.kind = LayerKind::AdaptiveAveragePool;
    words >> layer.cells;
  } else if (kind == "lrn") {
    layer.kind = LayerKind::Lrn;
  } else if (kind == "batchNorm") {
    layer.kind = LayerKind::BatchNorm;
    layer.epsilon = 1e-5F;
  } else if (kind == "relu") {
    layer.kind = LayerKind::Relu;
  } else if (kind == "dropout") {
    layer.kind = LayerKind::Dropout;
  } else if (kind == "linear") {
    layer.kind = LayerKind::Linear;
    words >> layer.out_channels >> layer.bias;
  } else if (kind == "concat") {
    layer.kind = LayerKind::Concat;
    layer.inputs.insert(layer.inputs.end(), std::istream_iterator<std::string>(words), {});
    words.clear();
  } else {
    throw Error(kOption, "unknown layer: " + kind);
  }
  return layer;
}

struct Network {
  std::string name;
  graph::Definition definition;
};

std::vector<Network> read_networks(std::istream& lines) {
  std::vector<Network> networks;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string kind;
    if (!(words >> kind)) continue;
    if (kind == "network") {
      words >> networks.emplace_back().name;
      continue;
    }
    if (networks.empty()) throw Error(kOption, "a network begins with `network name`, found " + line);
    graph::Definition& definition = networks.back().definition;
    if (kind == "input") {
      words >> definition.input.channels >> definition.input.height >> definition.input.width;
      definition.mean.assign(definition.input.channels, 0);
      definition.std.assign(definition.input.channels, 1);
    } else if (kind == "head") {
      words >> definition.heads.emplace_back().layer;
    } else {
      definition.layers.push_back(read_layer(kind, words));
    }
    if (!words) throw Error(kOption, "not a layer: " + line);
  }
  return networks;
}

cuda::Options read_precision(const std::string& name) {
  cuda::Options options;
  options.tf32 = name == "tf32";
  if (name == "fp32" || name == "tf32") {
    options.precision = backends::Precision::Fp32;
  } else if (name == "bf16") {
    options.precision = backends::Precision::Bf16;
  } else if (name == "fp16") {
    options.precision = backends::Precision::Fp16;
  } else {
    throw Error(kOption, "the precision must be fp32, tf32, bf16 or fp16, found " + name);
  }
  return options;
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  if (!file) throw Error("ERR_GOOGLENET_IO", std::string(path) + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

// ---- out

std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return json + "\"";
}

void print(const cuda::PlannedGraph& graph) {
  std::string steps;
  for (const std::string& step : graph.steps) steps += (steps.empty() ? "" : ",") + quoted(step);
  std::cout << "{\"graph\":" << quoted(graph.graph) << ",\"steps\":[" << steps
            << "],\"engine\":" << quoted(graph.engine)
            << ",\"compiled\":" << (graph.compiled ? "true" : "false")
            << ",\"whole\":" << (graph.whole ? "true" : "false") << ",\"workspace\":" << graph.workspace
            << ",\"refusal\":" << quoted(graph.refusal) << "}" << std::endl;
}

// ---- between

/// The module that lies beside this program.
decltype(&googlenet_cuda_plan_graphs) open_module() {
  const auto path = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "googlenet-cuda.so";
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw Error("ERR_GOOGLENET_DEVICE", dlerror());
  void* function = dlsym(module, "googlenet_cuda_plan_graphs");
  if (function == nullptr) throw Error("ERR_GOOGLENET_DEVICE", dlerror());
  return reinterpret_cast<decltype(&googlenet_cuda_plan_graphs)>(function);
}

void run(const std::string& device, const cuda::Options& options, const std::vector<int64_t>& batches) {
  std::vector<cuda::NamedPlan> plans;
  for (const auto& [name, definition] : read_networks(std::cin)) {
    const graph::Shapes shapes = graph::infer_shapes(definition);
    const graph::ParameterTable table = graph::lay_out_parameters(definition, shapes);
    for (const int64_t batch : batches) {
      for (const graph::Mode mode : {graph::Mode::Inference, graph::Mode::Training}) {
        graph::PlanRequest request;
        request.mode = mode;
        request.batch = batch;
        request.capabilities = cuda::capabilities(options.precision);
        request.activation_bytes = backends::activation_bytes(options.precision);
        const char* what = mode == graph::Mode::Training ? ", training" : ", inference";
        plans.push_back({name + ", batch " + std::to_string(batch) + what,
                         graph::make_plan(definition, shapes, table, request)});
      }
    }
  }
  std::vector<cuda::PlannedGraph> planned;
  open_module()(options, device, plans, planned);
  for (const cuda::PlannedGraph& graph : planned) print(graph);
}

}  // namespace

int main(int count, char** arguments) {
  try {
    if (count < 4)
      throw Error(kOption, "usage: googlenet-cuda-plans DEVICE.json PRECISION BATCH... < NETWORKS");
    std::vector<int64_t> batches;
    for (int i = 3; i < count; i++) batches.push_back(std::stoll(arguments[i]));
    run(read_file(arguments[1]), read_precision(arguments[2]), batches);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", error.code().c_str(), error.what());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 1;
}
