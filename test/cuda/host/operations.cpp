#include "operations.h"

#include <stdexcept>
#include <utility>

#include "backends/cuda/backend.h"
#include "backends/cuda/optimizer.h"
#include "backends/cuda/weights.h"
#include "device.h"

namespace operations {

bool fails = false;
bool wait = false;

double sum_of(const googlenet::backends::Images& images, int64_t values) {
  double sum = 0;
  for (int64_t i = 0; i < values; i++) {
    const double weight = static_cast<double>(i % 7 + 1);
    sum += weight * (images.bytes ? static_cast<const uint8_t*>(images.data)[i]
                                  : static_cast<const float*>(images.data)[i]);
  }
  return sum;
}

}  // namespace operations

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

class Nothing : public Operation {
 public:
  explicit Nothing(CudaBackend& backend) : backend_(backend) {}
  void run(const Context&) override {
    if (std::exchange(operations::fails, false)) throw std::runtime_error("on purpose");
    if (operations::wait) GOOGLENET_CUDA(cudaStreamSynchronize(backend_.stream()));
    device::enqueue(backend_.stream(), [] {});
  }

 private:
  CudaBackend& backend_;
};

/// Leaves the sum in the workspace.
class Input : public Operation {
 public:
  Input(CudaBackend& backend, const step::Input& what)
      : backend_(backend), values_(what.batch * what.shape.count()) {}
  void run(const Context& context) override {
    const void* images = backend_.images();
    const Scalars* scalars = backend_.scalars();
    auto* sum = reinterpret_cast<double*>(context.workspace);
    device::enqueue(backend_.stream(), [=, values = values_] {
      *sum = operations::sum_of({images, scalars->image_bytes != 0, false}, values);
    });
  }
  size_t workspace() const override { return sizeof(double); }

 private:
  CudaBackend& backend_;
  int64_t values_;
};

/// The sum as the logits.
class Linear : public Operation {
 public:
  Linear(CudaBackend& backend, const step::Linear& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    float* logits = pointer<float>(context, what_.output);
    const auto* sum = reinterpret_cast<const double*>(context.workspace);
    device::enqueue(backend_.stream(), [=, view = what_.output] {
      for (int64_t row = 0; row < view.rows; row++) {
        for (int64_t c = 0; c < view.channels; c++) logits[row * view.stride + c] = static_cast<float>(*sum);
      }
    });
  }

 private:
  CudaBackend& backend_;
  step::Linear what_;
};

class Loss : public Operation {
 public:
  Loss(CudaBackend& backend, const step::SoftmaxCrossEntropy& what) : backend_(backend), what_(what) {}
  void run(const Context& context) override {
    const int32_t* labels = backend_.labels();
    const Scalars* scalars = backend_.scalars();
    DeviceMetrics* metrics = backend_.metrics();
    const auto* sum = reinterpret_cast<const double*>(context.workspace);
    device::enqueue(backend_.stream(), [=, what = what_] {
      double loss = *sum + static_cast<double>(scalars->dropout_key % 1000);
      for (int64_t n = 0; n < what.logits.rows; n++) loss += labels[n] * 1000.0 * static_cast<double>(n + 1);
      metrics->loss[what.head] += loss;
      metrics->top1++;
    });
  }

 private:
  CudaBackend& backend_;
  step::SoftmaxCrossEntropy what_;
};

}  // namespace

#define NOTHING(What)                                  \
  Backend::Made CudaBackend::make(const step::What&) { \
    return std::make_unique<Nothing>(*this);           \
  }
NOTHING(Convolution)
NOTHING(ConvolutionBackwardData)
NOTHING(ConvolutionBackwardWeights)
NOTHING(BatchNorm)
NOTHING(BatchNormInference)
NOTHING(BatchNormBackward)
NOTHING(Relu)
NOTHING(ReluBackward)
NOTHING(Lrn)
NOTHING(LrnBackward)
NOTHING(MaxPool)
NOTHING(MaxPoolBackward)
NOTHING(AveragePool)
NOTHING(AveragePoolBackward)
NOTHING(LinearBackwardData)
NOTHING(LinearBackwardWeights)
NOTHING(Dropout)
NOTHING(Copy)
#undef NOTHING

Backend::Made CudaBackend::make(const step::Input& what) {
  return std::make_unique<Input>(*this, what);
}
Backend::Made CudaBackend::make(const step::Linear& what) {
  return std::make_unique<Linear>(*this, what);
}
Backend::Made CudaBackend::make(const step::SoftmaxCrossEntropy& what) {
  return std::make_unique<Loss>(*this, what);
}

/// The first weight grows by the learning rate, and the loss scale by one.
void enqueue_update(const CudaBackend& backend, const Update& update) {
  device::enqueue(backend.stream(),
                  [scalars = backend.scalars(), weights = update.weights, loss_scale = backend.loss_scale()] {
                    weights[0] += scalars->learning_rate;
                    loss_scale->scale++;
                    loss_scale->growing++;
                  });
}

int Weights::add(const WeightCopy&) {
  return 0;
}
void Weights::allocate() {}
void Weights::prepare(const float*, cudaStream_t stream) {
  device::enqueue(stream, [] {});
}

}  // namespace googlenet::backends::cuda
