#include "backends/backend.h"

#include <algorithm>
#include <chrono>

#include "backends/profile.h"

namespace googlenet::backends {
namespace {

class Sequence : public Program {
 public:
  Sequence(Backend& backend, const graph::Plan& plan) : backend_(backend), forward_(plan.forward_steps) {
    for (const graph::Step& step : plan.steps) {
      operations_.push_back(std::visit([&](const auto& what) { return backend.make(what); }, step.what));
    }
  }

  void prepare(const Context& context) override {
    for (auto& operation : operations_) operation->prepare(context);
  }
  void forward(const Context& context) override {
    for (int i = 0; i < forward_; i++) operations_[i]->run(context);
  }
  void step(const Context& context) override {
    for (auto& operation : operations_) operation->run(context);
    if (context.update) backend_.update(*context.update);
  }
  std::vector<double> profile(const Context& context, int repeat) override {
    using Clock = std::chrono::steady_clock;
    return medians(repeat, [&] {
      std::vector<double> seconds;
      each_part(backend_, *this, operations_, forward_, context, [&](const auto& part) {
        const Clock::time_point begin = Clock::now();
        part();
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      });
      return seconds;
    });
  }
  size_t workspace() const override {
    size_t bytes = 0;
    for (const auto& operation : operations_) bytes = std::max(bytes, operation->workspace());
    return bytes;
  }
  size_t prepared() const override {
    size_t bytes = 0;
    for (const auto& operation : operations_) bytes += operation->prepared();
    return bytes;
  }

 private:
  Backend& backend_;
  std::vector<Backend::Made> operations_;
  int forward_;
};

}  // namespace

void Backend::begin_read(const Context& context, const std::vector<graph::View>& views,
                         const std::vector<float*>& hosts) {
  for (size_t i = 0; i < views.size(); i++) read(context, views[i], hosts[i]);
}

std::unique_ptr<Program> Backend::compile(const graph::Plan& plan) {
  return std::make_unique<Sequence>(*this, plan);
}

}  // namespace googlenet::backends
