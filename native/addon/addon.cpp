#include "addon/addon.h"

#include "addon/environment.h"
#include "addon/errors.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  return googlenet::addon::guarded(env, [&] {
    googlenet::addon::Environment::install(env);
    googlenet::addon::init_system(env, exports);
    googlenet::addon::init_network(env, exports);
    googlenet::addon::init_plan(env, exports);
    googlenet::addon::init_loader(env, exports);
    googlenet::addon::init_packer(env, exports);
    return exports;
  });
}

}  // namespace

NODE_API_MODULE(googlenet, init)
