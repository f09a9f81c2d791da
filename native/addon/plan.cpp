// The plan of a network as data: every field of every step. plan() makes one without the device.
#include "addon/plan.h"

#include <string>
#include <string_view>

#include "addon/addon.h"
#include "addon/errors.h"
#include "addon/network_arguments.h"
#include "addon/values.h"
#include "backends/cpu/capabilities.h"
#include "backends/cuda/capabilities.h"
#include "graph/plan_fields.h"

namespace googlenet::addon {
namespace {

using graph::View;

/// A step of several layers names them all: "a + b + c".
std::vector<std::string> split(const std::string& names) {
  static constexpr std::string_view kSeparator = " + ";
  std::vector<std::string> parts;
  size_t from = 0;
  for (size_t at; (at = names.find(kSeparator, from)) != std::string::npos; from = at + kSeparator.size()) {
    parts.push_back(names.substr(from, at - from));
  }
  parts.push_back(names.substr(from));
  return parts;
}

/// Sets an object's properties to the fields of a step; what a step does without is left out.
class Writer {
 public:
  Writer(Napi::Env env, const graph::Plan& plan) : env_(env), plan_(plan), object_(Napi::Object::New(env)) {}

  Napi::Object object() const { return object_; }

  void operator()(const char* name, bool value) { object_.Set(name, value); }
  void operator()(const char* name, int value) { object_.Set(name, value); }
  void operator()(const char* name, int64_t value) { object_.Set(name, number(env_, value)); }
  void operator()(const char* name, uint64_t value) { (*this)(name, static_cast<int64_t>(value)); }
  void operator()(const char* name, float value) { object_.Set(name, value); }
  void operator()(const char* name, const std::string& value) { object_.Set(name, value); }
  void operator()(const char* name, const graph::Shape& shape) {
    Writer to(env_, plan_);
    to("channels", shape.channels);
    to("height", shape.height);
    to("width", shape.width);
    object_.Set(name, to.object());
  }
  void operator()(const char* name, const graph::Window& window) {
    Writer to(env_, plan_);
    to("batch", window.batch);
    to("in", window.in);
    to("out", window.out);
    to("kernel", window.kernel);
    to("stride", window.stride);
    to("padding", window.padding);
    to("adaptive", window.adaptive);
    object_.Set(name, to.object());
  }
  void operator()(const char* name, const graph::LrnFigures& lrn) {
    Writer to(env_, plan_);
    to("size", lrn.size);
    to("alpha", lrn.alpha);
    to("beta", lrn.beta);
    to("k", lrn.k);
    object_.Set(name, to.object());
  }
  void operator()(const char* name, const graph::Range& range) {
    if (range.count == 0) return;
    Writer to(env_, plan_);
    to("offset", range.offset);
    to("count", range.count);
    object_.Set(name, to.object());
  }
  void operator()(const char* name, const std::optional<graph::Window>& window) {
    if (window) (*this)(name, *window);
  }
  void operator()(const char* name, const std::optional<graph::Fold>& fold) {
    if (!fold) return;
    Writer to(env_, plan_);
    to("gamma", fold->gamma);
    to("beta", fold->beta);
    to("mean", fold->mean);
    to("variance", fold->variance);
    to("epsilon", fold->epsilon);
    object_.Set(name, to.object());
  }
  void operator()(const char* name, const View& view) {
    if (view.buffer >= 0) object_.Set(name, value(view));
  }
  void operator()(const char* name, const std::vector<View>& views) {
    object_.Set(name, array(env_, views, [&](const View& view) { return value(view); }));
  }

 private:
  Napi::Value value(const View& view) const {
    Writer to(env_, plan_);
    to("buffer", plan_.buffers[view.buffer].name);
    to("rows", view.rows);
    to("channels", view.channels);
    to("stride", view.stride);
    to("offset", view.offset);
    to("padding", view.padding);
    return to.object();
  }

  Napi::Env env_;
  const graph::Plan& plan_;
  Napi::Object object_;
};

const char* name_of(graph::Element element) {
  switch (element) {
    case graph::Element::Activation:
      return "activation";
    case graph::Element::Float:
      return "float";
    case graph::Element::Byte:
      return "byte";
  }
  return "";
}

struct Request {
  backends::Precision precision;
  graph::PlanRequest plan;
};

Request read_request(const Field& options) {
  Request read;
  const bool cuda = options["device"].choice<bool>({{"cpu", false}, {"cuda", true}});
  read.precision = read_precision(options["precision"]);
  read.plan.batch = options["batch"].integer(1, kMaxBatch);
  read.plan.mode = read_mode(options["mode"]);
  read.plan.main_head_only = options["mainHeadOnly"].flag() && read.plan.mode == graph::Mode::Inference;
  read.plan.activation_bytes = backends::activation_bytes(read.precision);
  read.plan.capabilities =
      cuda ? backends::cuda::capabilities(read.precision) : backends::cpu::capabilities(read.precision);
  return read;
}

Napi::Value plan(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const graph::Definition definition = read_definition({info[0], "definition"});
    const Request request = read_request({info[1], "options"});
    const graph::Shapes shapes = graph::infer_shapes(definition);
    const graph::ParameterTable table = graph::lay_out_parameters(definition, shapes);
    return to_js(env, Planned{graph::make_plan(definition, shapes, table, request.plan), table.parameters});
  });
}

}  // namespace

Napi::Value to_js(Napi::Env env, const Planned& planned) {
  const graph::Plan& plan = planned.plan;
  const auto text = [&](const std::string& text) { return Napi::String::New(env, text); };
  const auto names = [&](const std::vector<int>& buffers) {
    return array(env, buffers, [&](int buffer) { return text(plan.buffers[buffer].name); });
  };
  Writer report(env, plan);
  report("mode", std::string(plan.mode == graph::Mode::Training ? "train" : "eval"));
  report("batch", plan.batch);
  report("forwardSteps", plan.forward_steps);
  report("heads", plan.heads);
  report("arenaBytes", plan.arena_bytes);
  report("unsharedBytes", plan.unshared_bytes);
  Napi::Object object = report.object();
  object.Set("steps", array(env, plan.steps, [&](const graph::Step& step) {
               Writer writer(env, plan);
               writer("operation", step.name);
               writer.object().Set("layers", array(env, split(step.layer), text));
               writer.object().Set("reads", names(step.reads));
               writer.object().Set("writes", names(step.writes));
               std::visit([&](const auto& what) { graph::each_field(what, writer); }, step.what);
               return writer.object();
             }));
  object.Set("buffers", array(env, plan.buffers, [&](const graph::Buffer& buffer) {
               Writer writer(env, plan);
               writer("name", buffer.name);
               writer("element", std::string(name_of(buffer.element)));
               writer("count", buffer.count);
               writer("offset", buffer.offset);
               writer("bytes", buffer.bytes);
               writer("first", buffer.first);
               writer("last", buffer.last);
               return writer.object();
             }));
  object.Set("parameters", array(env, planned.parameters, [&](const graph::Parameter& parameter) {
               Writer writer(env, plan);
               writer("name", parameter.name);
               writer("offset", parameter.range.offset);
               writer("count", parameter.range.count);
               writer("trainable", parameter.trainable);
               return writer.object();
             }));
  return object;
}

void init_plan(Napi::Env env, Napi::Object exports) {
  exports.Set("plan", Napi::Function::New(env, plan, "plan"));
}

}  // namespace googlenet::addon
