// The addon's subjects: each registers what it exports. binding.d.ts is their typed surface.
#pragma once
#include <napi.h>

namespace googlenet::addon {

void init_network(Napi::Env env, Napi::Object exports);
void init_plan(Napi::Env env, Napi::Object exports);
void init_loader(Napi::Env env, Napi::Object exports);
void init_packer(Napi::Env env, Napi::Object exports);
void init_system(Napi::Env env, Napi::Object exports);

}  // namespace googlenet::addon
