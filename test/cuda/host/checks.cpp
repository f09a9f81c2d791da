// The CUDA backend's host side on the device of device.h: `checks <name>` runs one check over many seeds, and
// prints what is wrong.
#include <dlfcn.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>

#include "backends/cuda/backend.h"
#include "backends/cuda/cards.h"
#include "backends/cuda/cudnn/timing.h"
#include "device.h"
#include "error.h"
#include "graph/network.h"
#include "operations.h"
#include "random.h"

using namespace googlenet;
using backends::Precision;
using backends::cuda::CudaBackend;

namespace {

constexpr uint64_t kSeed = 9;
constexpr int kChannels = 3, kSide = 4, kClasses = 5;

struct Wrong : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class A, class B>
void same(const A& found, const B& wanted, const std::string& what) {
  if (found == wanted) return;
  std::ostringstream text;
  text.precision(17);
  text << what << ": found " << found << ", wanted " << wanted;
  throw Wrong(text.str());
}

void contains(const std::string& text, const std::string& part) {
  if (text.find(part) == std::string::npos) throw Wrong("no \"" + part + "\" in: " + text);
}

/// The error of a code that `body` throws.
template <class Body>
std::string refusal(const std::string& code, Body body) {
  try {
    body();
  } catch (const Error& error) {
    same(error.code(), code, "code of \"" + std::string(error.what()) + "\"");
    return error.what();
  }
  throw Wrong("nothing was thrown, wanted " + code);
}

using Memory = std::unique_ptr<void, std::function<void(void*)>>;

/// A batch with an owner, gone as soon as its step has ended; in ordinary or in page-locked memory.
struct OwnedBatch {
  int64_t count;
  bool bytes, page_locked;
  Memory memory;
  std::vector<int32_t> labels;

