#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <vector>

#include "backends/cuda/backend.h"
#include "backends/cuda/blas.h"
#include "backends/cuda/cards.h"
#include "backends/cuda/cudnn/cudnn.h"
#include "backends/cuda/libraries.h"
#include "backends/cuda/optimizer.h"
#include "backends/cuda/weights.h"

namespace googlenet::backends::cuda {
namespace {

// Of fp16: the largest power of two at which no gradient of a first step overflows in the networks we know.
constexpr float kFirstLossScale = 65536;

class DeviceMemory : public Memory {
 public:
  DeviceMemory(size_t bytes, const std::string& purpose)
      : memory_(make_device<std::byte>(bytes, purpose)), size_(bytes) {}
  std::byte* data() override { return memory_.get(); }
  size_t size() const override { return size_; }

 private:
  DevicePointer<std::byte> memory_;
  size_t size_;
};

/// Before anything is allocated on the card.
const Options& checked(const Options& options) {
  check_card(options);
  libraries();
  GOOGLENET_CUDA(cudaSetDevice(options.device));
  return options;
}

Delivery delivery(const Incoming& incoming) {
  Delivery delivery;
  delivery.image_bytes = static_cast<size_t>(incoming.image_bytes);
  delivery.label_count = incoming.labels;
  return delivery;
}

float to_float(float value) {
  return value;
}
float to_float(__half value) {
  return __half2float(value);
}
float to_float(__nv_bfloat16 value) {
  return __bfloat162float(value);
}

template <class T>
void convert(const std::byte* from, int64_t count, float* to) {
  const T* values = reinterpret_cast<const T*>(from);
  for (int64_t i = 0; i < count; i++) to[i] = to_float(values[i]);
}

}  // namespace

CudaBackend::CudaBackend(const Options& options)
    : options_(checked(options)),
      stream_(make_stream()),
      loss_scale_(make_device<LossScale>(1, "the loss scale")),
      staging_(std::make_unique<Staging>(stream_.get())),
      cudnn_(std::make_unique<Cudnn>(options_, stream_.get())),
      blas_(std::make_unique<Blas>(options_)) {
  set_loss_scaling({options.precision == Precision::Fp16 ? kFirstLossScale : 1.0f, 0, 0, 0});
}

CudaBackend::~CudaBackend() {
  // What runs still reads the memory that goes now.
  cudaStreamSynchronize(stream());
}

void CudaBackend::enter_thread() {
  GOOGLENET_CUDA(cudaSetDevice(options_.device));
}

void CudaBackend::reserve(const Incoming& incoming) {
  staging_->reserve(delivery(incoming));
}

int64_t CudaBackend::room(const Incoming& incoming) const {
  return staging_->room(delivery(incoming));
}

std::optional<LossScale> CudaBackend::loss_scaling() {
  if (precision() != Precision::Fp16) return {};
  LossScale found{};
  GOOGLENET_CUDA(cudaMemcpyAsync(&found, loss_scale(), sizeof found, cudaMemcpyDeviceToHost, stream()));
  wait();
  return found;
}

void CudaBackend::set_loss_scaling(const LossScale& scaling) {
  GOOGLENET_CUDA(cudaMemcpyAsync(loss_scale(), &scaling, sizeof scaling, cudaMemcpyHostToDevice, stream()));
  wait();
}

std::unique_ptr<Memory> CudaBackend::allocate(size_t bytes, const std::string& purpose) {
  return std::make_unique<DeviceMemory>(bytes, purpose);
}

int64_t CudaBackend::free_memory() const {
  size_t free = 0, total = 0;
  GOOGLENET_CUDA(cudaMemGetInfo(&free, &total));
  return static_cast<int64_t>(free);
}

void CudaBackend::download(float* host, const float* device, int64_t count) {
  GOOGLENET_CUDA(cudaMemcpyAsync(host, device, count * sizeof(float), cudaMemcpyDeviceToHost, stream()));
  wait();
}

void CudaBackend::upload(float* device, const float* host, int64_t count) {
  GOOGLENET_CUDA(cudaMemcpyAsync(device, host, count * sizeof(float), cudaMemcpyHostToDevice, stream()));
  wait();
}

void CudaBackend::read(const Context& context, const graph::View& view, float* host) {
  begin_read(context, {view}, {host});
  staging_->finish_all();
}

void CudaBackend::begin_read(const Context& context, const std::vector<graph::View>& views,
                             const std::vector<float*>& hosts) {
  std::vector<Staging::Piece> pieces;
  for (size_t i = 0; i < views.size(); i++) {
    const graph::View& view = views[i];
    const graph::Buffer& buffer = context.buffers[view.buffer];
    const bool floats = buffer.element == graph::Element::Float || precision() == Precision::Fp32;
    const size_t element = floats ? sizeof(float) : 2;
    const auto take = floats                           ? convert<float>
                      : precision() == Precision::Bf16 ? convert<__nv_bfloat16>
                                                       : convert<__half>;
    pieces.push_back({.from = context.arena + buffer.offset + view.offset * element,
                      .row_bytes = view.channels * element,
                      .stride_bytes = view.stride * element,
                      .rows = view.rows,
                      .take = [take, count = view.rows * view.channels,
                               host = hosts[i]](const std::byte* values) { take(values, count, host); }});
  }
  staging_->collect(pieces);
}

void CudaBackend::update(const Update& update) {
  enqueue_update(*this, update);
}

std::optional<HostMemory> CudaBackend::host_memory() const {
  const auto allocate = [device = options_.device](size_t bytes) {
    GOOGLENET_CUDA(cudaSetDevice(device));
    return allocate_pinned(bytes, "a batch of images");
  };
  const auto free = [device = options_.device](void* memory) {
    cudaSetDevice(device);  // or a thread without one may make a context on the first card
    cudaFreeHost(memory);
  };
  return HostMemory{allocate, free};
}

void CudaBackend::wait() {
  GOOGLENET_CUDA(cudaStreamSynchronize(stream()));
}

}  // namespace googlenet::backends::cuda
