// system(): what this machine and the loaded libraries can do, for `googlenet doctor`.
// jpeglib.h uses FILE and size_t without including them.
// clang-format off
#include <cstdio>
#include <jpeglib.h>
// clang-format on
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <unordered_set>

#include "addon/addon.h"
#include "addon/cuda_module.h"
#include "addon/errors.h"
#include "addon/values.h"
#include "backends/cpu/cpu.h"
#include "cores.h"

#define GOOGLENET_TEXT_OF(value) #value
#define GOOGLENET_TEXT(macro) GOOGLENET_TEXT_OF(macro)

namespace googlenet::addon {
namespace {

/// What decides how fast we are, in the kernel's spelling: the floor of the build first, then what oneDNN
/// uses.
constexpr const char* kFeatures[] = {"avx2",        "fma",      "f16c",     "avx_vnni",    "avx512f",
                                     "avx512bw",    "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16",
                                     "avx512_fp16", "amx_tile", "amx_bf16", "amx_int8"};

/// The value of the first line `key : value` of /proc/cpuinfo; empty when there is none.
std::string cpuinfo(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2);
  }
  return {};
}

/// The version of the headers, if the library that was loaded is a libjpeg-turbo too (another libjpeg of the
/// same ABI may take its place).
std::string jpeg_version() {
  jpeg_error_mgr errors;
  jpeg_std_error(&errors);
  for (int i = 0; i <= errors.last_jpeg_message; i++) {
    const char* message = errors.jpeg_message_table[i];
    if (message != nullptr && std::string(message).find("libjpeg-turbo") != std::string::npos) {
      return GOOGLENET_TEXT(LIBJPEG_TURBO_VERSION);
    }
  }
  return "not libjpeg-turbo";
}

Napi::Object cuda(Napi::Env env) {
  namespace cuda = backends::cuda;
  const cuda::Report found = cuda_report();
  const auto text = [&](const std::string& text) { return Napi::String::New(env, text); };
  Napi::Object report = Napi::Object::New(env);
  report.Set("module", cuda_module().path);
  report.Set("problem", found.problem);
  report.Set("driver", found.driver);
  report.Set("libraries", array(env, found.libraries, [&](const cuda::Library& library) {
               Napi::Object object = Napi::Object::New(env);
               object.Set("name", library.name);
               object.Set("version", library.version);
               object.Set("path", library.path);
               object.Set("lookedIn", array(env, library.looked_in, text));
               return object;
             }));
  report.Set("cards", array(env, found.cards, [&](const cuda::Card& card) {
               Napi::Object object = Napi::Object::New(env);
               object.Set("name", card.name);
               object.Set("capability", std::to_string(card.major) + "." + std::to_string(card.minor));
               object.Set("memory", number(env, card.memory));
               object.Set("free", number(env, card.free));
               object.Set("processors", card.processors);
               return object;
             }));
  return report;
}

Napi::Value system(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const backends::CpuReport found = backends::cpu_report();
    const std::string model = cpuinfo("model name");
    std::istringstream flags(cpuinfo("flags"));
    const std::unordered_set<std::string> present(std::istream_iterator<std::string>(flags), {});
    Napi::Array features = Napi::Array::New(env);
    for (const char* feature : kFeatures) {
      if (present.count(feature) > 0) features.Set(features.Length(), feature);
    }
    Napi::Object cpu = Napi::Object::New(env);
    cpu.Set("model", model.empty() ? "unknown" : model);
    cpu.Set("features", features);
    cpu.Set("cores", usable_cores());
    cpu.Set("bf16", found.bf16);
    Napi::Object onednn = Napi::Object::New(env);
    onednn.Set("version", found.onednn_version);
    onednn.Set("runtime", found.runtime);
    onednn.Set("isa", found.isa);
    Napi::Object jpeg = Napi::Object::New(env);
    jpeg.Set("version", jpeg_version());
    Napi::Object report = Napi::Object::New(env);
    report.Set("cpu", cpu);
    report.Set("onednn", onednn);
    report.Set("jpeg", jpeg);
    report.Set("cuda", cuda(env));
    return report;
  });
}

Napi::Value use_module(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    use_cuda_module(info[0].ToString().Utf8Value());
    return info.Env().Undefined();
  });
}

}  // namespace

void init_system(Napi::Env env, Napi::Object exports) {
  exports.Set("system", Napi::Function::New(env, system, "system"));
  exports.Set("useCudaModule", Napi::Function::New(env, use_module, "useCudaModule"));
}

}  // namespace googlenet::addon
