// The CUDA backend's class; each layer's file implements its own make(). Everything runs on one stream and is
// recorded into a graph (program.cpp): an operation's run() may read pointers from the Context, and nothing
// else of it. What varies between runs it reads on the device: scalars(), loss_scale(), metrics(), images(),
// labels().
#pragma once
#include "backends/backend.h"
#include "backends/cuda/capabilities.h"
#include "backends/cuda/module.h"
#include "backends/cuda/runtime.h"
#include "backends/cuda/scalars.h"
#include "backends/cuda/staging.h"

namespace googlenet::backends::cuda {

class Cudnn;    // cudnn/: the handle, and plans by graph
class Blas;     // blas.h: cuBLASLt's handle, and matrix products
class Weights;  // weights.h: the copies of parameters that convolutions and products read

class CudaBackend : public Backend {
 public:
  explicit CudaBackend(const Options& options);
  ~CudaBackend() override;

  std::string name() const override { return "cuda"; }
  int64_t activation_bytes() const override { return options_.precision == Precision::Fp32 ? 4 : 2; }
  graph::Capabilities capabilities() const override { return cuda::capabilities(options_.precision); }

  std::unique_ptr<Memory> allocate(size_t bytes, const std::string& purpose) override;
  void download(float* host, const float* device, int64_t count) override;
  void upload(float* device, const float* host, int64_t count) override;
  void read(const Context& context, const graph::View& view, float* host) override;
  void begin_read(const Context& context, const std::vector<graph::View>& views,
                  const std::vector<float*>& hosts) override;
  void update(const Update& update) override;
  void enter_thread() override;
  void reserve(const Incoming& incoming) override;
  int64_t room(const Incoming& incoming) const override;
  int64_t reserved() const override { return staging_->reserved(); }
  std::optional<LossScale> loss_scaling() override;
  void set_loss_scaling(const LossScale& scaling) override;
  std::unique_ptr<Program> compile(const graph::Plan& plan) override;
  int steps_in_flight() const override { return Staging::kSlots; }
  void finish() override { staging_->finish(); }
  void wait() override;
  std::optional<HostMemory> host_memory() const override;
  int64_t free_memory() const override;
  std::string notice() const override { return notice_; }

  Made make(const graph::step::Input&) override;
  Made make(const graph::step::Convolution&) override;
  Made make(const graph::step::ConvolutionBackwardData&) override;
  Made make(const graph::step::ConvolutionBackwardWeights&) override;
  Made make(const graph::step::BatchNorm&) override;
  Made make(const graph::step::BatchNormInference&) override;
  Made make(const graph::step::BatchNormBackward&) override;
  Made make(const graph::step::Relu&) override;
  Made make(const graph::step::ReluBackward&) override;
  Made make(const graph::step::Lrn&) override;
  Made make(const graph::step::LrnBackward&) override;
  Made make(const graph::step::MaxPool&) override;
  Made make(const graph::step::MaxPoolBackward&) override;
  Made make(const graph::step::AveragePool&) override;
  Made make(const graph::step::AveragePoolBackward&) override;
  Made make(const graph::step::Linear&) override;
  Made make(const graph::step::LinearBackwardData&) override;
  Made make(const graph::step::LinearBackwardWeights&) override;
  Made make(const graph::step::Dropout&) override;
  Made make(const graph::step::Copy&) override;
  Made make(const graph::step::SoftmaxCrossEntropy&) override;

  // ---- for operations
  const Options& options() const { return options_; }
  Precision precision() const { return options_.precision; }
  cudaStream_t stream() const { return stream_.get(); }
  Cudnn& cudnn() { return *cudnn_; }
  Blas& blas() { return *blas_; }
  /// Of the program that is being compiled.
  Weights& weights() { return *weights_; }
  /// On the device.
  const Scalars* scalars() const { return staging_->scalars(); }
  LossScale* loss_scale() const { return loss_scale_.get(); }
  DeviceMetrics* metrics() const { return staging_->metrics(); }
  /// The batch as the caller gave it; to be asked for in run(), as both move when a larger batch comes.
  const void* images() const { return staging_->images(); }
  const int32_t* labels() const { return staging_->labels(); }

 private:
  friend class CudaProgram;
  Options options_;
  Stream stream_;
  DevicePointer<LossScale> loss_scale_;
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Cudnn> cudnn_;
  std::unique_ptr<Blas> blas_;
  std::shared_ptr<Weights> weights_;
  std::string notice_;
};

/// As cpu/elements.h has it: the address of a view's first element.
template <class T>
T* pointer(const Context& context, const graph::View& view) {
  return reinterpret_cast<T*>(context.arena + context.buffers[view.buffer].offset) + view.offset;
}

/// The same for libraries, which are told the type.
inline std::byte* address(const CudaBackend& backend, const Context& context, const graph::View& view) {
  const graph::Buffer& buffer = context.buffers[view.buffer];
  const int64_t size = buffer.element == graph::Element::Float ? sizeof(float) : backend.activation_bytes();
  return context.arena + buffer.offset + view.offset * size;
}

/// Bytes rounded up to the alignment of what shares the workspace.
inline size_t aligned(size_t bytes) {
  return (bytes + 255) / 256 * 256;
}

}  // namespace googlenet::backends::cuda
