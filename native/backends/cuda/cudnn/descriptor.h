// A cuDNN backend descriptor with an owner, and attributes typed by the C++ type of their value.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "backends/cuda/libraries.h"

namespace googlenet::backends::cuda::cudnn {

/// cuDNN's functions.
const CudnnFunctions& api();

/// cuDNN's name of a status and its last message, one line.
std::string explain(cudnnStatus_t status);
/// Throws ERR_GOOGLENET_DEVICE saying what failed and why.
void check(cudnnStatus_t status, const std::string& what);

template <class T>
constexpr cudnnBackendAttributeType_t attribute_type();
#define GOOGLENET_CUDNN_TYPE(type, name)                         \
  template <>                                                    \
  constexpr cudnnBackendAttributeType_t attribute_type<type>() { \
    return name;                                                 \
  }
GOOGLENET_CUDNN_TYPE(int64_t, CUDNN_TYPE_INT64)
GOOGLENET_CUDNN_TYPE(float, CUDNN_TYPE_FLOAT)
GOOGLENET_CUDNN_TYPE(bool, CUDNN_TYPE_BOOLEAN)
GOOGLENET_CUDNN_TYPE(char, CUDNN_TYPE_CHAR)
GOOGLENET_CUDNN_TYPE(void*, CUDNN_TYPE_VOID_PTR)
GOOGLENET_CUDNN_TYPE(cudnnHandle_t, CUDNN_TYPE_HANDLE)
GOOGLENET_CUDNN_TYPE(cudnnDataType_t, CUDNN_TYPE_DATA_TYPE)
GOOGLENET_CUDNN_TYPE(cudnnConvolutionMode_t, CUDNN_TYPE_CONVOLUTION_MODE)
GOOGLENET_CUDNN_TYPE(cudnnPointwiseMode_t, CUDNN_TYPE_POINTWISE_MODE)
GOOGLENET_CUDNN_TYPE(cudnnGenStatsMode_t, CUDNN_TYPE_GENSTATS_MODE)
GOOGLENET_CUDNN_TYPE(cudnnBackendHeurMode_t, CUDNN_TYPE_HEUR_MODE)
GOOGLENET_CUDNN_TYPE(cudnnBackendKnobType_t, CUDNN_TYPE_KNOB_TYPE)
GOOGLENET_CUDNN_TYPE(cudnnBackendNumericalNote_t, CUDNN_TYPE_NUMERICAL_NOTE)
GOOGLENET_CUDNN_TYPE(cudnnBackendBehaviorNote_t, CUDNN_TYPE_BEHAVIOR_NOTE)
#undef GOOGLENET_CUDNN_TYPE

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : handle_(other.handle_) { other.handle_ = nullptr; }
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, const T& value) {
    return set(name, attribute_type<T>(), 1, &value);
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return set(name, attribute_type<T>(), static_cast<int64_t>(values.size()), values.data());
  }
  /// False: cuDNN does not take the values.
  template <class T>
  bool try_set(cudnnBackendAttributeName_t name, std::span<const T> values) {
    return api().cudnnBackendSetAttribute(handle_, name, attribute_type<T>(),
                                          static_cast<int64_t>(values.size()),
                                          values.data()) == CUDNN_STATUS_SUCCESS;
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.handle_);
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values);

  /// Throws what check() throws.
  Descriptor& finalize(const std::string& what);
  /// For what cuDNN may decline.
  cudnnStatus_t try_finalize();

  /// One value.
  template <class T>
  T get(cudnnBackendAttributeName_t name) const {
    T value{};
    get(name, attribute_type<T>(), 1, &value);
    return value;
  }
  /// All values, `most` of them at most. (Asked how many there are, cuDNN says none of some attributes.)
  template <class T>
  std::vector<T> list(cudnnBackendAttributeName_t name, int64_t most) const {
    std::vector<T> values(most);
    values.resize(get(name, attribute_type<T>(), most, values.data()));
    return values;
  }
  /// The same for descriptors of a type.
  std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                      int64_t most) const;

  cudnnBackendDescriptor_t handle() const { return handle_; }

 private:
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                  const void* values);
  int64_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t most,
              void* values) const;

  cudnnBackendDescriptor_t handle_ = nullptr;
};

}  // namespace googlenet::backends::cuda::cudnn
