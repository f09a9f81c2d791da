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
    place_into_concats();
    merge_siblings();
    return std::move(fusion_);
  }

 private:
  bool training() const { return request_.mode == Mode::Training; }
  int count() const { return static_cast<int>(definition_.layers.size()); }
  LayerKind kind(int index) const { return definition_.layers[index].kind; }
  int64_t channels(int index) const {
    return index < 0 ? definition_.input.channels : shapes_.outputs[index].channels;
  }
  /// Of channels: whether vectors of them can begin there.
  bool aligned(int64_t channels) const { return channels % request_.capabilities.channel_multiple == 0; }

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

  /// Convolution [+ BatchNorm] [+ ReLU], BatchNorm [+ ReLU] [+ max pool], linear [+ ReLU].
  void cover() {
    fusion_.covered.assign(count(), false);
    fusion_.relu.assign(count(), false);
    fusion_.result.resize(count());
    for (int i = 0; i < count(); i++) fusion_.result[i] = i;
    for (int i = count() - 1; i >= 0; i--) {
      if (!fusion_.needed[i]) continue;
      const int from = shapes_.inputs[i][0];
      if (!alone_reads(from)) continue;
      const LayerKind before = kind(from);
      const bool takes_relu =
          before == LayerKind::Convolution || before == LayerKind::BatchNorm || before == LayerKind::Linear;
      const bool covered = (kind(i) == LayerKind::Relu && takes_relu) ||
                           (kind(i) == LayerKind::BatchNorm && table_.batch_norm_of[from] == i) ||
                           (kind(i) == LayerKind::MaxPool && takes_pool(from));
      if (!covered) continue;
      fusion_.result[from] = fusion_.result[i];
      fusion_.relu[from] = fusion_.relu[i] || kind(i) == LayerKind::Relu;
      fusion_.covered[i] = true;
    }
  }

  /// Whether a layer that reads this one is the only one that does.
  bool alone_reads(int source) const {
    return source >= 0 && readers_[source] == 1 && !is_head(shapes_, source);
  }

  /// Whether it is the result of a BatchNorm that may pool it.
  bool takes_pool(int index) const {
    if (!training() || !request_.capabilities.pooled_batch_norm) return false;
    if (kind(index) == LayerKind::BatchNorm) return true;
    const int before = shapes_.inputs[index][0];
    return kind(index) == LayerKind::Relu && alone_reads(before) && kind(before) == LayerKind::BatchNorm;
  }

  void place_into_concats() {
    fusion_.slices.assign(count(), {});
    for (int i = 0; i < count(); i++) {
      if (!fusion_.needed[i] || kind(i) != LayerKind::Concat) continue;
      int64_t offset = 0;
      for (int source : shapes_.inputs[i]) {
        const bool alone = source >= 0 && readers_[source] == 1;
        if (alone && aligned(offset) && aligned(channels(source)) && writes_slices(source)) {
          fusion_.slices[source] = {i, offset};
        }
        offset += channels(source);
      }
    }
  }

  void merge_siblings() {
    fusion_.merged.assign(count(), -1);
    fusion_.channels_before.assign(count(), 0);
    if (!training() && !request_.capabilities.merged_pointwise) return;
    for (size_t g = 0; g < table_.siblings.size(); g++) {
      const std::vector<int>& group = table_.siblings[g];
      const auto norm = [&](int member) { return table_.batch_norm_of[member]; };
      const bool alike = std::all_of(group.begin(), group.end(), [&](int member) {
        return fusion_.needed[member] && fusion_.relu[norm(member)] == fusion_.relu[norm(group[0])] &&
               kind(fusion_.result[member]) != LayerKind::MaxPool;
      });
      if (!alike) continue;
      const std::vector<int> together = training() ? divisible(group) : widen_concat(group);
      if (together.size() < 2) continue;
      for (int member : together) fusion_.merged[member] = static_cast<int>(g);
    }
  }

  /// The first of a group, as many as can share rows and each begin at a multiple.
  std::vector<int> divisible(const std::vector<int>& group) const {
    std::vector<int> together;
    for (int member : group) {
      together.push_back(member);
      if (!aligned(channels(member))) break;
    }
    return together;
  }

  /// The members before the one that begins a concat, and that one: the concat's rows become [the others'
  /// channels | its own], so that all results are one run of channels. None if there is no such member.
  std::vector<int> widen_concat(const std::vector<int>& group) {
    std::vector<int> together;
    int64_t before = 0;
    for (int member : group) {
      if (!aligned(channels(member))) return {};
      together.push_back(member);
      const Fusion::Slice place = fusion_.slices[fusion_.result[member]];
      if (place.concat < 0) {
        before += channels(member);
        continue;
      }
      if (place.offset != 0) return {};
      int64_t offset = -before;
      for (int other : together) {
        fusion_.slices[fusion_.result[other]] = {place.concat, offset};
        offset += channels(other);
      }
      fusion_.channels_before[place.concat] = before;
      return together;
    }
    return {};
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
    const bool pointwise = by.kernel == 1 && by.stride == 1;
    return (training() && normalised) || request_.capabilities.strided_convolution ||
           (pointwise && request_.capabilities.strided_pointwise);
  }

  const Definition& definition_;
  const Shapes& shapes_;
  const ParameterTable& table_;
  const PlanRequest& request_;
  Fusion fusion_;
  std::vector<int> readers_;
};

/// Makes `all` go on with the range that comes after it.
void append(Range& all, const Range& next) {
  if (all.count == 0) all.offset = next.offset;
  all.count += next.count;
}

}  // namespace

Fusion fuse(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
            const PlanRequest& request) {
  return Passes(definition, shapes, table, request).run();
}

std::vector<int> group_of(const Fusion& fusion, const ParameterTable& table, int convolution) {
  const int group = fusion.merged[convolution];
  if (group < 0) return {convolution};
  std::vector<int> members;
  for (int member : table.siblings[group]) {
    if (fusion.merged[member] == group) members.push_back(member);
  }
  return members;
}

Together gather(const Definition& definition, const ParameterTable& table, const std::vector<int>& group) {
  Together all;
  for (int member : group) {
    const Layer& layer = definition.layers[member];
    all.name += (all.name.empty() ? "" : " + ") + layer.name;
    all.channels += layer.out_channels;
    append(all.weight, table.layers[member].weight);
    append(all.bias, table.layers[member].bias);
    const int norm = table.batch_norm_of[member];
    if (norm < 0) continue;
    append(all.gamma, table.layers[norm].weight);
    append(all.beta, table.layers[norm].bias);
    append(all.mean, table.layers[norm].mean);
    append(all.variance, table.layers[norm].variance);
  }
  return all;
}

}  // namespace googlenet::graph
