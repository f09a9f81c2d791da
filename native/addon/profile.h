// Profiles as the data of binding.d.ts.
#pragma once
#include <napi.h>

#include "graph/network.h"

namespace googlenet::addon {

/// A profile, and where the parameters lie that its plan names.
struct Profiled {
  graph::Profile profile;
  std::vector<graph::Parameter> parameters;
};

Napi::Value to_js(Napi::Env env, const Profiled& profiled);

}  // namespace googlenet::addon
