#include "graph/fusion.h"

#include <algorithm>

namespace googlenet::graph {
namespace {

class Passes {
 public:
  Passes(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
         const PlanRequest& request)
      : definition_(definition), shapes_(shapes), table_(table), request_(request) {}

  Fusion run() {
    find_needed();
    cover();
    merge_siblings();
    place_into_concats();
    return std::move(fusion_);
  }

 private:
  bool training() const { return request_.mode == Mode::Training; }
  int count() const { return static_cast<int>(definition_.layers.size()); }
  LayerKind kind(int index) const { return definition_.layers[index].kind; }

  void find_needed() {
    fusion_.needed.assign(count(), false);
    readers_.assign(count(), 0);
    for (size_t h = 0; h < shapes_.heads.size(); h++) {
      if (h > 0 && request_.main_head_only) break;
      fusion_.needed[shapes_.heads[h]] = true;
      readers_[shapes_.heads[h]]++;
    }
    for (int i = count() - 1; i >= 0; i--) {
      if (!fusion_.needed[i]) continue;
      for (int source : shapes_.inputs[i]) {
        if (source < 0) continue;
        fusion_.needed[source] = true;
        readers_[source]++;
      }
    }
  }

  /// Convolution [+ BatchNorm] [+ ReLU], BatchNorm [+ ReLU], linear [+ ReLU].
  void cover() {
    fusion_.covered.assign(count(), false);
    fusion_.result.resize(count());
    for (int i = 0; i < count(); i++) fusion_.result[i] = i;
    for (int i = count() - 1; i >= 0; i--) {
      if (!fusion_.needed[i]) continue;
      const int from = shapes_.inputs[i][0];
      if (from < 0 || readers_[from] != 1 || is_head(shapes_, from)) continue;
      const LayerKind before = kind(from);
      const bool takes_relu =
          before == LayerKind::Convolution || before == LayerKind::BatchNorm || before == LayerKind::Linear;
      const bool covered = (kind(i) == LayerKind::Relu && takes_relu) ||
                           (kind(i) == LayerKind::BatchNorm && table_.batch_norm_of[from] == i);
      if (!covered) continue;
      fusion_.result[from] = fusion_.result[i];
      fusion_.covered[i] = true;
    }
  }

  void merge_siblings() {
    fusion_.merged.assign(count(), -1);
    if (!training()) return;
    for (size_t g = 0; g < table_.siblings.size(); g++) {
      const std::vector<int>& group = table_.siblings[g];
      const auto relu = [&](int member) {
        return has_relu(definition_, fusion_, table_.batch_norm_of[member]);
      };
      const bool alike = std::all_of(group.begin(), group.end(), [&](int member) {
        return fusion_.needed[member] && relu(member) == relu(group[0]);
      });
      if (!alike) continue;
      for (int member : group) fusion_.merged[member] = static_cast<int>(g);
    }
  }

  void place_into_concats() {
    fusion_.slices.assign(count(), {});
    for (int i = 0; i < count(); i++) {
      if (!fusion_.needed[i] || kind(i) != LayerKind::Concat) continue;
      int64_t offset = 0;
      for (int source : shapes_.inputs[i]) {
        const bool alone = source >= 0 && readers_[source] == 1;
        if (alone && writes_slices(source)) fusion_.slices[source] = {i, offset};
        offset += source < 0 ? definition_.input.channels : shapes_.outputs[source].channels;
      }
    }
  }

  /// Whether the step that produces this tensor can write into a slice.
  bool writes_slices(int index) const {
    int producer = index;
    bool normalised = false;
    while (fusion_.covered[producer]) {
      normalised |= kind(producer) == LayerKind::BatchNorm;
      producer = shapes_.inputs[producer][0];
    }
    const Layer& by = definition_.layers[producer];
    if (by.kind == LayerKind::Linear || by.kind == LayerKind::Concat) return false;
    if (by.kind == LayerKind::Dropout) return training();  // in inference it is its input
    if (by.kind != LayerKind::Convolution) return true;
    if (training()) return normalised;
    const bool pointwise = by.kernel == 1 && by.stride == 1;
    return request_.capabilities.strided_convolution ||
           (pointwise && request_.capabilities.strided_pointwise);
  }

  const Definition& definition_;
  const Shapes& shapes_;
  const ParameterTable& table_;
  const PlanRequest& request_;
  Fusion fusion_;
  std::vector<int> readers_;
};

}  // namespace

Fusion fuse(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
            const PlanRequest& request) {
  return Passes(definition, shapes, table, request).run();
}

}  // namespace googlenet::graph
