// Plans as the data of binding.d.ts.
#pragma once
#include <napi.h>

#include "graph/parameters.h"
#include "graph/plan.h"

namespace googlenet::addon {

/// A plan, and where the parameters lie that its steps name.
struct Planned {
  graph::Plan plan;
  std::vector<graph::Parameter> parameters;
};

Napi::Value to_js(Napi::Env env, const Planned& planned);

}  // namespace googlenet::addon
