// A plan: the compiled schedule of a network for one batch size and one mode. It is data. Steps name buffers,
// not addresses; the memory plan (arena.h) places the buffers; a backend turns each step into an operation.
//
// All activations are NHWC. A View is a run of channels in rows of `stride` channels, so a branch of an
// inception module can write straight into its slice of the concatenated tensor. Rows of every buffer are
// padded to Capabilities::channel_multiple. Whoever writes a view also writes zeros (of an Activation) into
// its padding; slices that others write have channels and offsets that are multiples, and no padding, but for
// those that a Copy writes.
#pragma once
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "graph/parameters.h"

namespace googlenet::graph {

enum class Element { Activation, Float, Byte };  // Activation is the network's precision

struct Buffer {
  std::string name;
  Element element = Element::Activation;
  int64_t count = 0;          // elements
  int first = -1, last = -1;  // steps between which it lives, both inclusive
  int64_t offset = 0;         // bytes, in the arena
  int64_t bytes = 0;
};

struct View {
  int buffer = -1;
  int64_t rows = 0;      // N*H*W
  int64_t channels = 0;  // of this view
  int64_t stride = 0;    // channels from one row to the next
  int64_t offset = 0;    // first channel
  int64_t padding = 0;   // lanes after its channels, up to the end of the row, that are its own
  /// Whether it has its rows for itself.
  bool dense() const { return channels + padding == stride; }
};

/// A window sliding over N images. What of it lies beyond the edges, at the end too, is not there.
struct Window {
  int64_t batch = 0;
  Shape in, out;
  int64_t kernel = 1, stride = 1, padding = 0;
  /// Of an average pool: the windows share the input out, window i of n has the places from floor(i * side /
  /// n) to ceil((i + 1) * side / n), without that one; `kernel` is the widest one's side, `stride` is 1,
  /// `padding` is 0.
  bool adaptive = false;
};

/// BatchNorm to be folded into the convolution before it: w * gamma / sqrt(variance + epsilon), and so on.
struct Fold {
  Range gamma, beta, mean, variance;
  float epsilon = 0;
};

namespace step {

/// Images as the caller gave them -> normalised activations.
struct Input {
  View output;
  int64_t batch;
  Shape shape;
  bool bgr = false;  // uint8 images: channel c comes from the last but c; mean and deviation are by c
};
struct Convolution {
  Window window;
  View input, output;
  Range weight, bias;  // bias.count 0: none
  bool relu = false;
  std::optional<Fold> fold = {};
  View statistics = {};  // Float [2][channels]: sum, sum of squares of the output; buffer -1: not wanted
};
struct ConvolutionBackwardData {
  Window window;
  View output_gradient, input_gradient;
  Range weight;
  bool accumulate = false;  // adds to the gradient that is there
};
struct ConvolutionBackwardWeights {
  Window window;
  View input, output_gradient;
  Range weight, bias;
};
/// Batch statistics, running statistics, then scale, shift and ReLU into the outputs, which split the
/// channels; or the max pool of that into the one output.
struct BatchNorm {
  View input;
  std::vector<View> outputs;
  View saved;  // Float [4][channels]: scale, shift, mean, 1 / deviation
  Range gamma, beta, mean, variance;
  Range shift;  // bias of the convolution before it, which the batch mean cancels; count 0: none
  float epsilon = 0, momentum = 0;
  bool relu = false;
  View statistics = {};  // of the input, as the convolution before it left them; buffer -1: to be computed
  std::optional<Window> pool = {};
  View argmax = {};  // as MaxPool's
};
/// Running statistics instead of the batch's: for BatchNorms that could not be folded.
struct BatchNormInference {
  View input, output;
  Range gamma, beta, mean, variance;
  float epsilon = 0;
  bool relu = false;
};
/// The input gradient may lie where the input lies. With a pool the output gradient is the pool's.
struct BatchNormBackward {
  View input;
  std::vector<View> output_gradients;
  View input_gradient, saved;
  Range gamma, beta;
  bool relu = false;
  std::optional<Window> pool = {};
  View argmax = {};
};
struct Relu {
  View input, output;
};
/// Gradient where the output is positive, zero elsewhere; may be in place.
struct ReluBackward {
  View output, output_gradient, input_gradient;
  bool accumulate = false;
};
struct Lrn {
  View input, output;
  LrnFigures lrn;
};
/// Recomputes what it needs of the forward pass from the input.
struct LrnBackward {
  View input, output_gradient, input_gradient;
  LrnFigures lrn;
  bool accumulate = false;
};
struct MaxPool {
  Window window;
  View input, output;
  View argmax;  // Byte, position in the window; buffer -1 where none is wanted
};
struct MaxPoolBackward {
  Window window;
  View argmax, output_gradient, input_gradient;
  bool accumulate = false;
};
struct AveragePool {
  Window window;
  View input, output;
};
struct AveragePoolBackward {
  Window window;
  View output_gradient, input_gradient;
  bool accumulate = false;
};
/// rows = batch; weight [out][pixels * in]. Where rows are padded a row of the input is `pixels` runs of
/// (channels + padding) / pixels lanes, each with its share of the padding at its end.
struct Linear {
  View input, output;
  Range weight, bias;
  bool relu = false;
  bool logits = false;  // the output is a Float buffer
  int64_t pixels = 1;
};
struct LinearBackwardData {
  View output_gradient, input_gradient;
  Range weight;
  int64_t pixels = 1;
};
struct LinearBackwardWeights {
  View input, output_gradient;
  Range weight, bias;
  int64_t pixels = 1;
};
/// The mask is a function of (seed, batch counter, layer, element): nothing is kept for the backward pass.
struct Dropout {
  View input, output;
  float probability = 0;
  uint64_t layer = 0;
  bool accumulate = false;
};
struct Copy {
  View input, output;
  bool accumulate = false;
};
/// Logits (Float) -> loss into the metrics, and the gradient of lossWeight * mean loss.
struct SoftmaxCrossEntropy {
  View logits, gradient;
  int head = 0;
  float loss_weight = 1;
};

using Any = std::variant<Input, Convolution, ConvolutionBackwardData, ConvolutionBackwardWeights, BatchNorm,
                         BatchNormInference, BatchNormBackward, Relu, ReluBackward, Lrn, LrnBackward, MaxPool,
                         MaxPoolBackward, AveragePool, AveragePoolBackward, Linear, LinearBackwardData,
                         LinearBackwardWeights, Dropout, Copy, SoftmaxCrossEntropy>;

}  // namespace step

struct Step {
  std::string name;   // the operation, for people
  std::string layer;  // the layers it computes
  step::Any what;
  std::vector<int> reads, writes;  // buffers
};

enum class Mode {
  Inference,
  Training
};  // Training without its backward half serves forward({ mode: 'train' })

struct Plan {
  Mode mode = Mode::Inference;
  int64_t batch = 0;
  std::vector<Step> steps;
  int forward_steps = 0;  // steps before the first that belongs to the backward pass
  std::vector<Buffer> buffers;
  std::vector<View> heads;  // logits, in the order of the definition
  int64_t arena_bytes = 0;
  int64_t unshared_bytes = 0;
};

}  // namespace googlenet::graph
