#include "graph/planner.h"

#include <algorithm>
#include <functional>

#include "graph/arena.h"
#include "graph/fusion.h"

namespace googlenet::graph {
namespace {

constexpr int kImages = -1;  // the layer index of the network's input

class Planner {
 public:
  Planner(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
          const PlanRequest& request)
      : definition_(definition),
        shapes_(shapes),
        table_(table),
        request_(request),
        fusion_(fuse(definition, shapes, table, request)) {
    plan_.mode = request.mode;
    plan_.batch = request.batch;
  }

  Plan run() {
    emit_forward();
    plan_.forward_steps = static_cast<int>(plan_.steps.size());
    if (training()) emit_backward();
    place_buffers(plan_, request_.activation_bytes);
    return std::move(plan_);
  }

 private:
  bool training() const { return request_.mode == Mode::Training; }
  const Layer& layer(int index) const { return definition_.layers[index]; }
  int source(int index, int input = 0) const { return shapes_.inputs[index][input]; }
  const Shape& shape(int index) const { return index < 0 ? definition_.input : shapes_.outputs[index]; }
  int layer_count() const { return static_cast<int>(definition_.layers.size()); }
  bool is_head(int index) const { return graph::is_head(shapes_, index); }
  bool has_relu(int index) const { return graph::has_relu(definition_, fusion_, index); }

  // ---- buffers and views

  int new_buffer(const std::string& name, int64_t count, Element element = Element::Activation) {
    plan_.buffers.push_back({.name = name, .element = element, .count = count});
    return static_cast<int>(plan_.buffers.size()) - 1;
  }

  View new_view(const std::string& name, int64_t rows, int64_t channels,
                Element element = Element::Activation) {
    return {new_buffer(name, rows * channels, element), rows, channels, channels, 0};
  }

  View new_view(const std::string& name, const Shape& s) {
    return new_view(name, request_.batch * s.pixels(), s.channels);
  }

  /// The view of a layer's output, or of its gradient: its own buffer, or a slice of its concat's.
  View view_of(int index, std::vector<View>& views, const char* suffix) {
    View& view = views[index + 1];
    if (view.buffer >= 0) return view;
    const std::string name = (index < 0 ? std::string("input") : layer(index).name) + suffix;
    if (index >= 0 && fusion_.slices[index].concat >= 0) {
      const View whole = view_of(fusion_.slices[index].concat, views, suffix);
      view = whole;
      view.channels = shape(index).channels;
      view.offset = fusion_.slices[index].offset;
    } else if (index >= 0 && is_head(index)) {
      const bool logits = suffix[0] == '\0';
      view = new_view(name, request_.batch, shape(index).channels,
                      logits ? Element::Float : Element::Activation);
    } else {
      view = new_view(name, shape(index));
    }
    return view;
  }

  View output(int index) { return view_of(index, outputs_, ""); }
  View gradient(int index) { return view_of(index, gradients_, ".gradient"); }
  View dense(const View& view, const std::string& name) {
    if (view.dense()) return view;
    const View copy = new_view(name + ".dense", view.rows, view.channels);
    emit("copy", name, step::Copy{view, copy}, {view}, {copy});
    return copy;
  }

  /// N rows of everything that belongs to an image.
  static View flattened(View view, int64_t batch) {
    view.channels = view.stride = view.rows / batch * view.channels;
    view.rows = batch;
    return view;
  }

  template <class What>
  void emit(const char* name, const std::string& layer, What what, const std::vector<View>& reads,
            const std::vector<View>& writes) {
    Step step{name, layer, std::move(what), {}, {}};
    for (const View& view : reads) step.reads.push_back(view.buffer);
    for (const View& view : writes) step.writes.push_back(view.buffer);
    plan_.steps.push_back(std::move(step));
  }

  Window window(int index) const {
    const Layer& l = layer(index);
    return {request_.batch, shape(source(index)), shape(index), l.kernel, l.stride, l.padding};
  }

  // ---- forward

