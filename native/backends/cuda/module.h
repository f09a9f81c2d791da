// The face of the CUDA module: all that the addon asks of it, found by dlsym(). The addon includes this file
// and capabilities.h and nothing else from here.
#pragma once
#include <string>
#include <vector>

#include "backends/backend.h"

namespace googlenet::backends::cuda {

struct Options {
  int device = 0;
  Precision precision = Precision::Bf16;
  bool tf32 = false;           // fp32: products may round to TF32
  bool deterministic = false;  // deterministic engines only
  bool tune = false;           // time cuDNN's candidates instead of taking its first
  std::string plan_cache;      // file of the plans that were timed; empty: none
};

/// A library that the module opens at run time.
struct Library {
  std::string name;     // "libcudnn.so.9"
  std::string version;  // "9.24.0"; empty when it was not found
  std::string path;
  std::vector<std::string> looked_in;
};

struct Card {
  std::string name;
  int major = 0, minor = 0;
  int64_t memory = 0, free = 0;  // bytes
  int processors = 0;            // streaming multiprocessors
};

struct Report {
  std::string driver;   // version that the driver supports, "13.0"; empty: none
  std::string problem;  // why no card can be used; empty when one can
  std::vector<Library> libraries;
  std::vector<Card> cards;
};

}  // namespace googlenet::backends::cuda

#pragma GCC visibility push(default)
extern "C" {
/// Throws ERR_GOOGLENET_DEVICE when there is no such device, driver or library, saying where it was looked
/// for and what brings it, and ERR_GOOGLENET_PRECISION when the card lacks the precision.
googlenet::backends::Backend* googlenet_cuda_backend(const googlenet::backends::cuda::Options& options);
/// Throws nothing.
void googlenet_cuda_report(googlenet::backends::cuda::Report& report);
}
#pragma GCC visibility pop
