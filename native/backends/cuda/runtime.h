// The CUDA runtime with owners and checked statuses.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>

namespace googlenet::backends::cuda {

/// Throws ERR_GOOGLENET_DEVICE naming the call and CUDA's own text; ERR_GOOGLENET_MEMORY when memory ran out.
void check(cudaError_t status, const char* call);
#define GOOGLENET_CUDA(call) ::googlenet::backends::cuda::check((call), #call)

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    destroy(handle);
  }
};
using Stream = std::unique_ptr<std::remove_pointer_t<cudaStream_t>, Destroy<cudaStreamDestroy>>;
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, Destroy<cudaEventDestroy>>;
using Graph = std::unique_ptr<std::remove_pointer_t<cudaGraph_t>, Destroy<cudaGraphDestroy>>;
using GraphExec = std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy<cudaGraphExecDestroy>>;

Stream make_stream();        // does not synchronise with the default stream
Event make_event();          // without timing
Event make_patient_event();  // the same; whoever waits for it sleeps and leaves the core to others
Event make_timing_event();

template <class T>
using DevicePointer = std::unique_ptr<T[], Destroy<cudaFree>>;
template <class T>
using PinnedPointer = std::unique_ptr<T[], Destroy<cudaFreeHost>>;

/// Zeroed. Throws ERR_GOOGLENET_MEMORY with what was wanted and what is free.
void* allocate_device(size_t bytes, const std::string& purpose);
void* allocate_pinned(size_t bytes, const std::string& purpose);

template <class T>
DevicePointer<T> make_device(size_t count, const std::string& purpose) {
  return DevicePointer<T>(static_cast<T*>(allocate_device(count * sizeof(T), purpose)));
}
template <class T>
PinnedPointer<T> make_pinned(size_t count, const std::string& purpose) {
  return PinnedPointer<T>(static_cast<T*>(allocate_pinned(count * sizeof(T), purpose)));
}

}  // namespace googlenet::backends::cuda
