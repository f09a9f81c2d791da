// What cuDNN's plans leave on disk. `checks files FOLDER` needs no library; `checks plans DEVICE.json` has
// cuDNN compile a plan for a device that is described, and read its text again; `checks compiler` finds all
// of NVRTC open.
#include <dlfcn.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>

#include "backends/cuda/cudnn/plan_cache.h"

namespace {

namespace fs = std::filesystem;
namespace cudnn = googlenet::backends::cuda::cudnn;

void expect(bool right, const std::string& what) {
  if (!right) throw std::runtime_error(what);
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool kept(const std::string& path, const std::string& key, const std::string& choice, float microseconds) {
  const auto found = cudnn::PlanCache(path).find(key);
  return found && found->choice.text() == choice && found->microseconds == microseconds;
}

cudnn::Choice choice(const std::string& text) {
  return *cudnn::Choice::parse(text);
}

void check_choices() {
  for (const char* text : {"62 2=0 13=0 27=8", "0", "4 24=-1"}) expect(choice(text).text() == text, text);
  for (const char* text : {"", "x", "4 ", "4 24", "4 24=", "4 24=1 x", "4 24:1", "4 24=1 24=2"}) {
    expect(!cudnn::Choice::parse(text), std::string("taken for a choice: ") + text);
  }
}

void check_timed(const std::string& folder) {
  const std::string path = folder + "/new/timed";
  cudnn::PlanCache(path).put("a graph", {choice("62 2=0"), 12.5F});
  expect(kept(path, "a graph", "62 2=0", 12.5F), "what was put is not there again");
  expect(!cudnn::PlanCache(path).find("another"), "a graph that nobody put");

  cudnn::PlanCache one(path), other(path);
  one.put("one", {choice("1"), 1});
  other.put("other", {choice("2"), 2});
  expect(kept(path, "one", "1", 1) && kept(path, "other", "2", 2), "two processes undo each other's work");

  const std::string whole = read(path);
  write(path, whole.substr(0, whole.size() - 2));
  const auto there = [&](const char* key) { return cudnn::PlanCache(path).find(key).has_value(); };
  expect(there("a graph") && there("one") && !there("other"), "a line that was cut off");

  for (const std::string& damaged : {std::string(), std::string("\0 not plans", 11), whole.substr(3)}) {
    write(path, damaged);
    expect(!there("one"), "something was read from a damaged file");
    cudnn::PlanCache(path).put("one", {choice("1"), 1});
    expect(kept(path, "one", "1", 1), "a damaged file was not written anew");
  }
  expect(std::distance(fs::directory_iterator(folder + "/new"), {}) == 1,
         "something was left beside the file");

  cudnn::PlanCache nowhere(folder + "/new/timed/in a file");
  nowhere.put("one", {choice("1"), 1});
  expect(nowhere.find("one").has_value(), "a file that cannot be written loses what was timed");
}

void check_compiled(const std::string& folder) {
  const cudnn::CompiledPlans plans(folder + "/compiled");
  plans.put("one", "{\"a\": \"\n\0\"}");
  expect(plans.find("one") == std::string("{\"a\": \"\n\0\"}"), "a plan is not what it was");
  expect(!plans.find("two"), "a plan that nobody put");
  const fs::path file = fs::directory_iterator(folder + "/compiled")->path();
  write(file, "two\n{}");
  expect(!plans.find("one"), "another graph's plan");
  cudnn::CompiledPlans("").put("one", "{}");
  expect(!cudnn::CompiledPlans("").find("one"), "no folder, and something in it");
}

/// 1x1 and 3x3 with bias and ReLU into a slice: what inference has compiled.
void check_plans(const std::string& device) {
  const std::string description = read(device);
  cudnn::Descriptor described(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  described.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(description));
  described.finalize("the description");
  const cudnn::Device on{nullptr, &described};
  for (const int64_t kernel : {1, 3}) {
    const googlenet::graph::Window window{8, {64, 14, 14}, {32, 14, 14}, kernel, 1, kernel / 2};
    cudnn::Graph graph;
    const auto x = graph.activations(CUDNN_DATA_HALF, 8, window.in, 64);
    const auto w = graph.filter(CUDNN_DATA_HALF, 32, kernel, 64);
    const auto y = graph.relu(graph.add(graph.convolution(x, w, window), graph.channels(32)));
    graph.result(y, CUDNN_DATA_HALF, 96);
    const auto built = graph.build(nullptr);
    const auto candidates = cudnn::candidates(built, on);
    expect(!candidates.empty() && candidates[0].compiled, "no engine that is compiled is suggested");
    std::string refusal;
    const auto plan = cudnn::make_plan(candidates[0], on, refusal);
    expect(plan != nullptr, refusal);
    const auto again = cudnn::load_plan(candidates[0], on, plan->text());
    expect(again != nullptr, "its text is not taken");
    expect(again->workspace() == plan->workspace() && again->text() == plan->text(), "it is another plan");
    expect(!cudnn::load_plan(candidates[0], on, plan->text().substr(0, 500)), "half a text is taken");
    expect(!cudnn::load_plan(candidates[0], on, ""), "no text is taken");
    const auto made = cudnn::candidate(built, on, candidates[0].choice);
    expect(cudnn::make_plan(made, on, refusal) != nullptr,
           "the engine is not found by its number: " + refusal);
  }
}

/// Under the name by which NVRTC opens it when it compiles.
void check_compiler() {
  for (const auto& library : googlenet::backends::cuda::libraries().report()) {
    if (!library.name.starts_with("libnvrtc")) continue;
    const std::string builtins = "libnvrtc-builtins.so." + library.version;
    expect(dlopen(builtins.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr, builtins + " is not open");
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    const std::string what = count > 1 ? arguments[1] : "";
    if (what == "compiler") {
      check_compiler();
    } else if (what == "files" && count == 3) {
      check_choices();
      check_timed(arguments[2]);
      check_compiled(arguments[2]);
    } else if (what == "plans" && count == 3) {
      check_plans(arguments[2]);
    } else {
      throw std::runtime_error("usage: checks files FOLDER | checks plans DEVICE.json | checks compiler");
    }
    std::cout << "good\n";
  } catch (const std::exception& wrong) {
    std::cout << wrong.what() << "\n";
    return 1;
  }
}
