// JavaScript values that more than one subject makes.
#pragma once
#include <napi.h>

#include <cstdint>

namespace googlenet::addon {

inline Napi::Value number(Napi::Env env, int64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

/// Of each item what `make` makes of it.
template <class Items, class Make>
Napi::Array array(Napi::Env env, const Items& items, Make make) {
  Napi::Array array = Napi::Array::New(env, items.size());
  uint32_t index = 0;
  for (const auto& item : items) array.Set(index++, make(item));
  return array;
}

}  // namespace googlenet::addon
