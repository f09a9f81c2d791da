// The buffers and views of a plan in the making: where the output of each layer lies, and its gradient.
#pragma once
#include "graph/fusion.h"
#include "graph/plan.h"

namespace googlenet::graph {

constexpr int kImages = -1;  // the layer index of the network's input

class Tensors {
 public:
  /// Puts buffers into `plan`. All outlive it.
  Tensors(const Definition& definition, const Shapes& shapes, const Fusion& fusion,
          const PlanRequest& request, Plan& plan);

  /// A new buffer of its own, its rows padded.
  View make(const std::string& name, int64_t rows, int64_t channels, Element element = Element::Activation);
  View make(const std::string& name, const Shape& shape);

  /// Of a layer, or of the images: in a buffer of its own, or in its concat's.
  View output(int layer) { return find(layer, outputs_, ""); }
  View gradient(int layer) { return find(layer, gradients_, ".gradient"); }
  /// The layer's output is this view of another's.
  void set_output(int layer, const View& view) { outputs_[layer + 1] = view; }

 private:
  View find(int layer, std::vector<View>& views, const char* suffix);
  View create(int layer, std::vector<View>& views, const char* suffix);

  const Definition& definition_;
  const Shapes& shapes_;
  const Fusion& fusion_;
  const PlanRequest& request_;
  Plan& plan_;
  std::vector<View> outputs_, gradients_;  // by layer + 1
};

/// A run of a view's channels, from `first` on; the last has the view's padding. `first` may be negative: a
/// widened concat has channels before its own.
View slice(const View& whole, int64_t first, int64_t channels);

/// N rows of everything that belongs to an image; the view is dense.
View flattened(const View& view, int64_t batch);

}  // namespace googlenet::graph
