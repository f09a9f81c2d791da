// The face of the CUDA module: all that the addon asks of it, found by dlsym(). The addon includes this file
// and capabilities.h and nothing else from here.
#pragma once
#include <string>
#include <vector>

#include "backends/backend.h"
#include "images/device_decoder.h"

namespace googlenet::backends::cuda {

struct Options {
  int device = 0;
  Precision precision = Precision::Bf16;
  bool tf32 = false;           // fp32: products may round to TF32
  bool deterministic = false;  // deterministic engines only
  bool tune = false;           // time cuDNN's candidates instead of taking its first
  std::string plan_cache;      // file of the plans that were timed; empty: none
};

/// How a thread decodes pictures.
struct PictureOptions {
  int device = 0;
  int channels = 3;      // or 1
  bool accurate = true;  // chroma is interpolated
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

struct NamedPlan {
  std::string name;  // for people
  graph::Plan plan;
};

/// A graph that cuDNN was asked to plan for a device that is not here.
struct PlannedGraph {
  std::string graph;               // what it computes, shapes and types
  std::vector<std::string> steps;  // what it is for, as "convolution of LAYERS, NAME OF PLAN"
  std::string engine;              // cuDNN's number and knobs; empty: none takes it
  bool compiled = false;           // the engine is compiled at run time
  bool whole = true;               // or the engine does the convolution alone and our kernels the rest
  int64_t workspace = 0;           // bytes
  std::string refusal;             // why there is no engine, or none for the whole
};

}  // namespace googlenet::backends::cuda

#pragma GCC visibility push(default)
extern "C" {
/// The version of googlenet that the module was built from; only an addon of the same may call the others.
const char* googlenet_cuda_version();
/// Throws ERR_GOOGLENET_DEVICE when there is no such device, driver or library, saying where it was looked
/// for and what brings it, and ERR_GOOGLENET_PRECISION when the card lacks the precision.
googlenet::backends::Backend* googlenet_cuda_backend(const googlenet::backends::cuda::Options& options);
/// For the calling thread, which owns it and alone calls it. Throws ERR_GOOGLENET_DEVICE when there is no
/// such device, driver or nvJPEG, saying where it was looked for and what brings it.
googlenet::images::DeviceDecoder* googlenet_cuda_picture_decoder(
    const googlenet::backends::cuda::PictureOptions& options);
/// Throws nothing.
void googlenet_cuda_report(googlenet::backends::cuda::Report& report);
/// Plans the convolutions of these plans for a device in cuDNN's JSON description, with no card: each graph
/// once. Engines that are compiled at run time are suggested only where a libcuda.so.1 loads. Throws
/// ERR_GOOGLENET_DEVICE when a library is missing or the description is not taken.
void googlenet_cuda_plan_graphs(const googlenet::backends::cuda::Options& options, const std::string& device,
                                const std::vector<googlenet::backends::cuda::NamedPlan>& plans,
                                std::vector<googlenet::backends::cuda::PlannedGraph>& graphs);
}
#pragma GCC visibility pop
