// googlenet.node, what Node.js loads: it readies the process, then opens the addon beside it,
// googlenet-addon.so. Needs nothing but the C library, so that it comes before all libraries that the addon
// needs.
#include <dlfcn.h>
#include <node_api.h>

#include <cstdlib>
#include <string>

namespace {

constexpr const char* kAddon = "googlenet-addon.so";

/// OpenMP's threads wait by spinning for milliseconds before they sleep, which starves whatever else wants
/// the cores, the loader's threads too: with one other busy process on two cores inference ran at a fifth,
/// with several at a tenth. Waking costs nothing measurable. libgomp reads this once, when it is loaded. (A
/// worker thread's process.env, and Bun's, do not reach the process.)
void shorten_spinning() {
  if (std::getenv("OMP_WAIT_POLICY") == nullptr) setenv("GOMP_SPINCOUNT", "1000", 0);
}

std::string beside_this() {
  Dl_info self{};
  if (dladdr(reinterpret_cast<const void*>(&shorten_spinning), &self) == 0) return kAddon;
  const std::string path = self.dli_fname;
  return path.substr(0, path.find_last_of('/') + 1) + kAddon;
}

}  // namespace

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  shorten_spinning();
  void* addon = dlopen(beside_this().c_str(), RTLD_NOW | RTLD_LOCAL);
  using Init = napi_value (*)(napi_env, napi_value);
  const auto init = addon ? reinterpret_cast<Init>(dlsym(addon, "napi_register_module_v1")) : nullptr;
  if (init == nullptr) {
    napi_throw_error(env, "ERR_GOOGLENET_BUILD", dlerror());
    return nullptr;
  }
  return init(env, exports);
}
