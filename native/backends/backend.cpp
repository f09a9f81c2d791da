#include "backends/backend.h"

#include <chrono>

#include "backends/operations.h"
#include "backends/profile.h"

namespace googlenet::backends {
namespace {

class Sequence : public Program {
 public:
  Sequence(Backend& backend, const graph::Plan& plan) : operations_(backend, plan) {}

  void prepare(const Context& context) override { operations_.prepare(context); }
  void forward(const Context& context) override { operations_.forward(context); }
  void step(const Context& context) override { operations_.step(context); }
  std::vector<double> profile(const Context& context, int repeat) override {
    using Clock = std::chrono::steady_clock;
    return medians(repeat, [&] {
      std::vector<double> seconds;
      operations_.each_part(*this, context, [&](const auto& part) {
        const Clock::time_point begin = Clock::now();
        part();
        seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      });
      return seconds;
    });
  }
  size_t workspace() const override { return operations_.workspace(); }
  size_t prepared() const override { return operations_.prepared(); }

 private:
  Operations operations_;
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
