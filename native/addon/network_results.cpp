#include "addon/network_results.h"

#include <algorithm>

#include "addon/values.h"

namespace googlenet::addon {

Napi::Value to_js(Napi::Env env, Nothing) {
  return env.Undefined();
}

Napi::Value to_js(Napi::Env env, const std::vector<std::vector<float>>& logits) {
  return array(env, logits, [&](const std::vector<float>& head) {
    Napi::Float32Array values = Napi::Float32Array::New(env, head.size());
    std::copy(head.begin(), head.end(), values.Data());
    return values;
  });
}

Napi::Value to_js(Napi::Env env, const graph::StepResult& result) {
  Napi::Object metrics = Napi::Object::New(env);
  metrics.Set("loss", result.loss);
  metrics.Set("headLosses",
              array(env, result.head_losses, [&](double loss) { return Napi::Number::New(env, loss); }));
  metrics.Set("top1", number(env, result.top1));
  metrics.Set("top5", number(env, result.top5));
  return metrics;
}

Napi::Value to_js(Napi::Env env, const graph::MemoryUse& use) {
  Napi::Object report = Napi::Object::New(env);
  report.Set("parameters", number(env, use.parameters));
  report.Set("gradients", number(env, use.gradients));
  report.Set("momentum", number(env, use.momentum));
  report.Set("average", number(env, use.average));
  report.Set("preparedWeights", number(env, use.prepared_weights));
  report.Set("arena", number(env, use.arena));
  report.Set("arenaUnshared", number(env, use.arena_unshared));
  report.Set("workspace", number(env, use.workspace));
  report.Set("batches", number(env, use.batches));
  report.Set("total", number(env, use.total()));
  return report;
}

Napi::Value to_js(Napi::Env env, const graph::Network::Counters& counters) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("steps", number(env, counters.steps));
  object.Set("batches", number(env, counters.batches));
  return object;
}

Napi::Value to_js(Napi::Env env, const std::optional<backends::LossScale>& scale) {
  if (!scale) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("scale", scale->scale);
  object.Set("growing", scale->growing);
  object.Set("skipped", scale->skipped);
  return object;
}

TensorReceiver::TensorReceiver(Napi::Env env, graph::TensorSet set, const graph::ParameterTable& table)
    : set_(set) {
  for (const graph::Parameter& parameter : table.parameters) {
    if (!graph::Network::in_set(set, parameter)) continue;
    const Napi::HandleScope scope(env);
    Napi::Float32Array values = Napi::Float32Array::New(env, parameter.range.count);
    slots_.push_back({&parameter, values.Data(), Napi::Persistent(values)});
  }
}

void TensorReceiver::fill(graph::Network& network) {
  if (!network.has(set_)) return;
  for (const Slot& slot : slots_) {
    const std::vector<float> values = network.get(set_, *slot.parameter);
    std::copy(values.begin(), values.end(), slot.data);
  }
  filled_ = true;
}

Napi::Value TensorReceiver::take(Napi::Env env) const {
  if (!filled_) return Napi::Array::New(env);
  return array(env, slots_, [&](const Slot& slot) {
    const std::vector<int64_t>& shape = slot.parameter->shape;
    Napi::Object tensor = Napi::Object::New(env);
    tensor.Set("name", slot.parameter->name);
    tensor.Set("shape", array(env, shape, [&](int64_t side) { return number(env, side); }));
    tensor.Set("data", slot.values.Value());
    return tensor;
  });
}

Napi::Value to_js(Napi::Env env, const std::shared_ptr<TensorReceiver>& receiver) {
  return receiver->take(env);
}

}  // namespace googlenet::addon
