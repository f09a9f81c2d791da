#include "graph/planner.h"

#include "graph/arena.h"
#include "graph/plan_writer.h"

namespace googlenet::graph {
namespace {

/// The steps of each layer, forward and on the way back.
class Planner : PlanWriter {
 public:
  Planner(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
          const PlanRequest& request)
      : PlanWriter(definition, shapes, table, request) {}

  Plan run() {
    emit_forward();
    plan_.forward_steps = static_cast<int>(plan_.steps.size());
    if (training()) emit_backward();
    place_buffers(plan_, request_.activation_bytes);
    return std::move(plan_);
  }

 private:
  void emit_forward() {
    const View images = output(kImages);
    emit("input", "input", step::Input{images, request_.batch, definition_.input, definition_.bgr}, {},
         {images});
    std::vector<bool> done(layer_count(), false);
    for (int i = 0; i < layer_count(); i++) {
      if (!fusion_.needed[i] || fusion_.covered[i] || done[i]) continue;
      if (layer(i).kind != LayerKind::Convolution) {
        forward(i);
        continue;
      }
      const std::vector<int> group = group_of(fusion_, table_, i);
      for (int member : group) done[member] = true;
      if (training() && table_.batch_norm_of[i] >= 0) {
        forward_normalised(group);
      } else {
        forward_convolution(group);
      }
    }
    for (size_t h = 0; h < shapes_.heads.size(); h++) {
      if (fusion_.needed[shapes_.heads[h]]) plan_.heads.push_back(output(shapes_.heads[h]));
    }
  }