  OwnedBatch(std::mt19937_64& random, int64_t most, const backends::HostMemory& host)
      : OwnedBatch(random, 1 + random() % most, host, random() % 2) {}
  OwnedBatch(std::mt19937_64& random, int64_t number, const backends::HostMemory& host, bool of_bytes)
      : count(number), bytes(of_bytes), page_locked(random() % 2) {
    const int64_t values = count * kChannels * kSide * kSide;
    const size_t size = values * (bytes ? 1 : sizeof(float));
    memory = page_locked ? Memory(host.allocate(size), host.free) : Memory(std::malloc(size), std::free);
    for (int64_t i = 0; i < values; i++) {
      if (bytes) {
        static_cast<uint8_t*>(memory.get())[i] = static_cast<uint8_t>(random());
      } else {
        static_cast<float*>(memory.get())[i] = static_cast<float>(random() % 1024) - 512;
      }
    }
    for (int64_t n = 0; n < count; n++) labels.push_back(random() % kClasses);
  }
  graph::Batch view() const {
    return {{memory.get(), bytes, false, page_locked}, count, {kChannels, kSide, kSide}};
  }
  int64_t pixels() const { return count * kChannels * kSide * kSide; }
  double sum() const { return operations::sum_of(view().images, pixels()); }
  double loss(int64_t batches) const {
    double loss = sum() + static_cast<double>(mix(kSeed, static_cast<uint64_t>(batches)) % 1000);
    for (int64_t n = 0; n < count; n++) loss += labels[n] * 1000.0 * static_cast<double>(n + 1);
    return loss;
  }
};

graph::Definition definition() {
  graph::Layer head{};
  head.kind = graph::LayerKind::Linear;
  head.name = "head";
  head.inputs = {"input"};
  head.out_channels = kClasses;
  head.bias = true;
  graph::Definition definition;
  definition.input = {kChannels, kSide, kSide};
  definition.mean = {0, 0, 0};
  definition.std = {1, 1, 1};
  definition.layers = {head};
  definition.heads = {{"head", 1}};
  return definition;
}

graph::Network make_network(Precision precision) {
  backends::cuda::Options options;
  options.precision = precision;
  return {definition(), std::make_unique<CudaBackend>(options), kSeed};
}

// ---- checks

void check_cards(uint64_t) {
  const auto refused = [](const std::string& code, int number, Precision precision) {
    backends::cuda::Options options;
    options.device = number;
    options.precision = precision;
    return refusal(code, [&] { backends::cuda::check_card(options); });
  };
  device::machine.cards = {{"NVIDIA H200", 9, 0}, {"Tesla T4", 7, 5}, {"Tesla V100", 7, 0}};
  backends::cuda::check_card({});
  backends::cuda::Options half;
  half.device = 1;
  half.precision = Precision::Fp16;
  backends::cuda::check_card(half);
  contains(refused("ERR_GOOGLENET_DEVICE", 7, Precision::Fp32), "cuda:1 (Tesla T4), cuda:2 (Tesla V100)");
  contains(refused("ERR_GOOGLENET_PRECISION", 1, Precision::Bf16), "Tesla T4 has compute capability 7.5");
  contains(refused("ERR_GOOGLENET_DEVICE", 2, Precision::Fp32), "7.0, 7.5 is the least");
  const std::vector<backends::cuda::Card> cards = backends::cuda::find_cards();
  same(cards.size(), size_t{3}, "cards");
  const std::vector<int64_t> free = {1000, 2000, 0};  // as stubs/cards.cpp has it
  for (size_t i = 0; i < free.size(); i++) same(cards[i].free, free[i], "bytes that are free");
  const auto contexts = reinterpret_cast<int (*)()>(dlsym(dlopen("libcuda.so.1", RTLD_NOW), "contexts"));
  same(contexts(), 0, "contexts left on cards");
  device::machine.cards.resize(1);
  contains(refused("ERR_GOOGLENET_DEVICE", 1, Precision::Fp32), "there is only cuda:0 (NVIDIA H200)");

  device::machine.enumeration = cudaErrorInsufficientDriver;
  device::machine.driver = 12040;
  contains(refused("ERR_GOOGLENET_DEVICE", 0, Precision::Fp32), "supports CUDA 12.4");
  device::machine.driver = 0;
  contains(refused("ERR_GOOGLENET_DEVICE", 0, Precision::Fp32), "no NVIDIA driver");
  same(backends::cuda::driver_version(), "", "driver");
}

/// Steps and forward passes in flight, batches of all sizes and both types.
void check_calls(uint64_t seed) {
  std::mt19937_64 random(seed);
  graph::Network network = make_network(seed % 2 ? Precision::Fp32 : Precision::Fp16);
  const graph::Parameter& first = network.table().parameters.front();
  float weight = network.get(graph::TensorSet::Weights, first)[0];
  struct Call {
    OwnedBatch batch;
    std::optional<double> loss;  // of a step
  };
  std::deque<Call> begun;
  int64_t batches = 0, steps = 0, ended = 0;
  const auto end = [&] {
    const Call& call = begun.front();
    if (call.loss) {
      const graph::StepResult result = network.end_step();
      same(result.loss, *call.loss, "loss");
      same(result.top1, 1, "top1");
      ended++;
    } else {
      const auto logits = network.end_forward();
      same(logits[0].size(), static_cast<size_t>(call.batch.count * kClasses), "logits");
      for (float logit : logits[0]) same(logit, static_cast<float>(call.batch.sum()), "logit");
    }
    begun.pop_front();
    same(network.counters().batches, ended, "batches");
  };
  for (int i = 0; i < 60; i++) {
    while (begun.size() == static_cast<size_t>(network.steps_in_flight())) end();
    if (random() % 8 == 0 && !begun.empty()) end();
    begun.push_back({OwnedBatch(random, 6, *network.host_memory()), {}});
    Call& call = begun.back();
    if (random() % 3 == 0) {
      network.begin_forward(call.batch.view(), graph::Mode::Inference, false, false);
      continue;
    }
    graph::StepOptions options;
    options.learning_rate = static_cast<float>(random() % 100) / 128;
    options.accumulate_count = 1 + static_cast<int>(random() % 2);
    options.accumulate_index = static_cast<int>(random() % options.accumulate_count);
    call.loss = call.batch.loss(batches++);
    network.begin_step(call.batch.view(), call.batch.labels.data(), options);
    if (options.accumulate_index + 1 < options.accumulate_count) continue;
    weight += options.learning_rate;
    steps++;
  }
  while (!begun.empty()) end();
  same(network.get(graph::TensorSet::Weights, first)[0], weight, "weight");
  same(network.counters().steps, steps, "steps");
}

/// The first step goes by itself, the second is recorded, later ones are replayed.
void check_recording(uint64_t seed) {
  std::mt19937_64 random(seed);
  graph::Network network = make_network(Precision::Bf16);
  OwnedBatch batch(random, 4, *network.host_memory());
  int64_t batches = 0;
  const auto step = [&] {
    network.begin_step(batch.view(), batch.labels.data(), {});
    same(network.end_step().loss, batch.loss(batches++), "loss");
  };
  step();
  same(device::counts.launches, 0, "launches after the first step");
  operations::fails = true;
  try {
    network.begin_step(batch.view(), batch.labels.data(), {});
    throw Wrong("a failing operation was recorded");
  } catch (const Wrong&) {
    throw;
  } catch (const std::runtime_error&) {
  }
  same(device::counts.graphs, 0, "graphs after a recording that failed");
  for (int i = 0; i < 5; i++) step();
  same(device::counts.graphs, 1, "graphs");
  same(device::counts.launches, 5, "launches");
  const auto other = [&] {
    network.begin_forward(batch.view(), graph::Mode::Inference, false, false);
    network.end_forward();
  };
  for (int i = 0; i < 3; i++) other();
  same(device::counts.graphs, 2, "graphs with that of inference");
  same(device::counts.launches, 7, "launches with those of inference");
}

/// A run that cannot be recorded goes by itself, and the next kind of run is recorded all the same.
void check_plain(uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto run = [&](auto prevent, auto allow, const std::string& reason) {
    graph::Network network = make_network(Precision::Bf16);
    OwnedBatch batch(random, 4, *network.host_memory());
    const device::Counts before = device::counts;
    int64_t batches = 0;
    const auto step = [&] {
      network.begin_step(batch.view(), batch.labels.data(), {});
      same(network.end_step().loss, batch.loss(batches++), "loss");
    };
    prevent();
    for (int i = 0; i < 3; i++) step();
    allow();
    for (int i = 0; i < 3; i++) step();
    same(device::counts.launches, before.launches, "launches");
    contains(network.notice() + ".", reason);
    for (int i = 0; i < 2; i++) {
      network.begin_forward(batch.view(), graph::Mode::Inference, false, false);
      const auto logits = network.end_forward();
      for (float logit : logits[0]) same(logit, static_cast<float>(batch.sum()), "logit");
    }
    return device::counts.launches - before.launches;
  };
  const int recorded =
      run([] { operations::wait = true; }, [] { operations::wait = false; }, "cudaStreamSynchronize");
  same(recorded, 1, "launches of another kind of run");
  const int instantiated = run([] { device::machine.instantiation = cudaErrorMemoryAllocation; },
                               [] { device::machine.instantiation = cudaSuccess; }, "cudaGraphInstantiate");
  same(instantiated, 1, "launches of another kind of run");
  setenv("GOOGLENET_CUDA_GRAPHS", "0", 1);
  same(run([] {}, [] {}, "."), 0, "launches without graphs");
  unsetenv("GOOGLENET_CUDA_GRAPHS");
}

/// A run that fails takes nothing from those before and after it.
void check_failures(uint64_t seed) {
  std::mt19937_64 random(seed);
  setenv("GOOGLENET_CUDA_GRAPHS", "0", 1);  // what is replayed fails no more
  graph::Network network = make_network(Precision::Fp32);
  int64_t batches = 0;
  for (int i = 0; i < 10; i++) {
    OwnedBatch first(random, 6, *network.host_memory()), second(random, 6, *network.host_memory());
    network.begin_step(first.view(), first.labels.data(), {});
    for (size_t failures = random() % 3; failures > 0; failures--) {
      operations::fails = true;
      try {
        network.begin_step(second.view(), second.labels.data(), {});
      } catch (const std::runtime_error&) {
      }
      same(operations::fails, false, "failed");
    }
    network.begin_step(second.view(), second.labels.data(), {});
    same(network.end_step().loss, first.loss(batches++), "loss of the first");
    same(network.end_step().loss, second.loss(batches++), "loss of the second");
  }
  unsetenv("GOOGLENET_CUDA_GRAPHS");
}

/// Memory and graphs go when nothing uses them any more.
void check_ends(uint64_t seed) {
  std::mt19937_64 random(seed);
  graph::Network network = make_network(Precision::Fp32);
  std::deque<OwnedBatch> batches;
  for (int64_t count : {1, 20, 30, 400, 500}) {
    batches.emplace_back(random, count, *network.host_memory(), random() % 2);
    network.begin_step(batches.back().view(), batches.back().labels.data(), {});
    if (batches.size() > 1) network.end_step();
  }
  network.end_step();
  same(device::counts.early, 0, "memory that went too early when batches grew");
  {
    graph::Network other = make_network(Precision::Fp32);
    OwnedBatch batch(random, 4, *network.host_memory());
    for (int i = 0; i < 4; i++) {
      other.begin_step(batch.view(), batch.labels.data(), {});
      if (i < 2) other.end_step();
    }
  }
  same(device::counts.early, 0, "what went too early at the end");
}

/// An engine that does not run is passed over; one that breaks the card is named.
void check_timing(uint64_t) {
  namespace cudnn = backends::cuda::cudnn;
  const backends::cuda::Stream stream = backends::cuda::make_stream();
  const auto runs = [&] { device::enqueue(stream.get(), [] {}); };
  const auto refuses = [] { throw Error("ERR_GOOGLENET_DEVICE", "not on this card"); };
  const auto breaks = [&] {
    device::enqueue(stream.get(), [] { device::machine.broken = cudaErrorIllegalAddress; });
  };
  std::string why;
  const auto choose = [&](const std::vector<cudnn::Candidate>& candidates) {
    const auto make = [](const cudnn::Candidate& candidate) {
      return std::make_shared<cudnn::Plan>(cudnn::Plan{candidate.choice, candidate.run});
    };
    return cudnn::fastest({}, candidates, make, {}, stream.get(), why);
  };
  const auto chosen = choose({{{7}, refuses}, {{8}, runs}});
  same(chosen->choice.engine, 8, "engine");
  same(chosen->microseconds, 1000.0f, "microseconds");
  contains(why, "not on this card");
  const std::string broken = refusal("ERR_GOOGLENET_DEVICE", [&] {
    choose({{{8}, runs}, {{9}, breaks}, {{10}, runs}});
  });
  contains(broken, "engine 9 for a graph");
  contains(broken, "cudaEventSynchronize");
}

/// Every part has its time, by itself and one after another, and the network goes on as if nothing had been.
void check_profile(uint64_t seed) {
  std::mt19937_64 random(seed);
  const size_t before = device::allocated();
  {
    graph::Network network = make_network(seed % 2 ? Precision::Fp32 : Precision::Fp16);
    const graph::Parameter& first = network.table().parameters.front();
    const float weight = network.get(graph::TensorSet::Weights, first)[0];
    const auto scale = [&] { return network.loss_scale().value_or(backends::LossScale{}); };
    same(network.loss_scale().has_value(), seed % 2 == 0, "a loss scale");
    network.set_loss_scale({64, 5, 0, 7});
    const backends::LossScale before_it = scale();
    for (const graph::Mode mode : {graph::Mode::Training, graph::Mode::Inference}) {
      const graph::Profile profile = network.profile(1 + random() % 6, mode, 3);
      const size_t others = mode == graph::Mode::Training ? 2 : 0;
      same(profile.parts.size(), profile.plan.steps.size() + others, "parts");
      for (const auto& part : profile.parts) same(part.seconds, double{1e-3f}, "seconds of " + part.name);
      same(profile.whole > 0, true, "the whole takes time");
      same(profile.peaks.has_value(), false, "peaks");
    }
    same(network.get(graph::TensorSet::Weights, first)[0], weight, "weight");
    same(network.has(graph::TensorSet::Momentum), false, "momentum");
    same(scale().scale, seed % 2 ? 0.0f : 64.0f, "loss scale");
    same(scale().growing, before_it.growing, "steps since it moved");
    same(scale().skipped, before_it.skipped, "updates left out");
    same(network.counters().batches, 0, "batches");
    OwnedBatch batch(random, 4, *network.host_memory());
    for (int i = 0; i < 3; i++) {
      network.begin_step(batch.view(), batch.labels.data(), {});
      same(network.end_step().loss, batch.loss(i), "loss");
    }
  }
  same(device::allocated(), before, "bytes left behind");
}

/// What does not fit says so, with the largest batch that does, and harms nothing.
void check_memory(uint64_t seed) {
  std::mt19937_64 random(seed);
  const size_t before = device::allocated();
  {
    graph::Network network = make_network(Precision::Fp32);
    const auto make = [&](int64_t count, bool bytes) {
      return OwnedBatch(random, count, *network.host_memory(), bytes);
    };
    int64_t batches = 0;
    const auto fits = [&](const OwnedBatch& batch) {
      network.begin_step(batch.view(), batch.labels.data(), {});
      same(network.end_step().loss, batch.loss(batches++), "loss");
    };
    const auto refused = [&](const OwnedBatch& batch, const std::string& purpose) {
      const std::string message = refusal("ERR_GOOGLENET_MEMORY", [&] { fits(batch); });
      contains(message, purpose);
      const std::string mark = "the largest batch that fits has about ";
      contains(message, mark);
      return std::stoll(message.substr(message.find(mark) + mark.size()));
    };
    const auto few = [](size_t bytes, const std::string& what) {
      if (bytes > 16384) throw Wrong(std::to_string(bytes) + " bytes " + what);
    };
    const auto left = [] { return device::machine.memory - device::allocated(); };
    const OwnedBatch small = make(2, true);
    fits(small);
    device::machine.memory = device::allocated() + (size_t{1} << 20);
    OwnedBatch large = make(1, true);
    large.count = 50'000;
    const int64_t largest = refused(large, "activations");
    fits(small);
    // It does fit, one that is a little larger does not, and what it takes is known.
    const OwnedBatch fitting = make(largest, true);
    fits(fitting);
    few(left(), "are left");
    few(device::allocated() - network.memory().total(), "that memory() does not know of");
    same(refused(make(largest + largest / 50, true), ""), largest, "the largest batch");
    fits(fitting);
    // The activations fit, and the images that are computed; not those that are on their way.
    device::machine.memory += 4 * static_cast<size_t>(fitting.pixels());
    const OwnedBatch floats = make(refused(make(largest, false), "the next batch of images"), false);
    fits(floats);
    few(left(), "are left for images as floats");
    same(network.memory().batches, 3 * 4 * (floats.pixels() + floats.count), "bytes of batches");
  }
  same(device::allocated(), before, "bytes left behind");
}

const std::map<std::string, void (*)(uint64_t)> checks = {
    {"cards", check_cards},   {"calls", check_calls},       {"recording", check_recording},
    {"plain", check_plain},   {"failures", check_failures}, {"ends", check_ends},
    {"timing", check_timing}, {"profile", check_profile},   {"memory", check_memory}};

}  // namespace

int main(int count, char** arguments) {
  const auto check = checks.find(count > 1 ? arguments[1] : "");
  if (check == checks.end()) {
    std::cout << "no such check\n";
    return 1;
  }
  for (uint64_t seed = 0; seed < 40; seed++) {
    device::reset(seed);
    try {
      check->second(seed);
    } catch (const std::exception& error) {
      std::cout << "seed " << seed << ": " << error.what() << "\n";
      return 1;
    }
  }
  std::cout << "good\n";
}
