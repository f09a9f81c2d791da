// Which backend a network runs on.
#pragma once
#include <memory>
#include <string>

#include "backends/backend.h"
#include "backends/cuda/module.h"

namespace googlenet::addon {

struct Device {
  enum class Kind { Auto, Cpu, Cuda };
  Kind kind = Kind::Auto;
  int number = 0;
};

struct ChosenBackend {
  std::unique_ptr<backends::Backend> backend;
  std::string device;       // "cpu", "cuda:0"
  std::string passed_over;  // why Auto left out a GPU that is there; empty: it did not
};

/// What opens a decoder of pictures on a GPU, on the thread that will use it: ERR_GOOGLENET_DEVICE then.
images::OpenDeviceDecoder picture_decoder(const backends::cuda::PictureOptions& options);

/// `options` without their device. Auto is the first GPU where one can be used, and otherwise the CPU. Throws
/// ERR_GOOGLENET_DEVICE and ERR_GOOGLENET_PRECISION.
ChosenBackend choose_backend(const Device& device, const backends::cuda::Options& options, int threads);

}  // namespace googlenet::addon
