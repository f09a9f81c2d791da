// A plan on the GPU. The first run of a kind goes operation by operation, when libraries may still allocate
// and load; the second is recorded into a graph, which later runs replay in one call. What cannot be recorded
// goes operation by operation for good.
#include <algorithm>
#include <cstdlib>
#include <list>
#include <string_view>
#include <utility>

#include "backends/cuda/backend.h"
#include "backends/cuda/weights.h"
#include "backends/operations.h"
#include "backends/profile.h"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

/// GOOGLENET_CUDA_GRAPHS=0 records nothing: for looking into failures.
bool recording_wanted() {
  const char* value = std::getenv("GOOGLENET_CUDA_GRAPHS");
  return value == nullptr || std::string_view(value) != "0";
}

/// Records what is enqueued on a stream while it lives; what was not taken by end() is thrown away.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    GOOGLENET_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  }
  ~Capture() {
    if (stream_ == nullptr) return;
    cudaGraph_t partial = nullptr;
    cudaStreamEndCapture(stream_, &partial);
    if (partial != nullptr) cudaGraphDestroy(partial);
    cudaGetLastError();
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  GraphExec end() {
    cudaGraph_t recorded = nullptr;
    GOOGLENET_CUDA(cudaStreamEndCapture(std::exchange(stream_, nullptr), &recorded));
    const Graph graph(recorded);
    cudaGraphExec_t executable = nullptr;
    GOOGLENET_CUDA(cudaGraphInstantiate(&executable, graph.get(), 0));
    return GraphExec(executable);
  }

 private:
  cudaStream_t stream_;
};

const graph::step::Input* find_input(const graph::Plan& plan) {
  for (const graph::Step& step : plan.steps) {
    if (const auto* input = std::get_if<graph::step::Input>(&step.what)) return input;
  }
  return nullptr;
}

}  // namespace

class CudaProgram : public Program {
 public:
  CudaProgram(CudaBackend& backend, const graph::Plan& plan)
      : backend_(backend), weights_(offer(backend)), operations_(backend, plan) {
    const graph::step::Input* input = find_input(plan);
    batch_ = input->batch;
    image_ = input->shape;
    weights_->allocate();
    backend.weights_.reset();
  }

  void prepare(const Context& context) override {
    weights_->prepare(context.weights, backend_.stream());
    operations_.prepare(context);
  }

  void forward(const Context& context) override {
    const Delivery delivery = this->delivery(context);
    if (delivery.ahead()) {
      backend_.staging_->send_ahead(delivery);
    } else {
      backend_.staging_->send(delivery);
    }
    run(key(context, false), [&] { operations_.forward(context); });
  }

  void step(const Context& context) override {
    backend_.staging_->send_ahead(delivery(context));
    run(key(context, true), [&] {
      GOOGLENET_CUDA(cudaMemsetAsync(backend_.metrics(), 0, sizeof(DeviceMetrics), backend_.stream()));
      operations_.step(context);
    });
    backend_.staging_->collect(context.metrics);
  }

  std::vector<double> profile(const Context& context, int repeat) override {
    backend_.staging_->send(delivery(context));
    std::vector<Event> events;
    return medians(repeat, [&] {
      size_t count = 0;
      const auto mark = [&] {
        if (events.size() == count) events.push_back(make_timing_event());
        GOOGLENET_CUDA(cudaEventRecord(events[count++].get(), backend_.stream()));
      };
      mark();
      operations_.each_part(*this, context, [&](const auto& part) {
        part();
        mark();
      });
      backend_.wait();
      std::vector<double> seconds;
      for (size_t i = 1; i < count; i++) {
        float milliseconds = 0;
        GOOGLENET_CUDA(cudaEventElapsedTime(&milliseconds, events[i - 1].get(), events[i].get()));
        seconds.push_back(milliseconds / 1000);
      }
      return seconds;
    });
  }

  size_t workspace() const override { return operations_.workspace(); }
  size_t prepared() const override { return weights_->bytes() + operations_.prepared(); }