  void emit_forward() {
    outputs_.resize(layer_count() + 1);
    gradients_.resize(layer_count() + 1);
    written_.assign(layer_count() + 1, false);
    pending_.resize(layer_count() + 1);
    const View images = output(kImages);
    emit("input", "input", step::Input{images, request_.batch, definition_.input}, {}, {images});
    std::vector<bool> done(table_.siblings.size(), false);
    for (int i = 0; i < layer_count(); i++) {
      if (!fusion_.needed[i] || fusion_.covered[i]) continue;
      if (fusion_.merged[i] >= 0) {
        if (!done[fusion_.merged[i]]) forward_siblings(table_.siblings[fusion_.merged[i]]);
        done[fusion_.merged[i]] = true;
      } else {
        forward(i);
      }
    }
    for (size_t h = 0; h < shapes_.heads.size(); h++) {
      if (fusion_.needed[shapes_.heads[h]]) plan_.heads.push_back(output(shapes_.heads[h]));
    }
  }

  void forward(int i) {
    switch (layer(i).kind) {
      case LayerKind::Convolution:
        if (training() && table_.batch_norm_of[i] >= 0) return forward_siblings({i});
        return forward_convolution(i);
      case LayerKind::BatchNorm:
        return forward_batch_norm(i);
      case LayerKind::Linear:
        return forward_linear(i);
      case LayerKind::MaxPool:
      case LayerKind::AveragePool:
        return forward_pool(i);
      case LayerKind::Relu: {
        const View x = output(source(i)), y = output(i);
        emit("relu", layer(i).name, step::Relu{x, y}, {x}, {y});
        backward_.push_back([this, i] {
          const View dy = complete_gradient(i), y = output(i);
          later(source(i), [=, this](View dx, bool accumulate) {
            emit("relu backward", layer(i).name, step::ReluBackward{y, dy, dx, accumulate}, {y, dy}, {dx});
          });
        });
        return;
      }
      case LayerKind::Dropout:
        return forward_dropout(i);
      case LayerKind::Concat:
        return forward_concat(i);
    }
  }

  /// Training: convolutions with one input as one, their BatchNorms and ReLUs as one, split at the end.
  void forward_siblings(const std::vector<int>& group) {
    const int first = group.front(), norm = table_.batch_norm_of[first];
    const View x = dense(output(source(first)), layer(first).name);
    Window w = window(first);
    w.out.channels = 0;
    Range weight{table_.layers[first].weight.offset, 0}, bias{table_.layers[first].bias.offset, 0};
    step::BatchNorm bn;
    bn.gamma.offset = table_.layers[norm].weight.offset;
    bn.beta.offset = table_.layers[norm].bias.offset;
    bn.mean.offset = table_.layers[norm].mean.offset;
    bn.variance.offset = table_.layers[norm].variance.offset;
    bn.epsilon = layer(norm).epsilon;
    bn.momentum = layer(norm).momentum;
    bn.relu = has_relu(norm);
    std::vector<int> results;
    std::string name;
    for (int member : group) {
      w.out.channels += layer(member).out_channels;
      weight.count += table_.layers[member].weight.count;
      bias.count += table_.layers[member].bias.count;
      results.push_back(fusion_.result[member]);
      bn.outputs.push_back(output(fusion_.result[member]));
      name += (name.empty() ? "" : " + ") + layer(member).name;
    }
    bn.gamma.count = bn.beta.count = bn.mean.count = bn.variance.count = w.out.channels;
    bn.shift = bias;
    const View raw = new_view(name + ".raw", w.out);
    bn.input = raw;
    bn.saved = new_view(name + ".saved", 4, w.out.channels, Element::Float);
    // The batch mean takes a bias away again, so it is added to the running mean alone; its gradient is zero.
    emit("convolution", name, step::Convolution{w, x, raw, weight, {}, false, {}}, {x}, {raw});
    std::vector<View> writes = bn.outputs;
    writes.push_back(bn.saved);
    emit("batch norm", name, bn, {raw}, writes);

    backward_.push_back([=, this] {
      step::BatchNormBackward back{bn.input, {}, raw, bn.saved, bn.gamma, bn.beta, bn.relu};
      for (int result : results) back.output_gradients.push_back(complete_gradient(result));
      std::vector<View> reads = back.output_gradients;
      reads.push_back(raw);
      reads.push_back(bn.saved);
      emit("batch norm backward", name, back, reads, {raw});
      backward_convolution(first, name, w, x, raw, weight, {});
    });
  }

