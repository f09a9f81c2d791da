// A plan as it is written, step after step: the views that layers read and write, and the gradients on their
// way to where they add up.
#pragma once
#include <functional>

#include "graph/fusion.h"
#include "graph/tensors.h"

namespace googlenet::graph {

class PlanWriter {
 protected:
  PlanWriter(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
             const PlanRequest& request);

  bool training() const { return request_.mode == Mode::Training; }
  const Layer& layer(int index) const { return definition_.layers[index]; }
  int source(int index, int input = 0) const { return shapes_.inputs[index][input]; }
  const Shape& shape(int index) const { return index < 0 ? definition_.input : shapes_.outputs[index]; }
  int layer_count() const { return static_cast<int>(definition_.layers.size()); }
  bool is_head(int index) const { return graph::is_head(shapes_, index); }
  bool has_relu(int index) const { return fusion_.relu[index]; }

  // ---- views

  View output(int index) { return tensors_.output(index); }
  View gradient(int index) { return tensors_.gradient(index); }
  /// The view, or a copy of its channels that has its rows for itself.
  View dense(const View& view, const std::string& name);
  /// The input of a convolution, dense unless it reads slices.
  View convolution_input(int index);
  /// The places of a max pool's maxima.
  View make_argmax(int pool);
  Window window(int index, int64_t out_channels) const;

  // ---- steps

  template <class What>
  void emit(const char* name, const std::string& layer, What what, const std::vector<View>& reads,
            const std::vector<View>& writes) {
    Step step{name, layer, std::move(what), {}, {}};
    for (const View& view : reads) step.reads.push_back(view.buffer);
    for (const View& view : writes) step.writes.push_back(view.buffer);
    plan_.steps.push_back(std::move(step));
  }

  // ---- gradients
  // A tensor with several readers has the sum of their gradients. Steps that can add (pools, copies) are held
  // back until the gradient is wanted, so that a convolution, which may only overwrite, comes first.

  /// Emits a step of the backward pass; what is put here last runs first.
  void on_way_back(std::function<void()> emitter) { backward_.push_back(std::move(emitter)); }
  void emit_backward();

  /// A contribution by a step that can add: emitter(gradient, whether to add).
  void later(int tensor, std::function<void(View, bool)> emitter) {
    if (tensor != kImages) pending_[tensor + 1].push_back(std::move(emitter));
  }
  /// A contribution by a step that overwrites a dense view or, if it `adds`, adds to one. Nobody reads the
  /// images' gradient, but a BatchNorm of images finds its parameters' gradients in the same step.
  void contribute(int tensor, const std::string& name, bool adds,
                  const std::function<void(View, bool)>& emitter);
  /// With what was held back.
  View complete_gradient(int tensor);

  const Definition& definition_;
  const Shapes& shapes_;
  const ParameterTable& table_;
  const PlanRequest& request_;
  const Fusion fusion_;
  Plan plan_;
  Tensors tensors_;

 private:
  std::vector<bool> written_;  // gradients, by layer + 1
  std::vector<std::vector<std::function<void(View, bool)>>> pending_;
  std::vector<std::function<void()>> backward_;
};

}  // namespace googlenet::graph
