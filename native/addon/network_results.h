// What the graph reports as the JavaScript values of binding.d.ts.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "graph/network.h"

namespace googlenet::addon {

/// Of work that only does something: `undefined`.
struct Nothing {};

Napi::Value to_js(Napi::Env env, Nothing);
Napi::Value to_js(Napi::Env env, const std::vector<std::vector<float>>& logits);
Napi::Value to_js(Napi::Env env, const graph::StepResult& result);
Napi::Value to_js(Napi::Env env, const graph::MemoryUse& use);
Napi::Value to_js(Napi::Env env, const graph::Network::Counters& counters);
/// None: `undefined`.
Napi::Value to_js(Napi::Env env, const std::optional<backends::LossScale>& scale);

/// Tensors for getTensors(): made on JavaScript's thread, filled on the executor's. JavaScript sees the
/// arrays only afterwards, so nobody can detach them meanwhile, and nothing large is copied on JavaScript's
/// thread.
class TensorReceiver {
 public:
  TensorReceiver(Napi::Env env, graph::TensorSet set, const graph::ParameterTable& table);

  /// Stays empty when the network keeps no such set.
  void fill(graph::Network& network);
  Napi::Value take(Napi::Env env) const;

 private:
  struct Slot {
    const graph::Parameter* parameter = nullptr;
    float* data = nullptr;
    Napi::Reference<Napi::Float32Array> values;
  };
  graph::TensorSet set_;
  std::vector<Slot> slots_;
  bool filled_ = false;
};
Napi::Value to_js(Napi::Env env, const std::shared_ptr<TensorReceiver>& receiver);

}  // namespace googlenet::addon
