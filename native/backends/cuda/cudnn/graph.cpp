#include "backends/cuda/cudnn/graph.h"

namespace googlenet::backends::cuda::cudnn {
namespace {

const char* name(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_HALF:
      return "fp16";
    case CUDNN_DATA_BFLOAT16:
      return "bf16";
    default:
      return "fp32";
  }
}

int64_t element_bytes(cudnnDataType_t type) {
  return type == CUDNN_DATA_FLOAT ? 4 : 2;
}

Descriptor pointwise(cudnnPointwiseMode_t mode) {
  Descriptor descriptor(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_POINTWISE_MODE, mode).set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_DATA_FLOAT);
  descriptor.finalize("a pointwise operation");
  return descriptor;
}

Descriptor window(int64_t stride, int64_t padding) {
  using Two = std::array<int64_t, 2>;
  const auto two = [](const Two& values) { return std::span<const int64_t>(values); };
  Descriptor descriptor(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_CROSS_CORRELATION)
      .set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, int64_t{2})
      .set(CUDNN_ATTR_CONVOLUTION_DILATIONS, two({1, 1}))
      .set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, two({stride, stride}))
      .set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, two({padding, padding}))
      .set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, two({padding, padding}))
      .finalize("a convolution's window");
  return descriptor;
}

/// How cuDNN names the parts of the three convolutions. Operands are given in this order.
struct Convolution {
  cudnnBackendDescriptorType_t type;
  std::array<cudnnBackendAttributeName_t, 3> operands;
  cudnnBackendAttributeName_t window, alpha, beta;
};
constexpr Convolution kForward = {
    CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
    {CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y},
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
    CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA};
constexpr Convolution kData = {
    CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
    {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX},
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA};
constexpr Convolution kWeights = {
    CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
    {CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW},
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
    CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA};

}  // namespace

// ---- saying it

Tensor Graph::tensor(const Four& size, cudnnDataType_t type, int64_t stride, bool computed) {
  const int64_t row = size[3] * stride;
  tensors_.push_back({size, {size[2] * row, 1, row, stride}, type, computed});
  return {static_cast<int64_t>(tensors_.size()) - 1};
}

Tensor Graph::activations(cudnnDataType_t type, int64_t batch, const graph::Shape& shape, int64_t stride) {
  return tensor({batch, shape.channels, shape.height, shape.width}, type, stride, false);
}

Tensor Graph::filter(cudnnDataType_t type, int64_t out, int64_t side, int64_t in) {
  return tensor({out, in, side, side}, type, in, false);
}

Tensor Graph::channels(int64_t count) {
  return tensor({1, count, 1, 1}, CUDNN_DATA_FLOAT, count, false);
}

Tensor Graph::windowed(Kind kind, const Four& size, Tensor a, Tensor b, const graph::Window& window) {
  const Tensor result = computed(size);
  operations_.push_back({kind, {a, b, result}, window.stride, window.padding});
  return result;
}

Tensor Graph::convolution(Tensor x, Tensor w, const graph::Window& window) {
  const Four size = {data(x).size[0], data(w).size[0], window.out.height, window.out.width};
  return windowed(Kind::Convolution, size, x, w, window);
}

Tensor Graph::convolution_data(Tensor dy, Tensor w, const graph::Window& window) {
  const Four size = {data(dy).size[0], data(w).size[1], window.in.height, window.in.width};
  return windowed(Kind::ConvolutionData, size, dy, w, window);
}

Tensor Graph::convolution_weights(Tensor x, Tensor dy, const graph::Window& window) {
  const Four size = {data(dy).size[1], data(x).size[1], window.kernel, window.kernel};
  return windowed(Kind::ConvolutionWeights, size, x, dy, window);
}

Tensor Graph::add(Tensor a, Tensor b) {
  const Tensor result = computed(data(a).size);
  operations_.push_back({Kind::Add, {a, b, result}});
  return result;
}

Tensor Graph::relu(Tensor x) {
  const Tensor result = computed(data(x).size);
  operations_.push_back({Kind::Relu, {x, result}});
  return result;
}

Graph::Statistics Graph::statistics(Tensor x) {
  const int64_t count = data(x).size[1];
  const Statistics result = {channels(count), channels(count)};
  operations_.push_back({Kind::Statistics, {x, result.sum, result.squares}});
  return result;
}

void Graph::result(Tensor result, cudnnDataType_t type, int64_t stride) {
  TensorData& stored = tensors_[result.id];
  const Four size = stored.size;
  if (stride == 0) stride = size[1];
  stored = {size, {size[2] * size[3] * stride, 1, size[3] * stride, stride}, type, false};
}

// ---- its text

