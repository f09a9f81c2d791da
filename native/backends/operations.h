// The operations of a plan in their order: what the programs of all backends share.
#pragma once
#include <algorithm>
#include <vector>

#include "backends/backend.h"

namespace googlenet::backends {

class Operations {
 public:
  Operations(Backend& backend, const graph::Plan& plan)
      : backend_(backend), forward_(static_cast<size_t>(plan.forward_steps)) {
    for (const graph::Step& step : plan.steps) {
      made_.push_back(std::visit([&](const auto& what) { return backend.make(what); }, step.what));
    }
  }

  void prepare(const Context& context) {
    for (auto& operation : made_) operation->prepare(context);
  }
  void forward(const Context& context) { run(context, forward_); }
  /// Forward, backward, and the update if there is one.
  void step(const Context& context) {
    run(context, made_.size());
    if (context.update) backend_.update(*context.update);
  }
  /// Calls visit(part) with the parts of a run as Program::profile() has them, which part() runs.
  template <class Visit>
  void each_part(Program& program, const Context& context, Visit visit) {
    const size_t count = context.update ? made_.size() : forward_;
    for (size_t i = 0; i < count; i++) visit([&] { made_[i]->run(context); });
    if (!context.update) return;
    visit([&] { backend_.update(*context.update); });
    visit([&] { program.prepare(context); });
  }

  size_t workspace() const {
    size_t bytes = 0;
    for (const auto& operation : made_) bytes = std::max(bytes, operation->workspace());
    return bytes;
  }
  size_t prepared() const {
    size_t bytes = 0;
    for (const auto& operation : made_) bytes += operation->prepared();
    return bytes;
  }

 private:
  void run(const Context& context, size_t count) {
    for (size_t i = 0; i < count; i++) made_[i]->run(context);
  }

  Backend& backend_;
  std::vector<Backend::Made> made_;
  size_t forward_;
};

}  // namespace googlenet::backends
