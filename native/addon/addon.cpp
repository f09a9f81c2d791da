#include "addon/addon.h"

namespace {

Napi::Object init(Napi::Env env, Napi::Object exports) {
  googlenet::addon::init_system(env, exports);
  googlenet::addon::init_network(env, exports);
  googlenet::addon::init_loader(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(googlenet, init)