std::string Graph::text(Tensor tensor) const {
  const TensorData& t = data(tensor);
  std::string text = "t" + std::to_string(tensor.id) + (t.computed ? "" : std::string(":") + name(t.type)) +
                     "[" + std::to_string(t.size[0]) + "," + std::to_string(t.size[2]) + "," +
                     std::to_string(t.size[3]) + "," + std::to_string(t.size[1]);
  if (t.stride[3] != t.size[1]) text += " of " + std::to_string(t.stride[3]);
  return text + "]";
}

std::string Graph::text() const {
  static constexpr const char* kNames[] = {"convolution", "convolution data", "convolution weights", "add",
                                           "relu",        "statistics"};
  std::string whole;
  for (const Operation& operation : operations_) {
    if (!whole.empty()) whole += "; ";
    whole += kNames[static_cast<int>(operation.kind)];
    if (operation.kind <= Kind::ConvolutionWeights) {
      whole += " /" + std::to_string(operation.stride) + " +" + std::to_string(operation.padding);
    }
    for (const Tensor operand : operation.operands) whole += " " + text(operand);
  }
  return whole;
}

size_t Graph::bytes(Tensor tensor) const {
  const TensorData& t = data(tensor);
  return t.size[0] * t.stride[0] * element_bytes(t.type);
}

std::vector<Tensor> Graph::stored() const {
  std::vector<Tensor> stored;
  for (size_t i = 0; i < tensors_.size(); i++) {
    if (!tensors_[i].computed) stored.push_back({static_cast<int64_t>(i)});
  }
  return stored;
}

// ---- its descriptors

Descriptor Graph::build(const Operation& operation, std::vector<Descriptor>& tensors,
                        std::vector<Descriptor>& windows) const {
  const auto operand = [&](size_t index) -> const Descriptor& {
    return tensors[operation.operands[index].id];
  };
  const auto convolve = [&](const Convolution& names) {
    Descriptor descriptor(names.type);
    for (size_t i = 0; i < names.operands.size(); i++) descriptor.set(names.operands[i], operand(i));
    descriptor.set(names.window, windows.emplace_back(window(operation.stride, operation.padding)));
    descriptor.set(names.alpha, 1.0f).set(names.beta, 0.0f);
    return descriptor;
  };
  const auto point = [&](cudnnPointwiseMode_t mode) {
    Descriptor descriptor(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, windows.emplace_back(pointwise(mode)));
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, operand(0));
    if (operation.operands.size() == 3) descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, operand(1));
    descriptor.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, operand(operation.operands.size() - 1));
    return descriptor;
  };
  switch (operation.kind) {
    case Kind::Convolution:
      return convolve(kForward);
    case Kind::ConvolutionData:
      return convolve(kData);
    case Kind::ConvolutionWeights:
      return convolve(kWeights);
    case Kind::Add:
      return point(CUDNN_POINTWISE_ADD);
    case Kind::Relu:
      return point(CUDNN_POINTWISE_RELU_FWD);
    case Kind::Statistics:
      break;
  }
  Descriptor descriptor(CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR);
  descriptor.set(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_GENSTATS_SUM_SQSUM)
      .set(CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC, CUDNN_DATA_FLOAT)
      .set(CUDNN_ATTR_OPERATION_GENSTATS_XDESC, operand(0))
      .set(CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC, operand(1))
      .set(CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC, operand(2));
  return descriptor;
}

Graph::Built Graph::build(cudnnHandle_t handle) const {
  Built built{{}, {}, {}, Descriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR)};
  for (size_t i = 0; i < tensors_.size(); i++) {
    const TensorData& t = tensors_[i];
    built.tensors.emplace_back(CUDNN_BACKEND_TENSOR_DESCRIPTOR)
        .set(CUDNN_ATTR_TENSOR_UNIQUE_ID, static_cast<int64_t>(i))
        .set(CUDNN_ATTR_TENSOR_DATA_TYPE, t.type)
        .set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, int64_t{16})
        .set(CUDNN_ATTR_TENSOR_DIMENSIONS, std::span<const int64_t>(t.size))
        .set(CUDNN_ATTR_TENSOR_STRIDES, std::span<const int64_t>(t.stride))
        .set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, t.computed)
        .finalize("the tensor " + text({static_cast<int64_t>(i)}));
  }
  for (const Operation& operation : operations_) {
    built.operations.push_back(build(operation, built.tensors, built.windows));
    built.operations.back().finalize("an operation of the graph " + text());
  }
  built.graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, built.operations);
  if (handle != nullptr) {
    // The only way before a graph could do without a handle, and right in every version.
    built.graph.set(static_cast<cudnnBackendAttributeName_t>(800), handle);
  }
  built.graph.finalize("the graph " + text());
  return built;
}

}  // namespace googlenet::backends::cuda::cudnn
