// The convolutions of plans, planned by cuDNN for a device that is only described.
#include <unordered_map>

#include "backends/cuda/convolution_plans.h"
#include "backends/cuda/module.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

class Described {
 public:
  Described(const Options& options, const std::string& device) : options_(options), cudnn_(options, device) {}

  void add(const NamedPlan& named) {
    for (const graph::Step& step : named.plan.steps) {
      const std::string name = step.name + " of " + step.layer + ", " + named.name;
      std::visit([&](const auto& what) { add(name, what); }, step.what);
    }
  }

  std::vector<PlannedGraph> take() { return std::move(graphs_); }

 private:
  void add(const std::string& name, const step::Convolution& what) {
    note(name, plan_convolution(cudnn_, options_, what));
  }
  void add(const std::string& name, const step::ConvolutionBackwardData& what) {
    note(name, plan_backward_data(cudnn_, options_, what));
  }
  void add(const std::string& name, const step::ConvolutionBackwardWeights& what) {
    note(name, plan_backward_weights(cudnn_, options_, what));
  }
  template <class What>
  void add(const std::string&, const What&) {}

  void note(const std::string& name, const Planned& planned) {
    const auto [place, fresh] = places_.try_emplace(planned.graph, graphs_.size());
    if (fresh) {
      PlannedGraph graph{.graph = planned.graph, .steps = {}, .engine = {}, .refusal = planned.refusal};
      graph.whole = planned.whole;
      if (planned.plan) {
        graph.engine = planned.plan->choice().text();
        graph.compiled = planned.plan->compiled();
        graph.workspace = static_cast<int64_t>(planned.plan->workspace());
      }
      graphs_.push_back(std::move(graph));
    }
    graphs_[place->second].steps.push_back(name);
  }

  Options options_;
  Cudnn cudnn_;
  std::vector<PlannedGraph> graphs_;
  std::unordered_map<std::string, size_t> places_;  // by graph
};

}  // namespace
}  // namespace googlenet::backends::cuda

namespace cuda = googlenet::backends::cuda;

void googlenet_cuda_plan_graphs(const cuda::Options& options, const std::string& device,
                                const std::vector<cuda::NamedPlan>& plans,
                                std::vector<cuda::PlannedGraph>& graphs) {
  cuda::Described described(options, device);
  for (const cuda::NamedPlan& plan : plans) described.add(plan);
  graphs = described.take();
}