  void backward_convolution(int index, const std::string& name, const Window& w, const View& x,
                            const View& dy, const Range& weight, const Range& bias) {
    emit("convolution backward weights", name, step::ConvolutionBackwardWeights{w, x, dy, weight, bias},
         {x, dy}, {});
    if (source(index) == kImages) return;
    contribute(source(index), name, [&](View dx) {
      emit("convolution backward data", name, step::ConvolutionBackwardData{w, dy, dx, weight}, {dy}, {dx});
    });
  }

  /// A convolution whose BatchNorm is folded (inference), or that has none.
  void forward_convolution(int i) {
    const View x = dense(output(source(i)), layer(i).name), y = output(fusion_.result[i]);
    const LayerParameters& parameters = table_.layers[i];
    step::Convolution c{window(i), x, y, parameters.weight, parameters.bias, false, {}};
    const int norm = table_.batch_norm_of[i];
    if (norm >= 0) {
      const LayerParameters& n = table_.layers[norm];
      c.fold = Fold{n.weight, n.bias, n.mean, n.variance, layer(norm).epsilon};
    }
    c.relu = has_relu(norm >= 0 ? norm : i);
    emit("convolution", layer(i).name, c, {x}, {y});
    backward_.push_back([=, this] {
      const View dz = before_activation(i, c.relu, y);
      backward_convolution(i, layer(i).name, c.window, x, dz, parameters.weight, parameters.bias);
    });
  }

  /// The gradient before a fused ReLU, dense.
  View before_activation(int i, bool relu, const View& y) {
    const View dy = complete_gradient(fusion_.result[i]);
    if (!relu) return dense(dy, layer(i).name + ".gradient");
    const View dz = new_view(layer(i).name + ".gradient", y.rows, y.channels);
    emit("relu backward", layer(i).name, step::ReluBackward{y, dy, dz}, {y, dy}, {dz});
    return dz;
  }

  /// A BatchNorm that does not follow a convolution of its own.
  void forward_batch_norm(int i) {
    const View x = output(source(i)), y = output(fusion_.result[i]);
    const LayerParameters& p = table_.layers[i];
    const bool relu = has_relu(i);
    if (!training()) {
      emit("batch norm", layer(i).name,
           step::BatchNormInference{x, y, p.weight, p.bias, p.mean, p.variance, layer(i).epsilon, relu}, {x},
           {y});
      return;
    }
    step::BatchNorm bn{x,
                       {y},
                       new_view(layer(i).name + ".saved", 4, x.channels, Element::Float),
                       p.weight,
                       p.bias,
                       p.mean,
                       p.variance,
                       {},
                       layer(i).epsilon,
                       layer(i).momentum,
                       relu};
    emit("batch norm", layer(i).name, bn, {x}, {y, bn.saved});
    backward_.push_back([=, this] {
      const View dy = complete_gradient(fusion_.result[i]);
      contribute(source(i), layer(i).name, [&](View dx) {
        emit("batch norm backward", layer(i).name,
             step::BatchNormBackward{x, {dy}, dx, bn.saved, p.weight, p.bias, relu}, {x, dy, bn.saved}, {dx});
      });
    });
  }

  void forward_linear(int i) {
    const View x = flattened(dense(output(source(i)), layer(i).name), request_.batch);
    const View y = output(fusion_.result[i]);
    const LayerParameters& p = table_.layers[i];
    const bool relu = has_relu(i);
    emit("linear", layer(i).name, step::Linear{x, y, p.weight, p.bias, relu, is_head(i)}, {x}, {y});
    backward_.push_back([=, this] {
      const View dz = before_activation(i, relu, y);
      emit("linear backward weights", layer(i).name, step::LinearBackwardWeights{x, dz, p.weight, p.bias},
           {x, dz}, {});
      if (source(i) == kImages) return;
      contribute(source(i), layer(i).name, [&](View dx) {
        const View flat = flattened(dx, request_.batch);
        emit("linear backward data", layer(i).name, step::LinearBackwardData{dz, flat, p.weight}, {dz},
             {flat});
      });
    });
  }

