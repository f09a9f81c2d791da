#include "graph/plan_writer.h"

#include <algorithm>

namespace googlenet::graph {
namespace {

/// The windows of an adaptive average pool: plain ones where all have one size.
void share_out(Window& w) {
  const auto widest = [](int64_t in, int64_t out) {
    int64_t side = 0;
    for (int64_t i = 0; i < out; i++) side = std::max(side, ((i + 1) * in + out - 1) / out - i * in / out);
    return side;
  };
  w.kernel = std::max(widest(w.in.height, w.out.height), widest(w.in.width, w.out.width));
  w.adaptive = w.kernel * w.out.height != w.in.height || w.kernel * w.out.width != w.in.width;
  w.stride = w.adaptive ? 1 : w.kernel;
  w.padding = 0;
}

}  // namespace

PlanWriter::PlanWriter(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
                       const PlanRequest& request)
    : definition_(definition),
      shapes_(shapes),
      table_(table),
      request_(request),
      fusion_(fuse(definition, shapes, table, request)),
      tensors_(definition, shapes, fusion_, request, plan_),
      written_(definition.layers.size() + 1),
      pending_(definition.layers.size() + 1) {
  plan_.mode = request.mode;
  plan_.batch = request.batch;
}

View PlanWriter::dense(const View& view, const std::string& name) {
  if (view.dense()) return view;
  const View copy = tensors_.make(name + ".dense", view.rows, view.channels);
  emit("copy", name, step::Copy{view, copy}, {view}, {copy});
  return copy;
}

View PlanWriter::convolution_input(int index) {
  const View x = output(source(index));
  const Layer& l = layer(index);
  const Capabilities& can = request_.capabilities;
  const bool pointwise = l.kernel == 1 && l.stride == 1;
  const bool strided = can.strided_convolution || (pointwise && can.strided_pointwise);
  return strided && !training() ? x : dense(x, l.name);
}

View PlanWriter::make_argmax(int pool) {
  return tensors_.make(layer(pool).name + ".argmax", request_.batch * shape(pool).pixels(),
                       shape(pool).channels, Element::Byte);
}

Window PlanWriter::window(int index, int64_t out_channels) const {
  const Layer& l = layer(index);
  Window w{request_.batch, shape(source(index)), shape(index), l.kernel, l.stride, l.padding};
  w.out.channels = out_channels;
  if (l.kind == LayerKind::AdaptiveAveragePool) share_out(w);
  return w;
}

void PlanWriter::emit_backward() {
  for (size_t h = 0; h < shapes_.heads.size(); h++) {
    const int head = shapes_.heads[h];
    const View logits = output(head), dlogits = gradient(head);
    emit("softmax cross-entropy", layer(head).name,
         step::SoftmaxCrossEntropy{logits, dlogits, static_cast<int>(h), definition_.heads[h].loss_weight},
         {logits}, {dlogits});
    written_[head + 1] = true;
  }
  for (auto emitter = backward_.rbegin(); emitter != backward_.rend(); ++emitter) (*emitter)();
}

void PlanWriter::contribute(int tensor, const std::string& name, bool adds,
                            const std::function<void(View, bool)>& emitter) {
  const View whole = gradient(tensor);
  const bool written = written_[tensor + 1];
  if (tensor == kImages || (whole.dense() && (!written || adds))) {
    emitter(whole, written && adds);
  } else {
    const View part = tensors_.make(name + ".part", whole.rows, whole.channels);
    emitter(part, false);
    emit("copy", name, step::Copy{part, whole, written}, {part}, {whole});
  }
  written_[tensor + 1] = true;
}

View PlanWriter::complete_gradient(int tensor) {
  const View whole = gradient(tensor);
  for (const auto& emitter : pending_[tensor + 1]) {
    emitter(whole, written_[tensor + 1]);
    written_[tensor + 1] = true;
  }
  pending_[tensor + 1].clear();
  return whole;
}

}  // namespace googlenet::graph
