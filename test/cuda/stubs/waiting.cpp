// A CUDA module whose GPU computes nothing and takes its time: runs go one after another, each for kRun, and
// two may be begun. What a run gives is how it went: logits [overlaps, page-locked, sum of the pixels, 0...]
// of each image; of a step the loss is `overlaps`, top1 `page-locked`, top5 the sum of all pixels. Only bytes
// are taken.
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <numeric>
#include <thread>

#include "backends/cuda/module.h"

using namespace googlenet;
using namespace googlenet::backends;
using Clock = std::chrono::steady_clock;

namespace {

constexpr auto kRun = std::chrono::milliseconds(100);

/// Page-locked memory by its beginning, with its size.
std::mutex pinned_mutex;
std::map<const void*, size_t> pinned;

bool is_pinned(const void* memory, size_t bytes) {
  const std::lock_guard lock(pinned_mutex);
  const auto found = pinned.find(memory);
  return found != pinned.end() && bytes <= found->second;
}

class HostBytes : public Memory {
 public:
  explicit HostBytes(size_t bytes) : bytes_(bytes) {}
  std::byte* data() override { return bytes_.data(); }
  size_t size() const override { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
};

struct Run {
  Images images = {};
  int64_t count = 0, image_bytes = 0;
  bool overlaps = false;  // the run before it had not ended when it was begun
  Clock::time_point end = {};
  std::vector<graph::View> views = {};
  std::vector<float*> hosts = {};
  Metrics* metrics = nullptr;

  int64_t sum(int64_t first, int64_t images_in) const {
    const auto* pixels = static_cast<const uint8_t*>(images.data);
    return std::accumulate(pixels + first * image_bytes, pixels + (first + images_in) * image_bytes,
                           int64_t{0});
  }
};

class Gpu : public Backend {
 public:
  std::string name() const override { return "waiting"; }
  int64_t activation_bytes() const override { return 4; }
  graph::Capabilities capabilities() const override { return {}; }
  std::unique_ptr<Memory> allocate(size_t bytes, const std::string&) override {
    return std::make_unique<HostBytes>(bytes);
  }
  void download(float* host, const float* device, int64_t count) override {
    std::memcpy(host, device, count * sizeof(float));
  }
  void upload(float* device, const float* host, int64_t count) override {
    std::memcpy(device, host, count * sizeof(float));
  }
  void read(const Context&, const graph::View&, float*) override {}
  void update(const Update&) override {}
  int steps_in_flight() const override { return 2; }
  std::optional<HostMemory> host_memory() const override {
    const auto allocate = [](size_t bytes) {
      void* memory = ::operator new(bytes);
      const std::lock_guard lock(pinned_mutex);
      pinned.emplace(memory, bytes);
      return memory;
    };
    const auto free = [](void* memory) {
      const std::lock_guard lock(pinned_mutex);
      pinned.erase(memory);
      ::operator delete(memory);
    };
    return HostMemory{allocate, free};
  }

  void begin(const Context& context, const graph::step::Input& input) {
    const Clock::time_point now = Clock::now();
    latest_ = {context.images, input.batch, input.shape.count(), last_end_ > now};
    last_end_ = latest_.end = std::max(now, last_end_) + kRun;
    latest_.metrics = context.metrics;
    if (context.metrics != nullptr) under_way_.push_back(latest_);
  }
  void begin_read(const Context&, const std::vector<graph::View>& views,
                  const std::vector<float*>& hosts) override {
    latest_.views = views;
    latest_.hosts = hosts;
    under_way_.push_back(latest_);
  }
  void finish() override {
    const Run run = under_way_.front();
    under_way_.pop_front();
    std::this_thread::sleep_until(run.end);
    const bool locked = run.images.page_locked && is_pinned(run.images.data, run.count * run.image_bytes);
    if (run.metrics != nullptr) {
      run.metrics->loss[0] = run.overlaps;
      run.metrics->top1 = locked;
      run.metrics->top5 = run.sum(0, run.count);
    }
    for (size_t head = 0; head < run.hosts.size(); head++) {
      const graph::View& view = run.views[head];
      for (int64_t row = 0; row < view.rows; row++) {
        float* logits = run.hosts[head] + row * view.channels;
        std::fill(logits, logits + view.channels, 0.0f);
        logits[0] = run.overlaps;
        logits[1] = locked;
        logits[2] = static_cast<float>(run.sum(row, 1));
      }
    }
  }

  std::unique_ptr<Program> compile(const graph::Plan& plan) override;

#define NOTHING(What)                            \
  Made make(const graph::step::What&) override { \
    return nullptr;                              \
  }
  NOTHING(Input)
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
  NOTHING(Linear)
  NOTHING(LinearBackwardData)
  NOTHING(LinearBackwardWeights)
  NOTHING(Dropout)
  NOTHING(Copy)
  NOTHING(SoftmaxCrossEntropy)
#undef NOTHING

 private:
  Run latest_;
  std::deque<Run> under_way_;
  Clock::time_point last_end_;
};

class Waiting : public Program {
 public:
  Waiting(Gpu& gpu, const graph::Plan& plan) : gpu_(gpu) {
    for (const graph::Step& step : plan.steps) {
      if (const auto* input = std::get_if<graph::step::Input>(&step.what)) input_ = *input;
    }
  }
  void prepare(const Context&) override {}
  void forward(const Context& context) override { gpu_.begin(context, input_); }
  void step(const Context& context) override { gpu_.begin(context, input_); }
  std::vector<double> profile(const Context&, int) override { return {}; }
  size_t workspace() const override { return 0; }
  size_t prepared() const override { return 0; }

 private:
  Gpu& gpu_;
  graph::step::Input input_;
};

std::unique_ptr<Program> Gpu::compile(const graph::Plan& plan) {
  return std::make_unique<Waiting>(*this, plan);
}

}  // namespace

const char* googlenet_cuda_version() {
  return GOOGLENET_VERSION;
}
Backend* googlenet_cuda_backend(const cuda::Options&) {
  return new Gpu;
}
void googlenet_cuda_report(cuda::Report&) {}
images::DeviceDecoder* googlenet_cuda_picture_decoder(const cuda::PictureOptions&) {
  return nullptr;
}
