// cuDNN and cuBLASLt, opened at run time: the module is linked to neither.
#pragma once
#include <cudnn_graph.h>

#include <string>

#include "backends/cuda/library_search.h"

namespace googlenet::backends::cuda {

// clang-format off
#define GOOGLENET_CUDNN_FUNCTIONS(apply) \
  apply(cudnnGetVersion) \
  apply(cudnnGetCudartVersion) \
  apply(cudnnGetErrorString) \
  apply(cudnnGetLastErrorString) \
  apply(cudnnCreate) \
  apply(cudnnDestroy) \
  apply(cudnnSetStream) \
  apply(cudnnBackendCreateDescriptor) \
  apply(cudnnBackendDestroyDescriptor) \
  apply(cudnnBackendFinalize) \
  apply(cudnnBackendSetAttribute) \
  apply(cudnnBackendGetAttribute) \
  apply(cudnnBackendExecute)
// clang-format on

/// What is called of cuDNN: its handle and the backend API.
struct CudnnFunctions {
// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member takes none
#define GOOGLENET_CUDNN_MEMBER(name) decltype(&::name) name = nullptr;
  GOOGLENET_CUDNN_FUNCTIONS(GOOGLENET_CUDNN_MEMBER)
#undef GOOGLENET_CUDNN_MEMBER
};

class Libraries {
 public:
  /// Searches. What is missing is left out; require() says so.
  Libraries();

  /// Throws ERR_GOOGLENET_DEVICE naming the first library that is missing, the places looked in and what
  /// brings it.
  void require() const;

  CudnnFunctions cudnn;
  /// An exported function of cuBLASLt. Throws ERR_GOOGLENET_DEVICE when this version has none of that name.
  void* cublaslt_symbol(const char* name) const;
  /// Version of cuDNN as cudnnGetVersion() has it: 92400.
  size_t cudnn_version() const { return cudnn.cudnnGetVersion(); }

  /// cuDNN, cuBLASLt, cuBLAS and NVRTC, found or not.
  std::vector<Library> report() const;

 private:
  Opened cudnn_, cublaslt_, cublas_, nvrtc_;
};

/// Opened on the first call and kept until the process ends. Throws ERR_GOOGLENET_DEVICE.
const Libraries& libraries();

/// The libraries' part of a report; throws nothing.
void fill(Report& report);

}  // namespace googlenet::backends::cuda
