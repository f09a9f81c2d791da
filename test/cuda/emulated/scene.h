// One operation of the CUDA backend on the emulated device, between random memory before and after. Every
// buffer is an allocation of its own, so that the address sanitizer sees a step beside it.
#pragma once
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "backends/cuda/backend.h"
#include "backends/cuda/weights.h"

namespace emulated {

using namespace googlenet;
using backends::Precision;
using graph::Element;
using graph::Range;
using graph::View;
namespace step = graph::step;

/// A value of a row and channel.
using Value = std::function<double(int64_t row, int64_t channel)>;

enum class Layout {
  Padded,  // alone in its row, which is padded to what the precision wants
  Dense,   // alone in its row, which is not padded
  Slice,   // at an aligned place of wider rows
  Odd      // at any place of rows of any width
};

class Scene {
 public:
  Scene(Precision precision, uint64_t seed);

  Precision precision() const { return precision_; }
  int64_t integer(int64_t least, int64_t most);
  double real(double least, double most);
  bool coin() { return integer(0, 1) == 1; }
  int64_t pack() const { return precision_ == Precision::Fp32 ? 4 : 8; }

  /// Random elements, NaN in its padding: who reads that must not show it.
  View view(int64_t rows, int64_t channels, Layout layout, Element element = Element::Activation);
  /// The same in a layout that the channels allow.
  View view(int64_t rows, int64_t channels, Element element = Element::Activation);
  /// NaN where the operation shall write.
  View output(int64_t rows, int64_t channels, Element element = Element::Activation);
  void fill(const View& view, const Value& value);
  Range parameters(int64_t count, double least, double most);

  /// What the operation reads besides buffers and parameters.
  backends::cuda::Delivery delivery;
  backends::cuda::LossScale loss_scale{1, 0, 0, 0};

  using Enqueue = std::function<void(backends::cuda::CudaBackend&, const backends::Context&)>;
  /// Runs it with the threads in one order and in the other, from the same memory; throws if a bit differs.
  void run_by(const Enqueue& enqueue);
  template <class What>
  void run(const What& what) {
    run_by([&](backends::cuda::CudaBackend& backend, const backends::Context& context) {
      start(*backend.make(what), context);
    });
  }

  double before(const View& view, int64_t row, int64_t channel) const;
  double after(const View& view, int64_t row, int64_t channel) const;
  double parameter(const Range& range, int64_t i) const { return start_.weights[range.offset + i]; }
  float gradient_before(const Range& range, int64_t i) const { return start_.gradients[range.offset + i]; }
  const backends::cuda::DeviceMetrics& metrics() const { return metrics_; }
  const backends::cuda::LossScale& loss_scale_after() const { return loss_scale_after_; }

  /// Throw std::runtime_error unless the run left these values, up to the rounding of their type.
  void expect(const std::string& what, const View& view, const Value& value);
  void expect_parameters(const std::string& what, const Range& range,
                         const std::function<double(int64_t)>& of);
  void expect_gradients(const std::string& what, const Range& range,
                        const std::function<double(int64_t)>& of);
  /// All that was not expected is as it was, bit for bit.
  void expect_nothing_else();

 private:
  struct State {
    std::vector<std::vector<std::byte>> buffers;
    std::vector<float> weights, gradients;
    bool operator==(const State& other) const;
  };
  static void start(backends::Operation& operation, const backends::Context& context);
  double at(const State& state, const View& view, int64_t row, int64_t channel) const;
  size_t size(const View& view) const;
  void put(State& state, const View& view, int64_t row, int64_t channel, double value) const;
  void expect_floats(const std::string& what, std::vector<float> State::*memory, const Range& range,
                     const std::function<double(int64_t)>& of);

  Precision precision_;
  std::mt19937_64 random_;
  std::vector<Element> elements_;
  State start_, end_;
  std::vector<View> expected_;
  std::vector<std::pair<std::vector<float> State::*, Range>> expected_floats_;
  backends::cuda::DeviceMetrics metrics_{};
  backends::cuda::LossScale loss_scale_after_{};
};

/// |found - wanted| is at most `relative` of the wanted, or a few roundings of fp32 of `scale`.
void expect_close(const std::string& what, double found, double wanted, double relative, double scale);

}  // namespace emulated