 private:
  /// All that a recorded graph has taken from the host for good.
  struct Key {
    const void *arena, *workspace, *weights, *gradients, *images, *labels, *momentum, *average;
    bool step, update;
    bool operator==(const Key&) const = default;
  };
  struct Recording {
    Key key;
    bool plain = false;  // not to be recorded
    GraphExec graph;     // null after the first run
  };
  // With and without an update, and forward with the weights and with their average.
  static constexpr size_t kRecordings = 4;

  /// Where the operations that are made next find the copies that they ask for.
  static std::shared_ptr<Weights> offer(CudaBackend& backend) {
    backend.weights_ = std::make_shared<Weights>(backend.precision());
    return backend.weights_;
  }

  Key key(const Context& context, bool step) const {
    const Update* update = context.update;
    return {.arena = context.arena,
            .workspace = context.workspace,
            .weights = context.weights,
            .gradients = context.gradients,
            .images = backend_.images(),
            .labels = backend_.labels(),
            .momentum = update ? update->momentum : nullptr,
            .average = update ? update->average : nullptr,
            .step = step,
            .update = update != nullptr};
  }

  Delivery delivery(const Context& context) const {
    Delivery delivery;
    delivery.images = context.images.data;
    delivery.page_locked = context.images.page_locked;
    delivery.image_bytes = batch_ * image_.count() * (context.images.bytes ? 1 : sizeof(float));
    delivery.labels = context.labels;
    delivery.label_count = context.labels ? batch_ : 0;
    Scalars& scalars = delivery.scalars;
    if (const Update* update = context.update) {
      scalars.learning_rate = update->learning_rate;
      scalars.momentum = update->momentum_factor;
      scalars.weight_decay = update->weight_decay;
      scalars.average_decay = update->average_decay;
      scalars.nesterov = update->nesterov;
    }
    scalars.label_smoothing = context.label_smoothing;
    scalars.gradient_scale = context.gradient_scale;
    scalars.accumulate_gradients = context.accumulate_gradients;
    scalars.image_bytes = context.images.bytes;
    scalars.image_nhwc = context.images.nhwc;
    scalars.dropout_key = context.dropout_key;
    for (int64_t c = 0; c < image_.channels; c++) {
      scalars.image_scale[c] = 1.0f / (255.0f * context.std[c]);
      scalars.image_shift[c] = -context.mean[c] / context.std[c];
    }
    return delivery;
  }

  template <class Body>
  void run(const Key& key, Body body) {
    const auto known = std::find_if(recordings_.begin(), recordings_.end(),
                                    [&](const Recording& recording) { return recording.key == key; });
    if (known == recordings_.end()) {
      body();
      recordings_.push_front({key, !recording_wanted(), nullptr});
      if (recordings_.size() > kRecordings) recordings_.pop_back();
      return;
    }
    recordings_.splice(recordings_.begin(), recordings_, known);
    Recording& recording = recordings_.front();
    if (!recording.graph && !recording.plain) record(recording, body);
    if (recording.plain) return body();
    GOOGLENET_CUDA(cudaGraphLaunch(recording.graph.get(), backend_.stream()));
  }

  /// A library or a driver that refuses leaves the run plain, slower and as right.
  template <class Body>
  void record(Recording& recording, Body body) {
    try {
      Capture capture(backend_.stream());
      body();
      recording.graph = capture.end();
    } catch (const Error& failure) {
      recording.plain = true;
      backend_.notice_ = std::string(
                             "a CUDA graph could not be recorded, so that runs go operation by "
                             "operation, which is slower: ") +
                         failure.what();
    }
  }

  CudaBackend& backend_;
  std::shared_ptr<Weights> weights_;
  Operations operations_;
  int64_t batch_ = 0;
  graph::Shape image_;
  std::list<Recording> recordings_;  // most recently used first
};

std::unique_ptr<Program> CudaBackend::compile(const graph::Plan& plan) {
  return std::make_unique<CudaProgram>(*this, plan);
}

}  // namespace googlenet::backends::cuda
