// nvJPEG, opened at run time. Its few declarations are written here, so that the module is built without its
// header: the C interface of libnvjpeg.so.12 and .13 as NVIDIA's nvJPEG guide has it
// (docs.nvidia.com/cuda/nvjpeg).
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <string>

#include "backends/cuda/library_search.h"

// Opaque, as in NVIDIA's header.
struct nvjpegHandle;
struct nvjpegJpegState;
struct nvjpegJpegStream;

namespace googlenet::backends::cuda::nvjpeg {

// Enumerations of C have the size of int.
enum class Status : int { Success = 0 };  // nvjpegStatus_t
enum class Backend : int { Default = 0, Hardware = 3 };
enum class Format : int { Luma = 2, Rgb = 5 };  // NVJPEG_OUTPUT_Y, NVJPEG_OUTPUT_RGBI (interleaved)
enum Flags : unsigned {
  kStrict = 4,         // NVJPEG_FLAGS_BITSTREAM_STRICT: what is no proper JPEG is refused
  kInterpolation = 32  // NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION: chroma as libjpeg's fancy upsampling
};
/// nvjpegImage_t: memory of the device; an interleaved format has one channel.
struct Image {
  unsigned char* channel[4];
  size_t pitch[4];  // bytes from row to row
};

// clang-format off
#define GOOGLENET_NVJPEG_FUNCTIONS(apply) \
  apply(GetProperty, int type, int* value) \
  apply(CreateEx, Backend, void* device_allocator, void* pinned_allocator, unsigned flags, nvjpegHandle**) \
  apply(Destroy, nvjpegHandle*) \
  apply(GetHardwareDecoderInfo, nvjpegHandle*, unsigned* engines, unsigned* cores_per_engine) \
  apply(JpegStateCreate, nvjpegHandle*, nvjpegJpegState**) \
  apply(JpegStateDestroy, nvjpegJpegState*) \
  apply(JpegStreamCreate, nvjpegHandle*, nvjpegJpegStream**) \
  apply(JpegStreamDestroy, nvjpegJpegStream*) \
  apply(JpegStreamParse, nvjpegHandle*, const unsigned char* data, size_t length, int save_metadata, \
        int save_stream, nvjpegJpegStream*) \
  apply(JpegStreamGetFrameDimensions, nvjpegJpegStream*, unsigned* width, unsigned* height) \
  apply(Decode, nvjpegHandle*, nvjpegJpegState*, const unsigned char* data, size_t length, Format, Image*, \
        cudaStream_t) \
  apply(DecodeBatchedSupported, nvjpegHandle*, nvjpegJpegStream*, int* zero_if_supported) \
  apply(DecodeBatchedInitialize, nvjpegHandle*, nvjpegJpegState*, int batch, int threads, Format) \
  apply(DecodeBatched, nvjpegHandle*, nvjpegJpegState*, const unsigned char* const* data, \
        const size_t* lengths, Image*, cudaStream_t)
// clang-format on

/// "nvjpeg" and the name is the function's.
struct Functions {
// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member takes none
#define GOOGLENET_NVJPEG_MEMBER(name, ...) Status (*name)(__VA_ARGS__) = nullptr;
  GOOGLENET_NVJPEG_FUNCTIONS(GOOGLENET_NVJPEG_MEMBER)
#undef GOOGLENET_NVJPEG_MEMBER
};

/// Opened on the first call and kept until the process ends. Throws ERR_GOOGLENET_DEVICE naming the places
/// looked in and what brings it.
const Functions& functions();
/// Found or not.
const Library& library();

/// Throws ERR_GOOGLENET_DEVICE naming the call and nvJPEG's status.
void check(Status status, const char* call);

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    (functions().*destroy)(handle);
  }
};
using Handle = std::unique_ptr<nvjpegHandle, Destroy<&Functions::Destroy>>;
using State = std::unique_ptr<nvjpegJpegState, Destroy<&Functions::JpegStateDestroy>>;
using JpegStream = std::unique_ptr<nvjpegJpegStream, Destroy<&Functions::JpegStreamDestroy>>;

}  // namespace googlenet::backends::cuda::nvjpeg
