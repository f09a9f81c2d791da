#include "addon/devices.h"

#include <glob.h>

#include "addon/cuda_module.h"
#include "backends/cpu/cpu.h"
#include "error.h"

namespace googlenet::addon {
namespace {

/// Whether the system has a GPU of NVIDIA's, usable or not.
bool has_card() {
  glob_t found{};
  const bool any = glob("/dev/nvidia[0-9]*", 0, nullptr, &found) == 0;
  globfree(&found);
  return any;
}

ChosenBackend cpu(backends::Precision precision, int threads) {
  return {backends::make_cpu_backend(precision, threads), "cpu", ""};
}

/// Where no GPU can be used, and why.
ChosenBackend cpu_instead(backends::Precision precision, int threads, const std::string& why) {
  try {
    ChosenBackend chosen = cpu(precision, threads);
    if (has_card()) chosen.passed_over = why;
    return chosen;
  } catch (const Error& error) {
    throw Error(error.code(), std::string(error.what()) + "; " + why);
  }
}

ChosenBackend gpu(backends::cuda::Options options, int number) {
  const std::string device = "cuda:" + std::to_string(number);
  options.device = number;
  try {
    const CudaModule& module = cuda_module();
    if (!module.problem.empty()) throw Error("ERR_GOOGLENET_DEVICE", module.problem);
    return {std::unique_ptr<backends::Backend>(module.backend(options)), device, ""};
  } catch (const Error& error) {
    throw Error(error.code(), "the device " + device + " cannot be used: " + error.what());
  }
}

}  // namespace

images::OpenDeviceDecoder picture_decoder(const backends::cuda::PictureOptions& options) {
  return [options] {
    const CudaModule& module = cuda_module();
    if (!module.problem.empty()) {
      throw Error("ERR_GOOGLENET_DEVICE", "pictures cannot be decoded on cuda:" +
                                              std::to_string(options.device) + ": " + module.problem);
    }
    return std::unique_ptr<images::DeviceDecoder>(module.picture_decoder(options));
  };
}

ChosenBackend choose_backend(const Device& device, const backends::cuda::Options& options, int threads) {
  switch (device.kind) {
    case Device::Kind::Cpu:
      return cpu(options.precision, threads);
    case Device::Kind::Cuda:
      return gpu(options, device.number);
    case Device::Kind::Auto:
      break;
  }
  try {
    return gpu(options, 0);
  } catch (const Error& error) {
    return cpu_instead(options.precision, threads, error.what());
  }
}

}  // namespace googlenet::addon
