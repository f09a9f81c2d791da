// A graph of operations that cuDNN is to run as one, said as the formula is written:
//
//   Graph graph;
//   const Tensor x = graph.activations(type, batch, shape, stride), w = graph.filter(type, out, side, in);
//   const Tensor y = graph.relu(graph.add(graph.convolution(x, w, window), graph.channels(out)));
//   graph.result(y, type, stride);
//
// It is data until descriptors are made of it: its text tells it from others, in memory and on disk.
#pragma once
#include <array>

#include "backends/cuda/cudnn/descriptor.h"
#include "graph/plan.h"

namespace googlenet::backends::cuda::cudnn {

/// A tensor of a graph, by number.
struct Tensor {
  int64_t id = -1;
};

class Graph {
 public:
  // ---- what it reads

  /// NHWC, rows of `stride` elements.
  Tensor activations(cudnnDataType_t type, int64_t batch, const graph::Shape& shape, int64_t stride);
  /// [out][side][side][in].
  Tensor filter(cudnnDataType_t type, int64_t out, int64_t side, int64_t in);
  /// One fp32 value a channel.
  Tensor channels(int64_t count);

  // ---- what it computes, in fp32, into tensors that are never stored unless result() says so

  Tensor convolution(Tensor x, Tensor w, const graph::Window& window);
  /// Gradient of the images.
  Tensor convolution_data(Tensor dy, Tensor w, const graph::Window& window);
  /// Gradient of the filter, [out][side][side][in].
  Tensor convolution_weights(Tensor x, Tensor dy, const graph::Window& window);
  Tensor add(Tensor a, Tensor b);
  Tensor relu(Tensor x);
  struct Statistics {
    Tensor sum, squares;  // one fp32 value a channel each, stored
  };
  Statistics statistics(Tensor x);

  /// Stores a computed tensor: rows of `stride` elements, or densely.
  void result(Tensor result, cudnnDataType_t type, int64_t stride = 0);

  /// One line, equal for equal graphs.
  std::string text() const;

  /// The operation graph with all it refers to. `handle` is null for a described device.
  struct Built {
    std::vector<Descriptor> tensors, windows, operations;
    Descriptor graph;
  };
  Built build(cudnnHandle_t handle) const;

  /// Tensors that are stored, which a run needs pointers to.
  size_t bytes(Tensor tensor) const;
  std::vector<Tensor> stored() const;

 private:
  using Four = std::array<int64_t, 4>;  // n, c, h, w whatever the order in memory
  struct TensorData {
    Four size, stride;
    cudnnDataType_t type = CUDNN_DATA_FLOAT;
    bool computed = false;  // virtual in cuDNN's words
  };
  enum class Kind { Convolution, ConvolutionData, ConvolutionWeights, Add, Relu, Statistics };
  struct Operation {
    Kind kind;
    std::vector<Tensor> operands;  // in the order of the formula, results last
    int64_t stride = 1, padding = 0;
  };

  Tensor tensor(const Four& size, cudnnDataType_t type, int64_t stride, bool computed);
  Tensor computed(const Four& size) { return tensor(size, CUDNN_DATA_FLOAT, size[1], true); }
  Tensor windowed(Kind kind, const Four& size, Tensor a, Tensor b, const graph::Window& window);
  const TensorData& data(Tensor tensor) const { return tensors_[tensor.id]; }
  std::string text(Tensor tensor) const;
  Descriptor build(const Operation& operation, std::vector<Descriptor>& tensors,
                   std::vector<Descriptor>& windows) const;

  std::vector<TensorData> tensors_;
  std::vector<Operation> operations_;
};

}  // namespace googlenet::backends::cuda::cudnn
