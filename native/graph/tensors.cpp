#include "graph/tensors.h"

namespace googlenet::graph {

Tensors::Tensors(const Definition& definition, const Shapes& shapes, const Fusion& fusion,
                 const PlanRequest& request, Plan& plan)
    : definition_(definition), shapes_(shapes), fusion_(fusion), request_(request), plan_(plan) {
  outputs_.resize(definition.layers.size() + 1);
  gradients_.resize(definition.layers.size() + 1);
}

View Tensors::make(const std::string& name, int64_t rows, int64_t channels, Element element) {
  const int64_t multiple = request_.capabilities.channel_multiple;
  const int64_t stride = (channels + multiple - 1) / multiple * multiple;
  plan_.buffers.push_back({.name = name, .element = element, .count = rows * stride});
  return {.buffer = static_cast<int>(plan_.buffers.size()) - 1,
          .rows = rows,
          .channels = channels,
          .stride = stride,
          .padding = stride - channels};
}

View Tensors::make(const std::string& name, const Shape& shape) {
  return make(name, request_.batch * shape.pixels(), shape.channels);
}

View Tensors::find(int layer, std::vector<View>& views, const char* suffix) {
  if (views[layer + 1].buffer < 0) {
    const View view = create(layer, views, suffix);
    views[layer + 1] = view;
  }
  return views[layer + 1];
}

View Tensors::create(int layer, std::vector<View>& views, const char* suffix) {
  if (layer == kImages) return make(std::string("input") + suffix, definition_.input);
  const std::string name = definition_.layers[layer].name + suffix;
  const Shape& shape = shapes_.outputs[layer];
  const Fusion::Slice& place = fusion_.slices[layer];
  if (place.concat >= 0) return slice(find(place.concat, views, suffix), place.offset, shape.channels);
  if (is_head(shapes_, layer)) {
    const bool logits = suffix[0] == '\0';
    return make(name, request_.batch, shape.channels, logits ? Element::Float : Element::Activation);
  }
  const int64_t before = fusion_.channels_before[layer];
  View view = make(name, {before + shape.channels, shape.height, shape.width});
  view.offset = before;
  view.channels = shape.channels;
  return view;
}

View slice(const View& whole, int64_t first, int64_t channels) {
  View view = whole;
  view.offset += first;
  view.channels = channels;
  view.padding = first + channels == whole.channels ? whole.padding : 0;
  return view;
}

View flattened(const View& view, int64_t batch) {
  const int64_t pixels = view.rows / batch;
  return {.buffer = view.buffer,
          .rows = batch,
          .channels = pixels * view.channels,
          .stride = pixels * view.stride,
          .padding = pixels * view.padding};
}

}  // namespace googlenet::graph
