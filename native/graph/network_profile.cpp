// Network::profile(): how long a run and each of its parts take.
#include <chrono>

#include "backends/profile.h"
#include "graph/network.h"
#include "random.h"

namespace googlenet::graph {
namespace {

using backends::Backend;
using backends::Memory;

/// Pixels without a pattern, where they reach the device fastest.
std::shared_ptr<uint8_t[]> noise(const Backend& backend, int64_t count) {
  std::shared_ptr<uint8_t[]> pixels;
  if (const std::optional<backends::HostMemory> memory = backend.host_memory()) {
    pixels = {static_cast<uint8_t*>(memory->allocate(count)), memory->free};
  } else {
    pixels = std::make_shared<uint8_t[]>(count);
  }
  for (int64_t i = 0; i < count; i++) pixels[i] = static_cast<uint8_t>(mix(i));
  return pixels;
}

/// Median of the times from the end of one run to the end of the next, with as many under way as the backend
/// takes.
template <class Begin>
double time_whole(Backend& backend, int repeat, Begin begin) {
  using Clock = std::chrono::steady_clock;
  constexpr int kUncounted = 2;  // a GPU records the second run
  const int ahead = backend.steps_in_flight();
  std::vector<double> seconds;
  Clock::time_point last = Clock::now();
  for (int begun = 1; begun < ahead + kUncounted + repeat; begun++) {
    begin();
    if (begun < ahead) continue;
    backend.finish();
    const Clock::time_point now = Clock::now();
    seconds.push_back(std::chrono::duration<double>(now - last).count());
    last = now;
  }
  for (int i = 1; i < ahead; i++) backend.finish();
  seconds.erase(seconds.begin(), seconds.begin() + kUncounted);
  return backends::median(std::move(seconds));
}

float* floats(const std::unique_ptr<Memory>& memory) {
  return reinterpret_cast<float*>(memory->data());
}

}  // namespace

Profile Network::profile(int64_t batch, Mode mode, int repeat) {
  backend_->enter_thread();
  const bool training = mode == Mode::Training;
  const int64_t part = backend_->capabilities().inference_batch;
  if (!training && part > 0) batch = std::min(batch, part);

  const int64_t total = table_.total, trainable = training ? table_.trainable : 0;
  const auto room = [&](int64_t count) {
    return backend_->allocate(std::max<int64_t>(count, 1) * sizeof(float), "profiling");
  };
  const auto weights = room(total), gradients = room(trainable), momentum = room(trainable);
  std::vector<float> values(total);
  backend_->download(values.data(), floats(weights_), total);
  backend_->upload(floats(weights), values.data(), total);

  const Shape& shape = definition().input;
  const std::shared_ptr<uint8_t[]> pixels = noise(*backend_, batch * shape.count());
  std::vector<int32_t> labels(batch);
  for (int64_t i = 0; i < batch; i++) labels[i] = static_cast<int32_t>(i % shapes().classes);
  const backends::Images images{pixels.get(), true, true, backend_->host_memory().has_value()};

  Compiled& plan = compiled({mode, batch, !training, shape}, {batch * shape.count(), training ? batch : 0});
  backends::Context run = context(plan, {images, batch, shape}, floats(weights));
  // The weights stay as they are, and so do the times: training on noise would end in infinities.
  const backends::Update update{.weights = floats(weights),
                                .momentum = floats(momentum),
                                .gradients = floats(gradients),
                                .trainable = trainable,
                                .total = total,
                                .momentum_factor = 0.9f};
  backends::Metrics metrics;
  if (training) {
    run.gradients = floats(gradients);
    run.labels = labels.data();
    run.metrics = &metrics;
    run.update = &update;
  }
  const std::optional<backends::LossScale> loss_scale = this->loss_scale();
  plan.prepared_version = 0;  // what is prepared here are the copies
  plan.program->prepare(run);

  Profile profile;
  profile.plan = plan.plan;
  const std::vector<double> seconds = plan.program->profile(run, repeat);
  for (size_t i = 0; i < seconds.size(); i++) {
    const bool in_plan = i < plan.plan.steps.size();
    profile.parts.push_back(
        in_plan ? Profile::Part{plan.plan.steps[i].name, plan.plan.steps[i].layer, seconds[i]}
                : Profile::Part{i == plan.plan.steps.size() ? "update" : "prepare weights", "", seconds[i]});
  }

  std::vector<std::vector<float>> logits;
  std::vector<float*> hosts;
  for (const View& head : plan.plan.heads) logits.emplace_back(head.rows * head.channels);
  for (std::vector<float>& head : logits) hosts.push_back(head.data());
  profile.whole = time_whole(*backend_, repeat, [&] {
    if (training) {
      plan.program->prepare(run);
      plan.program->step(run);
    } else {
      plan.program->forward(run);
      backend_->begin_read(run, plan.plan.heads, hosts);
    }
  });
  if (loss_scale) backend_->set_loss_scaling(*loss_scale);
  if (!peaks_) peaks_ = backend_->measure_peaks();
  profile.peaks = peaks_;
  return profile;
}

}  // namespace googlenet::graph
