// The CPU backend's class; each layer's file implements its own make().
#pragma once
#include "backends/cpu/capabilities.h"
#include "backends/cpu/cpu.h"
#include "backends/cpu/onednn.h"

namespace googlenet::backends::cpu {

class CpuBackend : public Backend {
 public:
  CpuBackend(Precision precision, int threads);

  std::string name() const override { return "cpu"; }
  int64_t activation_bytes() const override { return backends::activation_bytes(precision_); }
  graph::Capabilities capabilities() const override { return capabilities_; }

  std::unique_ptr<Memory> allocate(size_t bytes, const std::string& purpose) override;
  void download(float* host, const float* device, int64_t count) override;
  void upload(float* device, const float* host, int64_t count) override;
  void read(const Context& context, const graph::View& view, float* host) override;
  void update(const Update& update) override;
  void enter_thread() override;
  std::optional<Peaks> measure_peaks() override;

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

 private:
  graph::Capabilities capabilities_;
  Precision precision_;
  int threads_;
  OneDnn dnn_;
};

}  // namespace googlenet::backends::cpu
