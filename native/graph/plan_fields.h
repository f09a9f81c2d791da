// The fields of each kind of step by name, for whoever prints a plan: each_field(step, visit) calls
// visit("input", view) and so on. A field that is added to a step and not here does not compile.
#pragma once
#include "graph/plan.h"

namespace googlenet::graph {

template <class Visit>
void each_field(const step::Input& step, Visit visit) {
  const auto& [output, batch, shape, bgr] = step;
  visit("output", output);
  visit("batch", batch);
  visit("shape", shape);
  visit("bgr", bgr);
}
template <class Visit>
void each_field(const step::Convolution& step, Visit visit) {
  const auto& [window, input, output, weight, bias, relu, fold, statistics] = step;
  visit("window", window);
  visit("input", input);
  visit("output", output);
  visit("weight", weight);
  visit("bias", bias);
  visit("relu", relu);
  visit("fold", fold);
  visit("statistics", statistics);
}
template <class Visit>
void each_field(const step::ConvolutionBackwardData& step, Visit visit) {
  const auto& [window, output_gradient, input_gradient, weight, accumulate] = step;
  visit("window", window);
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("weight", weight);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::ConvolutionBackwardWeights& step, Visit visit) {
  const auto& [window, input, output_gradient, weight, bias] = step;
  visit("window", window);
  visit("input", input);
  visit("outputGradient", output_gradient);
  visit("weight", weight);
  visit("bias", bias);
}
template <class Visit>
void each_field(const step::BatchNorm& step, Visit visit) {
  const auto& [input, outputs, saved, gamma, beta, mean, variance, shift, epsilon, momentum, relu, statistics,
               pool, argmax] = step;
  visit("input", input);
  visit("outputs", outputs);
  visit("saved", saved);
  visit("gamma", gamma);
  visit("beta", beta);
  visit("mean", mean);
  visit("variance", variance);
  visit("shift", shift);
  visit("epsilon", epsilon);
  visit("momentum", momentum);
  visit("relu", relu);
  visit("statistics", statistics);
  visit("window", pool);
  visit("argmax", argmax);
}
template <class Visit>
void each_field(const step::BatchNormInference& step, Visit visit) {
  const auto& [input, output, gamma, beta, mean, variance, epsilon, relu] = step;
  visit("input", input);
  visit("output", output);
  visit("gamma", gamma);
  visit("beta", beta);
  visit("mean", mean);
  visit("variance", variance);
  visit("epsilon", epsilon);
  visit("relu", relu);
}
template <class Visit>
void each_field(const step::BatchNormBackward& step, Visit visit) {
  const auto& [input, output_gradients, input_gradient, saved, gamma, beta, relu, pool, argmax] = step;
  visit("input", input);
  visit("outputGradients", output_gradients);
  visit("inputGradient", input_gradient);
  visit("saved", saved);
  visit("gamma", gamma);
  visit("beta", beta);
  visit("relu", relu);
  visit("window", pool);
  visit("argmax", argmax);
}
template <class Visit>
void each_field(const step::Relu& step, Visit visit) {
  const auto& [input, output] = step;
  visit("input", input);
  visit("output", output);
}
template <class Visit>
void each_field(const step::ReluBackward& step, Visit visit) {
  const auto& [output, output_gradient, input_gradient, accumulate] = step;
  visit("output", output);
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::Lrn& step, Visit visit) {
  const auto& [input, output, lrn] = step;
  visit("input", input);
  visit("output", output);
  visit("lrn", lrn);
}
template <class Visit>
void each_field(const step::LrnBackward& step, Visit visit) {
  const auto& [input, output_gradient, input_gradient, lrn, accumulate] = step;
  visit("input", input);
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("lrn", lrn);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::MaxPool& step, Visit visit) {
  const auto& [window, input, output, argmax] = step;
  visit("window", window);
  visit("input", input);
  visit("output", output);
  visit("argmax", argmax);
}
template <class Visit>
void each_field(const step::MaxPoolBackward& step, Visit visit) {
  const auto& [window, argmax, output_gradient, input_gradient, accumulate] = step;
  visit("window", window);
  visit("argmax", argmax);
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::AveragePool& step, Visit visit) {
  const auto& [window, input, output] = step;
  visit("window", window);
  visit("input", input);
  visit("output", output);
}
template <class Visit>
void each_field(const step::AveragePoolBackward& step, Visit visit) {
  const auto& [window, output_gradient, input_gradient, accumulate] = step;
  visit("window", window);
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::Linear& step, Visit visit) {
  const auto& [input, output, weight, bias, relu, logits, pixels] = step;
  visit("input", input);
  visit("output", output);
  visit("weight", weight);
  visit("bias", bias);
  visit("relu", relu);
  visit("isHead", logits);
  visit("pixels", pixels);
}
template <class Visit>
void each_field(const step::LinearBackwardData& step, Visit visit) {
  const auto& [output_gradient, input_gradient, weight, pixels] = step;
  visit("outputGradient", output_gradient);
  visit("inputGradient", input_gradient);
  visit("weight", weight);
  visit("pixels", pixels);
}
template <class Visit>
void each_field(const step::LinearBackwardWeights& step, Visit visit) {
  const auto& [input, output_gradient, weight, bias, pixels] = step;
  visit("input", input);
  visit("outputGradient", output_gradient);
  visit("weight", weight);
  visit("bias", bias);
  visit("pixels", pixels);
}
template <class Visit>
void each_field(const step::Dropout& step, Visit visit) {
  const auto& [input, output, probability, layer, accumulate] = step;
  visit("input", input);
  visit("output", output);
  visit("probability", probability);
  visit("layerIndex", layer);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::Copy& step, Visit visit) {
  const auto& [input, output, accumulate] = step;
  visit("input", input);
  visit("output", output);
  visit("accumulate", accumulate);
}
template <class Visit>
void each_field(const step::SoftmaxCrossEntropy& step, Visit visit) {
  const auto& [logits, gradient, head, loss_weight] = step;
  visit("logits", logits);
  visit("outputGradient", gradient);
  visit("head", head);
  visit("lossWeight", loss_weight);
}

}  // namespace googlenet::graph
