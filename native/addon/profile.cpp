#include "addon/profile.h"

#include "addon/plan.h"
#include "addon/values.h"

namespace googlenet::addon {

Napi::Value to_js(Napi::Env env, const Profiled& profiled) {
  const graph::Profile& profile = profiled.profile;
  Napi::Object report = Napi::Object::New(env);
  report.Set("plan", to_js(env, Planned{profile.plan, profiled.parameters}));
  report.Set("steps", array(env, profile.parts, [&](const graph::Profile::Part& part) {
               Napi::Object object = Napi::Object::New(env);
               object.Set("name", part.name);
               object.Set("layer", part.layer);
               object.Set("seconds", part.seconds);
               return object;
             }));
  report.Set("whole", profile.whole);
  if (profile.peaks) {
    Napi::Object peaks = Napi::Object::New(env);
    peaks.Set("flops", profile.peaks->flops);
    peaks.Set("bandwidth", profile.peaks->bandwidth);
    report.Set("peaks", peaks);
  }
  return report;
}

}  // namespace googlenet::addon