  void forward(int i) {
    switch (layer(i).kind) {
      case LayerKind::BatchNorm:
        return forward_batch_norm(i);
      case LayerKind::Linear:
        return forward_linear(i);
      case LayerKind::MaxPool:
      case LayerKind::AveragePool:
      case LayerKind::AdaptiveAveragePool:
        return forward_pool(i);
      case LayerKind::Lrn:
        return forward_lrn(i);
      case LayerKind::Relu: {
        const View x = output(source(i)), y = output(i);
        emit("relu", layer(i).name, step::Relu{x, y}, {x}, {y});
        on_way_back([this, i] {
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
      case LayerKind::Convolution:
        return;  // as a group
    }
  }

  /// Training: convolutions with one input as one, their BatchNorms and ReLUs as one, split at the end.
  void forward_normalised(const std::vector<int>& group) {
    const int first = group.front(), norm = table_.batch_norm_of[first];
    const Together all = gather(definition_, table_, group);
    const Window w = window(first, all.channels);
    const View x = convolution_input(first);
    std::vector<int> results;
    std::vector<View> outputs;
    for (int member : group) {
      results.push_back(fusion_.result[member]);
      outputs.push_back(output(results.back()));
    }
    const View raw = tensors_.make(all.name + ".raw", request_.batch * w.out.pixels(), w.out.channels);
    step::BatchNorm bn{.input = raw,
                       .outputs = outputs,
                       .saved = tensors_.make(all.name + ".saved", 4, w.out.channels, Element::Float),
                       .gamma = all.gamma,
                       .beta = all.beta,
                       .mean = all.mean,
                       .variance = all.variance,
                       .shift = all.bias,
                       .epsilon = layer(norm).epsilon,
                       .momentum = layer(norm).momentum,
                       .relu = has_relu(norm)};
    // The batch mean takes a bias away again, so it is added to the running mean alone; its gradient is zero.
    step::Convolution c{w, x, raw, all.weight, {}};
    std::vector<View> computed{raw};
    if (request_.capabilities.convolution_statistics) {
      c.statistics = tensors_.make(all.name + ".statistics", 2, w.out.channels, Element::Float);
      bn.statistics = c.statistics;
      computed.push_back(c.statistics);
    }
    emit("convolution", all.name, c, {x}, computed);
    emit_batch_norm(all.name, results.back(), bn);

    on_way_back([=, this] {
      std::vector<View> gradients;
      for (int result : results) gradients.push_back(complete_gradient(result));
      emit_batch_norm_backward(all.name, bn, gradients, raw);
      backward_convolution(first, all.name, w, x, raw, all.weight, {});
    });
  }

  /// `result`: the last of what it covers, whose max pool it computes too.
  void emit_batch_norm(const std::string& name, int result, step::BatchNorm& bn) {
    std::vector<View> reads{bn.input}, writes = bn.outputs;
    if (bn.statistics.buffer >= 0) reads.push_back(bn.statistics);
    writes.push_back(bn.saved);
    if (layer(result).kind == LayerKind::MaxPool) {
      bn.pool = window(result, bn.input.channels);
      bn.argmax = make_argmax(result);
      writes.push_back(bn.argmax);
    }
    emit(bn.pool ? "batch norm and max pool" : "batch norm", name, bn, reads, writes);
  }

  void emit_batch_norm_backward(const std::string& name, const step::BatchNorm& bn,
                                const std::vector<View>& gradients, const View& input_gradient) {
    const step::BatchNormBackward back{bn.input, gradients, input_gradient, bn.saved, bn.gamma,
                                       bn.beta,  bn.relu,   bn.pool,        bn.argmax};
    std::vector<View> reads = gradients;
    reads.insert(reads.end(), {bn.input, bn.saved});
    if (bn.pool) reads.push_back(bn.argmax);
    emit(bn.pool ? "batch norm and max pool backward" : "batch norm backward", name, back, reads,
         {input_gradient});
  }

  void backward_convolution(int index, const std::string& name, const Window& w, const View& x,
                            const View& dy, const Range& weight, const Range& bias) {
    emit("convolution backward weights", name, step::ConvolutionBackwardWeights{w, x, dy, weight, bias},
         {x, dy}, {});
    if (source(index) == kImages) return;
    const bool adds = request_.capabilities.gradient_sums;
    contribute(source(index), name, adds, [&](View dx, bool accumulate) {
      emit("convolution backward data", name, step::ConvolutionBackwardData{w, dy, dx, weight, accumulate},
           {dy}, {dx});
    });
  }

  /// Convolutions whose BatchNorms are folded (inference), as one; or one that has none.
  void forward_convolution(const std::vector<int>& group) {
    const int first = group.front(), norm = table_.batch_norm_of[first];
    const Together all = gather(definition_, table_, group);
    const View x = convolution_input(first);
    View y = output(fusion_.result[first]);
    y.channels = all.channels;
    step::Convolution c{window(first, all.channels), x, y, all.weight, all.bias};
    if (norm >= 0) c.fold = Fold{all.gamma, all.beta, all.mean, all.variance, layer(norm).epsilon};
    c.relu = has_relu(norm >= 0 ? norm : first);
    emit("convolution", all.name, c, {x}, {y});
    on_way_back([=, this] {
      const View dz = before_activation(first, c.relu, y);
      backward_convolution(first, all.name, c.window, x, dz, all.weight, all.bias);
    });
  }

  /// The gradient before a fused ReLU, dense.
  View before_activation(int i, bool relu, const View& y) {
    const View dy = complete_gradient(fusion_.result[i]);
    if (!relu) return dense(dy, layer(i).name + ".gradient");
    const View dz = tensors_.make(layer(i).name + ".gradient", y.rows, y.channels);
    emit("relu backward", layer(i).name, step::ReluBackward{y, dy, dz}, {y, dy}, {dz});
    return dz;
  }

  /// A BatchNorm that does not follow a convolution of its own.
  void forward_batch_norm(int i) {
    const int result = fusion_.result[i];
    const View x = output(source(i)), y = output(result);
    const LayerParameters& p = table_.layers[i];
    const bool relu = has_relu(i);
    if (!training()) {
      emit("batch norm", layer(i).name,
           step::BatchNormInference{x, y, p.weight, p.bias, p.mean, p.variance, layer(i).epsilon, relu}, {x},
           {y});
      return;
    }
    step::BatchNorm bn{.input = x,
                       .outputs = {y},
                       .saved = tensors_.make(layer(i).name + ".saved", 4, x.channels, Element::Float),
                       .gamma = p.weight,
                       .beta = p.bias,
                       .mean = p.mean,
                       .variance = p.variance,
                       .shift = {},
                       .epsilon = layer(i).epsilon,
                       .momentum = layer(i).momentum,
                       .relu = relu};
    emit_batch_norm(layer(i).name, result, bn);
    on_way_back([=, this] {
      const View dy = complete_gradient(result);
      contribute(source(i), layer(i).name, false,
                 [&](View dx, bool) { emit_batch_norm_backward(layer(i).name, bn, {dy}, dx); });
    });
  }

  void forward_linear(int i) {
    const View x = flattened(dense(output(source(i)), layer(i).name), request_.batch);
    const View y = output(fusion_.result[i]);
    const LayerParameters& p = table_.layers[i];
    const bool relu = has_relu(i);
    const int64_t pixels = shape(source(i)).pixels();
    emit("linear", layer(i).name, step::Linear{x, y, p.weight, p.bias, relu, is_head(i), pixels}, {x}, {y});
    on_way_back([=, this] {
      const View dz = before_activation(i, relu, y);
      emit("linear backward weights", layer(i).name,
           step::LinearBackwardWeights{x, dz, p.weight, p.bias, pixels}, {x, dz}, {});
      if (source(i) == kImages) return;
      contribute(source(i), layer(i).name, false, [&](View dx, bool) {
        const View flat = flattened(dx, request_.batch);
        emit("linear backward data", layer(i).name, step::LinearBackwardData{dz, flat, p.weight, pixels},
             {dz}, {flat});
      });
    });
  }

  void forward_pool(int i) {
    const Window w = window(i, shape(i).channels);
    const View x = output(source(i)), y = output(i);
    const std::string& name = layer(i).name;
    if (layer(i).kind != LayerKind::MaxPool) {
      emit("average pool", name, step::AveragePool{w, x, y}, {x}, {y});
      on_way_back([=, this] {
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
      argmax = make_argmax(i);
      writes.push_back(argmax);
    }
    emit("max pool", name, step::MaxPool{w, x, y, argmax}, {x}, writes);
    on_way_back([=, this] {
      const View dy = complete_gradient(i);
      later(source(i), [=, this](View dx, bool accumulate) {
        emit("max pool backward", layer(i).name, step::MaxPoolBackward{w, argmax, dy, dx, accumulate},
             {argmax, dy}, {dx});
      });
    });
  }

  void forward_lrn(int i) {
    const View x = output(source(i)), y = output(i);
    const LrnFigures& lrn = layer(i).lrn;
    emit("lrn", layer(i).name, step::Lrn{x, y, lrn}, {x}, {y});
    on_way_back([=, this] {
      const View dy = complete_gradient(i);
      later(source(i), [=, this](View dx, bool accumulate) {
        emit("lrn backward", layer(i).name, step::LrnBackward{x, dy, dx, lrn, accumulate}, {x, dy}, {dx});
      });
    });
  }

  void forward_dropout(int i) {
    const View x = output(source(i));
    if (!training()) {
      tensors_.set_output(i, x);
      return;
    }
    const View y = output(i);
    const uint64_t key = static_cast<uint64_t>(i);
    emit("dropout", layer(i).name, step::Dropout{x, y, layer(i).probability, key}, {x}, {y});
    on_way_back([=, this] {
      const View dy = complete_gradient(i);
      later(source(i), [=, this](View dx, bool accumulate) {
        emit("dropout backward", layer(i).name, step::Dropout{dy, dx, layer(i).probability, key, accumulate},
             {dy}, {dx});
      });
    });
  }

  void forward_concat(int i) {
    const View whole = output(i);
    std::vector<std::pair<int, int64_t>>
        copied;  // sources that could not be placed, and their first channels
    int64_t offset = 0;
    for (int s : shapes_.inputs[i]) {
      const View part = slice(whole, offset, shape(s).channels);
      offset += part.channels;
      if (s >= 0 && fusion_.slices[s].concat == i) continue;
      const View x = output(s);
      emit("copy", layer(i).name, step::Copy{x, part}, {x}, {part});
      copied.push_back({s, offset - part.channels});
    }
    on_way_back([=, this] {
      const View dy = complete_gradient(i);
      for (const auto& [s, first] : copied) {
        const View from = slice(dy, first, shape(s).channels);
        later(s, [=, this](View dx, bool accumulate) {
          emit("copy", layer(i).name, step::Copy{from, dx, accumulate}, {from}, {dx});
        });
      }
    });
  }
};

}  // namespace

Plan make_plan(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
               const PlanRequest& request) {
  return Planner(definition, shapes, table, request).run();
}

}  // namespace googlenet::graph
