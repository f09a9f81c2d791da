#include "backends/cuda/cudnn/engine.h"

#include <algorithm>
#include <sstream>

namespace googlenet::backends::cuda::cudnn {
namespace {

constexpr int64_t kMostCandidates = 64, kMostKnobs = 32;
constexpr int64_t kMostText = 4 << 20;  // a plan with its kernel is 64 KB
// Deprecated since a plan can do without a handle, and right in every version.
constexpr auto kPlanHandle = static_cast<cudnnBackendAttributeName_t>(400);

void note(const Descriptor& engine, Candidate& candidate) {
  candidate.choice.engine = engine.get<int64_t>(CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
  for (const auto note : engine.list<cudnnBackendNumericalNote_t>(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                                                                  CUDNN_NUMERICAL_NOTE_TYPE_COUNT)) {
    candidate.tensor_cores |= note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    candidate.converts_down |= note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    candidate.reduced_sums |= note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION;
    candidate.deterministic &= note != CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
  }
  for (const auto note : engine.list<cudnnBackendBehaviorNote_t>(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE,
                                                                 CUDNN_BEHAVIOR_NOTE_TYPE_COUNT)) {
    candidate.compiled |= note == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
  }
}

void suggest(const Graph::Built& graph, const Device& device, cudnnBackendHeurMode_t mode,
             std::vector<Candidate>& found) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph.graph).set(CUDNN_ATTR_ENGINEHEUR_MODE, mode);
  if (device.described != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *device.described);
  // A mode without a suggestion for the graph refuses.
  if (heuristics.try_finalize() != CUDNN_STATUS_SUCCESS) return;
  for (Descriptor& config : heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                                   CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, kMostCandidates)) {
    Candidate candidate{.config = std::move(config), .choice = {}};
    const auto engines =
        candidate.config.descriptors(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR, 1);
    if (engines.empty()) continue;
    note(engines.front(), candidate);
    for (const Descriptor& knob : candidate.config.descriptors(
             CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, kMostKnobs)) {
      candidate.choice.knobs[knob.get<cudnnBackendKnobType_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE)] =
          knob.get<int64_t>(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE);
    }
    found.push_back(std::move(candidate));
  }
}

Descriptor for_device(const Device& device) {
  Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
  if (device.described != nullptr) {
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *device.described);
  } else {
    plan.set(kPlanHandle, device.handle);
  }
  return plan;
}

}  // namespace

// ---- choices

std::string Choice::text() const {
  std::string text = std::to_string(engine);
  for (const auto& [knob, value] : knobs) text += " " + std::to_string(knob) + "=" + std::to_string(value);
  return text;
}

std::optional<Choice> Choice::parse(const std::string& text) {
  std::istringstream words(text);
  Choice choice;
  if (!(words >> choice.engine)) return {};
  int64_t knob = 0, value = 0;
  char equals = 0;
  while (words >> knob >> equals >> value) {
    if (equals != '=') return {};
    choice.knobs[knob] = value;
  }
  if (choice.text() != text) return {};
  return choice;
}

// ---- candidates

std::vector<Candidate> candidates(const Graph::Built& graph, const Device& device) {
  std::vector<Candidate> found;
  suggest(graph, device, CUDNN_HEUR_MODE_A, found);
  suggest(graph, device, CUDNN_HEUR_MODE_FALLBACK, found);
  return found;
}

Candidate candidate(const Graph::Built& graph, const Device& device, const Choice& choice) {
  Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  engine.set(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, graph.graph)
      .set(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, choice.engine);
  if (device.described != nullptr) engine.set(CUDNN_ATTR_ENGINE_DEVICEPROP, *device.described);
  engine.finalize("engine " + std::to_string(choice.engine));
  std::vector<Descriptor> knobs;
  for (const auto& [type, value] : choice.knobs) {
    knobs.emplace_back(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR)
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, static_cast<cudnnBackendKnobType_t>(type))
        .set(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, value)
        .finalize("knob " + std::to_string(type));
  }
  Candidate made{.config = Descriptor(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR), .choice = choice};
  note(engine, made);
  made.config.set(CUDNN_ATTR_ENGINECFG_ENGINE, engine);
  if (!knobs.empty()) made.config.set(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, knobs);
  made.config.finalize("the configuration " + choice.text());
  return made;
}

// ---- plans

Plan::Plan(Descriptor descriptor, Choice choice, bool compiled)
    : descriptor_(std::move(descriptor)), choice_(std::move(choice)), compiled_(compiled) {
  const auto bytes = descriptor_.get<int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
  workspace_ = static_cast<size_t>(std::max<int64_t>(bytes, 0));
}

std::string Plan::text() const {
  const auto text = descriptor_.list<char>(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, kMostText);
  return {text.begin(), std::find(text.begin(), text.end(), '\0')};
}

std::shared_ptr<Plan> make_plan(const Candidate& candidate, const Device& device, std::string& refusal) {
  Descriptor plan = for_device(device);
  plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, candidate.config);
  const cudnnStatus_t status = plan.try_finalize();
  if (status != CUDNN_STATUS_SUCCESS) {
    refusal = explain(status);
    return nullptr;
  }
  return std::make_shared<Plan>(std::move(plan), candidate.choice, candidate.compiled);
}

std::shared_ptr<Plan> load_plan(const Candidate& candidate, const Device& device, const std::string& text) {
  Descriptor plan = for_device(device);
  const std::span<const char> terminated(text.c_str(), text.size() + 1);
  if (!plan.try_set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, terminated)) return nullptr;
  if (plan.try_finalize() != CUDNN_STATUS_SUCCESS) return nullptr;
  return std::make_shared<Plan>(std::move(plan), candidate.choice, candidate.compiled);
}

void Execution::run(cudnnHandle_t handle, const std::vector<std::pair<Tensor, void*>>& pointers,
                    void* workspace) {
  std::vector<int64_t> ids;
  std::vector<void*> addresses;
  for (const auto& [tensor, pointer] : pointers) {
    ids.push_back(tensor.id);
    addresses.push_back(pointer);
  }
  if (!pack_ || ids != ids_ || addresses != pointers_ || workspace != workspace_) {
    pack_.reset();
    Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, std::span<const int64_t>(ids))
        .set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, std::span<void* const>(addresses))
        .set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, workspace)
        .finalize("a list of pointers");
    pack_.emplace(std::move(pack));
    ids_ = std::move(ids);
    pointers_ = std::move(addresses);
    workspace_ = workspace;
  }
  check(api().cudnnBackendExecute(handle, plan_->descriptor().handle(), pack_->handle()),
        "engine " + plan_->choice().text());
}

}  // namespace googlenet::backends::cuda::cudnn
