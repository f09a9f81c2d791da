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
    : options_(options), stream_(stream), cache_(options.tune ? options.plan_cache : "") {
  cudnnHandle_t handle = nullptr;
  cudnn::check(cudnn::api().cudnnCreate(&handle), "cudnnCreate");
  handle_.reset(handle);
  cudnn::check(cudnn::api().cudnnSetStream(handle, stream), "cudnnSetStream");
  device_.handle = handle;
  card_ = card_key(options);
}

Cudnn::Cudnn(const Options& options, const std::string& description)
    : options_(options), described_(describe(description)), cache_("") {
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

std::shared_ptr<const Plan> Cudnn::first(std::vector<Candidate> candidates, Asked& asked) const {
  for (Candidate& candidate : candidates) {
    if (!allowed(candidate)) continue;
    const bool compiled = candidate.compiled;
    std::shared_ptr<const Plan> plan = make_plan(std::move(candidate), device_, asked.refusal);
    if (plan) return plan;
    asked.compiled_refused |= compiled;
  }
  if (asked.refusal.empty()) asked.refusal = "no engine is suggested that computes as asked for";
  return nullptr;
}

std::shared_ptr<const Plan> Cudnn::tuned(const cudnn::Graph& graph, const cudnn::Graph::Built& built,
                                         Asked& asked) {
  const std::string key = card_ + asked.graph;
  if (const std::optional<cudnn::Timed> kept = cache_.find(key)) {
    try {
      std::shared_ptr<Plan> plan = make_plan(candidate(built, device_, kept->choice), device_, asked.refusal);
      if (plan) {
        plan->microseconds = kept->microseconds;
        return plan;
      }
    } catch (const Error&) {
      // The file was written by hand or for another card of the same name: timed anew below.
    }
  }
  std::vector<Candidate> timed;
  for (Candidate& candidate : candidates(built, device_)) {
    if (allowed(candidate)) timed.push_back(std::move(candidate));
  }
  std::shared_ptr<const Plan> plan = cudnn::fastest(graph, std::move(timed), device_, stream_, asked.refusal);
  if (plan) cache_.put(key, {plan->candidate().choice, plan->microseconds});
  return plan;
}

Cudnn::Asked Cudnn::ask(const cudnn::Graph& graph, const std::string& text) {
  Asked asked{.graph = text, .plan = nullptr, .refusal = {}};
  std::optional<cudnn::Graph::Built> built;
  try {
    built.emplace(graph.build(device_.handle));
  } catch (const Error& failure) {
    asked.refusal = failure.what();
    return asked;
  }
  if (options_.tune && device_.handle != nullptr) asked.plan = tuned(graph, *built, asked);
  if (!asked.plan) asked.plan = first(candidates(*built, device_), asked);
  return asked;
}

std::shared_ptr<const Plan> Cudnn::find(const cudnn::Graph& graph) {
  const std::string text = graph.text();
  const auto [known, fresh] = known_.try_emplace(text, asked_.size());
  if (fresh) asked_.push_back(ask(graph, text));
  return asked_[known->second].plan;
}

std::shared_ptr<const Plan> Cudnn::require(const cudnn::Graph& graph) {
  std::shared_ptr<const Plan> plan = find(graph);
  if (plan) return plan;
  const Asked& asked = asked_[known_.at(graph.text())];
  throw Error("ERR_GOOGLENET_DEVICE",
              "cuDNN has no engine for " + asked.graph + " on this card: " + asked.refusal);
}

}  // namespace googlenet::backends::cuda
