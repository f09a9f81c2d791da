#include "backends/cuda/convolution_plans.h"

#include "error.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

cudnnDataType_t data_type(Precision precision) {
  switch (precision) {
    case Precision::Bf16:
      return CUDNN_DATA_BFLOAT16;
    case Precision::Fp16:
      return CUDNN_DATA_HALF;
    case Precision::Fp32:
      break;
  }
  return CUDNN_DATA_FLOAT;
}

void say(cudnn::Graph& graph, Precision precision, const step::Convolution& what, bool whole,
         ConvolutionPlan& planned) {
  const graph::Window w = lying(what.window, what.input, what.output);
  const cudnnDataType_t type = data_type(precision);
  planned.x = graph.activations(type, w.batch, w.in, what.input.stride);
  planned.w = graph.filter(type, w.out.channels, w.kernel, w.in.channels);
  planned.y = graph.convolution(planned.x, planned.w, w);
  if (whole && (what.bias.count > 0 || what.fold)) {
    planned.bias = graph.channels(w.out.channels);
    planned.y = graph.add(planned.y, planned.bias);
  }
  if (whole && what.relu) planned.y = graph.relu(planned.y);
  graph.result(planned.y, type, what.output.stride);
  if (whole && what.statistics.buffer >= 0) {
    const auto statistics = graph.statistics(planned.y);
    planned.sum = statistics.sum;
    planned.squares = statistics.squares;
  }
}

void say(cudnn::Graph& graph, Precision precision, const step::ConvolutionBackwardData& what, bool whole,
         BackwardDataPlan& planned) {
  const graph::Window w = lying(what.window, what.input_gradient, what.output_gradient);
  const cudnnDataType_t type = data_type(precision);
  planned.dy = graph.activations(type, w.batch, w.out, what.output_gradient.stride);
  planned.w = graph.filter(type, w.out.channels, w.kernel, w.in.channels);
  planned.dx = graph.convolution_data(planned.dy, planned.w, w);
  if (whole && what.accumulate) {
    planned.before = graph.activations(type, w.batch, w.in, what.input_gradient.stride);
    planned.dx = graph.add(planned.dx, planned.before);
  }
  graph.result(planned.dx, type, whole ? what.input_gradient.stride : 0);
  if (!whole) planned.apart = graph.bytes(planned.dx);
}

void say(cudnn::Graph& graph, Precision precision, const step::ConvolutionBackwardWeights& what, bool fp32,
         BackwardWeightsPlan& planned) {
  const graph::Window w = lying(what.window, what.input, what.output_gradient);
  const cudnnDataType_t type = data_type(precision);
  planned.fp32 = fp32;
  planned.x = graph.activations(type, w.batch, w.in, what.input.stride);
  planned.dy = graph.activations(type, w.batch, w.out, what.output_gradient.stride);
  planned.dw = graph.convolution_weights(planned.x, planned.dy, w);
  graph.result(planned.dw, fp32 ? CUDNN_DATA_FLOAT : type);
  planned.bytes = graph.bytes(planned.dw);
}

template <class Plan, class Step>
Plan ask(Cudnn& cudnn, Precision precision, const Step& what, bool flag) {
  cudnn::Graph graph;
  Plan planned;
  say(graph, precision, what, flag, planned);
  const Cudnn::Answer& answer = cudnn.ask(graph);
  planned.graph = graph.text();
  planned.plan = answer.plan;
  planned.refusal = answer.plan ? "" : answer.refusal;
  return planned;
}

/// As one if that may be and an engine takes it, otherwise the convolution alone.
template <class Plan, class Step>
Plan plan(Cudnn& cudnn, Precision precision, const Step& what, bool may_be_whole) {
  Plan whole;
  if (may_be_whole) {
    whole = ask<Plan>(cudnn, precision, what, true);
    if (whole.plan) return whole;
  }
  Plan bare = ask<Plan>(cudnn, precision, what, false);
  bare.whole = false;
  if (may_be_whole) {
    bare.graph = whole.graph;
    bare.refusal = bare.plan ? whole.refusal : bare.refusal;
  }
  return bare;
}

}  // namespace

graph::Window lying(graph::Window window, const graph::View& in, const graph::View& out) {
  window.in.channels = in.channels + in.padding;
  window.out.channels = out.channels + out.padding;
  return window;
}

void Planned::require() const {
  if (plan) return;
  throw Error("ERR_GOOGLENET_DEVICE", "cuDNN has no engine on this card for " + graph + ": " + refusal);
}

ConvolutionPlan plan_convolution(Cudnn& cudnn, const Options& options, const step::Convolution& what) {
  return plan<ConvolutionPlan>(cudnn, options.precision, what, true);
}

/// The sum is read from where it is written; with strides an engine may write a pixel more than once.
BackwardDataPlan plan_backward_data(Cudnn& cudnn, const Options& options,
                                    const step::ConvolutionBackwardData& what) {
  return plan<BackwardDataPlan>(cudnn, options.precision, what, !what.accumulate || what.window.stride == 1);
}

/// fp32 where that costs nothing: the one engine that has it in fp16 and bf16 is compiled at run time, and
/// only timing can tell whether it is the faster one.
BackwardWeightsPlan plan_backward_weights(Cudnn& cudnn, const Options& options,
                                          const step::ConvolutionBackwardWeights& what) {
  const bool fp32 = options.precision == Precision::Fp32;
  BackwardWeightsPlan narrow = ask<BackwardWeightsPlan>(cudnn, options.precision, what, fp32);
  if (fp32 || (narrow.plan && !options.tune)) return narrow;
  BackwardWeightsPlan exact = ask<BackwardWeightsPlan>(cudnn, options.precision, what, true);
  const bool faster = exact.plan && (!narrow.plan || exact.plan->microseconds < narrow.plan->microseconds);
  return faster ? exact : narrow;
}

}  // namespace googlenet::backends::cuda
