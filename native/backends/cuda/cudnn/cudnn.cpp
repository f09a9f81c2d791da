#include "backends/cuda/cudnn/cudnn.h"

#include "backends/cuda/cudnn/timing.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

using cudnn::Candidate;
using cudnn::Plan;

std::string card_key(const Options& options) {
  cudaDeviceProp card{};
  GOOGLENET_CUDA(cudaGetDeviceProperties(&card, options.device));
  std::string key = std::string(card.name) + ", " + std::to_string(card.multiProcessorCount) +
                    " processors, cuDNN " + std::to_string(libraries().cudnn_version());
  if (options.deterministic) key += ", deterministic";
  if (options.tf32) key += ", tf32";
  return key + ": ";
}

cudnn::Descriptor describe(const std::string& description) {
  cudnn::Descriptor device(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  device.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, std::span<const char>(description));
  device.finalize("the description of a device");
  return device;
}

}  // namespace

Cudnn::Cudnn(const Options& options, cudaStream_t stream)
    : options_(options),
      stream_(stream),
      timed_(options.tune ? options.plan_cache : ""),
      compiled_(options.plan_cache.empty() ? "" : options.plan_cache + ".compiled") {
  cudnnHandle_t handle = nullptr;
  cudnn::check(cudnn::api().cudnnCreate(&handle), "cudnnCreate");
  handle_.reset(handle);
  cudnn::check(cudnn::api().cudnnSetStream(handle, stream), "cudnnSetStream");
  device_.handle = handle;
  card_ = card_key(options);
}

Cudnn::Cudnn(const Options& options, const std::string& description)
    : options_(options), described_(describe(description)), timed_(""), compiled_("") {
  device_.described = &*described_;
}

Cudnn::~Cudnn() = default;

/// In fp32 an engine on tensor cores multiplies in TF32, unless it says that it converts to less still.
bool Cudnn::allowed(const Candidate& candidate) const {
  if (options_.deterministic && !candidate.deterministic) return false;
  if (candidate.reduced_sums) return false;
  if (options_.precision != Precision::Fp32) return true;
  return options_.tf32 || !(candidate.tensor_cores || candidate.converts_down);
}

std::vector<Candidate> Cudnn::candidates(const cudnn::Graph::Built& graph) const {
  std::vector<Candidate> found;
  for (Candidate& candidate : cudnn::candidates(graph, device_)) {
    if (allowed(candidate)) found.push_back(std::move(candidate));
  }
  return found;
}

std::shared_ptr<Plan> Cudnn::make(const Candidate& candidate, const std::string& text,
                                  std::string& refusal) const {
  if (!candidate.compiled) return make_plan(candidate, device_, refusal);
  const std::string key = card_ + text + " by " + candidate.choice.text();
  if (const std::optional<std::string> kept = compiled_.find(key)) {
    if (std::shared_ptr<Plan> plan = load_plan(candidate, device_, *kept)) return plan;
  }
  std::shared_ptr<Plan> plan = make_plan(candidate, device_, refusal);
  if (plan) compiled_.put(key, plan->text());
  return plan;
}

std::shared_ptr<Plan> Cudnn::first(const cudnn::Graph::Built& built, const std::string& text,
                                   std::string& refusal) const {
  for (const Candidate& candidate : candidates(built)) {
    if (std::shared_ptr<Plan> plan = make(candidate, text, refusal)) return plan;
  }
  if (refusal.empty()) refusal = "no engine that computes as asked for is suggested";
  return nullptr;
}

std::shared_ptr<Plan> Cudnn::tuned(const cudnn::Graph& graph, const cudnn::Graph::Built& built,
                                   const std::string& text, std::string& refusal) {
  const std::string key = card_ + text;
  if (const std::optional<cudnn::Timed> kept = timed_.find(key)) {
    try {
      std::shared_ptr<Plan> plan = make(candidate(built, device_, kept->choice), text, refusal);
      if (plan) {
        plan->microseconds = kept->microseconds;
        return plan;
      }
    } catch (const Error&) {
      // The file was written by hand or for another card of the same name: timed anew below.
    }
  }
  const auto make = [&](const Candidate& candidate) { return this->make(candidate, text, refusal); };
  std::shared_ptr<Plan> plan = cudnn::fastest(graph, candidates(built), make, device_, stream_, refusal);
  if (plan) timed_.put(key, {plan->choice(), plan->microseconds});
  return plan;
}

Cudnn::Answer Cudnn::choose(const cudnn::Graph& graph, const std::string& text) {
  Answer answer;
  try {
    const cudnn::Graph::Built built = graph.build(device_.handle);
    if (options_.tune && device_.handle != nullptr) {
      answer.plan = tuned(graph, built, text, answer.refusal);
    }
    if (!answer.plan) answer.plan = first(built, text, answer.refusal);
  } catch (const Error& failure) {
    // A card that is broken refuses all: that is no answer.
    if (device_.handle != nullptr && cudaStreamSynchronize(stream_) != cudaSuccess) throw;
    answer.refusal = failure.what();
  }
  return answer;
}

const Cudnn::Answer& Cudnn::ask(const cudnn::Graph& graph) {
  const std::string text = graph.text();
  const auto known = answers_.find(text);
  if (known != answers_.end()) return known->second;
  return answers_.emplace(text, choose(graph, text)).first->second;
}

}  // namespace googlenet::backends::cuda
