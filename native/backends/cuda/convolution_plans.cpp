#include "backends/cuda/convolution_plans.h"

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

ConvolutionPlan say(cudnn::Graph& graph, Precision precision, const step::Convolution& what, bool whole) {
  const graph::Window w = lying(what.window, what.input, what.output);
  const cudnnDataType_t type = data_type(precision);
  ConvolutionPlan said;
  said.whole = whole;
  said.x = graph.activations(type, w.batch, w.in, what.input.stride);
  said.w = graph.filter(type, w.out.channels, w.kernel, w.in.channels);
  said.y = graph.convolution(said.x, said.w, w);
  if (whole && (what.bias.count > 0 || what.fold)) {
    said.bias = graph.channels(w.out.channels);
    said.y = graph.add(said.y, said.bias);
  }
  if (whole && what.relu) said.y = graph.relu(said.y);
  graph.result(said.y, type, what.output.stride);
  if (whole && what.statistics.buffer >= 0) {
    const auto statistics = graph.statistics(said.y);
    said.sum = statistics.sum;
    said.squares = statistics.squares;
  }
  return said;
}

BackwardDataPlan say(cudnn::Graph& graph, Precision precision, const step::ConvolutionBackwardData& what,
                     bool whole) {
  const graph::Window w = lying(what.window, what.input_gradient, what.output_gradient);
  const cudnnDataType_t type = data_type(precision);
  BackwardDataPlan said;
  said.whole = whole;
  said.dy = graph.activations(type, w.batch, w.out, what.output_gradient.stride);
  said.w = graph.filter(type, w.out.channels, w.kernel, w.in.channels);
  said.dx = graph.convolution_data(said.dy, said.w, w);
  if (whole && what.accumulate) {
    said.before = graph.activations(type, w.batch, w.in, what.input_gradient.stride);
    said.dx = graph.add(said.dx, said.before);
  }
  graph.result(said.dx, type, whole ? what.input_gradient.stride : 0);
  if (!whole) said.apart = graph.bytes(said.dx);
  return said;
}

BackwardWeightsPlan say(cudnn::Graph& graph, Precision precision,
                        const step::ConvolutionBackwardWeights& what, bool fp32) {
  const graph::Window w = lying(what.window, what.input, what.output_gradient);
  const cudnnDataType_t type = data_type(precision);
  BackwardWeightsPlan said;
  said.fp32 = fp32;
  said.x = graph.activations(type, w.batch, w.in, what.input.stride);
  said.dy = graph.activations(type, w.batch, w.out, what.output_gradient.stride);
  said.dw = graph.convolution_weights(said.x, said.dy, w);
  graph.result(said.dw, fp32 ? CUDNN_DATA_FLOAT : type);
  said.bytes = graph.bytes(said.dw);
  return said;
}

}  // namespace

graph::Window lying(graph::Window window, const graph::View& in, const graph::View& out) {
  window.in.channels = in.channels + in.padding;
  window.out.channels = out.channels + out.padding;
  return window;
}

ConvolutionPlan plan_convolution(Cudnn& cudnn, Precision precision, const step::Convolution& what) {
  cudnn::Graph whole, bare;
  ConvolutionPlan said = say(whole, precision, what, true);
  said.plan = cudnn.find(whole);
  if (said.plan) return said;
  said = say(bare, precision, what, false);
  said.plan = cudnn.require(bare);
  return said;
}

BackwardDataPlan plan_backward_data(Cudnn& cudnn, Precision precision,
                                    const step::ConvolutionBackwardData& what) {
  cudnn::Graph whole, bare;
  BackwardDataPlan said = say(whole, precision, what, true);
  if (!what.accumulate) {
    said.plan = cudnn.require(whole);
    return said;
  }
  // The sum is read from where it is written. With strides an engine may write a pixel more than once.
  if (what.window.stride == 1) said.plan = cudnn.find(whole);
  if (said.plan) return said;
  said = say(bare, precision, what, false);
  said.plan = cudnn.require(bare);
  return said;
}

/// fp32 where that costs nothing: the one engine that has it in fp16 and bf16 is compiled at run time, and
/// only timing can tell whether it is the faster one.
BackwardWeightsPlan plan_backward_weights(Cudnn& cudnn, const Options& options,
                                          const step::ConvolutionBackwardWeights& what) {
  const bool fp32 = options.precision == Precision::Fp32;
  cudnn::Graph graph;
  BackwardWeightsPlan said = say(graph, options.precision, what, fp32);
  said.plan = cudnn.require(graph);
  if (fp32 || !options.tune) return said;
  cudnn::Graph other;
  BackwardWeightsPlan exact = say(other, options.precision, what, true);
  exact.plan = cudnn.find(other);
  return exact.plan && exact.plan->microseconds < said.plan->microseconds ? exact : said;
}

}  // namespace googlenet::backends::cuda