  void forward_pool(int i) {
    const Window w = window(i);
    const View x = output(source(i)), y = output(i);
    const std::string& name = layer(i).name;
    if (layer(i).kind == LayerKind::AveragePool) {
      emit("average pool", name, step::AveragePool{w, x, y}, {x}, {y});
      backward_.push_back([=, this] {
        const View dy = complete_gradient(i);
        later(source(i), [=, this](View dx, bool accumulate) {
          emit("average pool backward", layer(i).name, step::AveragePoolBackward{w, dy, dx, accumulate}, {dy},
               {dx});
        });
      });
      return;
    }
    View argmax;
    std::vector<View> writes{y};
    if (training() && source(i) != kImages) {
      argmax = new_view(name + ".argmax", y.rows, y.channels, Element::Byte);
      writes.push_back(argmax);
    }
    emit("max pool", name, step::MaxPool{w, x, y, argmax}, {x}, writes);
    backward_.push_back([=, this] {
      const View dy = complete_gradient(i);
      later(source(i), [=, this](View dx, bool accumulate) {
        emit("max pool backward", layer(i).name, step::MaxPoolBackward{w, argmax, dy, dx, accumulate},
             {argmax, dy}, {dx});
      });
    });
  }

  void forward_dropout(int i) {
    const View x = output(source(i));
    if (!training()) {
      outputs_[i + 1] = x;
      return;
    }
    const View y = output(i);
    const uint64_t key = static_cast<uint64_t>(i);
    emit("dropout", layer(i).name, step::Dropout{x, y, layer(i).probability, key}, {x}, {y});
    backward_.push_back([=, this] {
      const View dy = complete_gradient(i);
      later(source(i), [=, this](View dx, bool accumulate) {
        emit("dropout backward", layer(i).name, step::Dropout{dy, dx, layer(i).probability, key, accumulate},
             {dy}, {dx});
      });
    });
  }

  void forward_concat(int i) {
    const View whole = output(i);
    std::vector<std::pair<int, View>> copied;  // sources that could not be placed, and their slices
    int64_t offset = 0;
    for (int s : shapes_.inputs[i]) {
      View slice = whole;
      slice.channels = shape(s).channels;
      slice.offset = offset;
      offset += slice.channels;
      if (s >= 0 && fusion_.slices[s].concat == i) continue;
      const View x = output(s);
      emit("copy", layer(i).name, step::Copy{x, slice}, {x}, {slice});
      copied.push_back({s, slice});
    }
    backward_.push_back([=, this] {
      const View dy = complete_gradient(i);
      for (const auto& [s, slice] : copied) {
        View from = dy;
        from.channels = slice.channels;
        from.offset = slice.offset;
        later(s, [=, this](View dx, bool accumulate) {
          emit("copy", layer(i).name, step::Copy{from, dx, accumulate}, {from}, {dx});
        });
      }
    });
  }

  // ---- backward
  // A tensor
  // with several readers has the sum of their gradients. Steps that can add (pools, copies) are held back
  // until the gradient is wanted, so that a convolution, which can only overwrite, comes first.

  void emit_backward() {
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

  void later(int tensor, std::function<void(View, bool)> emitter) {
    if (tensor != kImages) pending_[tensor + 1].push_back(std::move(emitter));
  }

  /// Adds a contribution by a step that can only overwrite a dense view. Nobody reads the images' gradient,
  /// but a BatchNorm of images finds its parameters' gradients in the same step.
  template <class Emitter>
  void contribute(int tensor, const std::string& name, Emitter emitter) {
    const View whole = gradient(tensor);
    if (tensor == kImages || (!written_[tensor + 1] && whole.dense())) {
      emitter(whole);
    } else {
      const View part = new_view(name + ".part", whole.rows, whole.channels);
      emitter(part);
      const bool accumulate = written_[tensor + 1];
      emit("copy", name, step::Copy{part, whole, accumulate}, {part}, {whole});
    }
    written_[tensor + 1] = true;
  }

  View complete_gradient(int tensor) {
    const View whole = gradient(tensor);
    for (const auto& emitter : pending_[tensor + 1]) {
      emitter(whole, written_[tensor + 1]);
      written_[tensor + 1] = true;
    }
    pending_[tensor + 1].clear();
    return whole;
  }

  const Definition& definition_;
  const Shapes& shapes_;
  const ParameterTable& table_;
  const PlanRequest& request_;
  const Fusion fusion_;
  Plan plan_;
  std::vector<View> outputs_, gradients_;  // by layer + 1
  std::vector<bool> written_;
  std::vector<std::vector<std::function<void(View, bool)>>> pending_;
  std::vector<std::function<void()>> backward_;
};

}  // namespace

Plan make_plan(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
               const PlanRequest& request) {
  return Planner(definition, shapes, table, request).run();
}

}  // namespace googlenet::graph
