#include "backends/cuda/cudnn/descriptor.h"

#include <algorithm>

#include "error.h"

namespace googlenet::backends::cuda::cudnn {

const CudnnFunctions& api() {
  return libraries().cudnn;
}

std::string explain(cudnnStatus_t status) {
  std::string message(1024, '\0');
  api().cudnnGetLastErrorString(message.data(), message.size());
  message.resize(message.find('\0'));
  std::replace(message.begin(), message.end(), '\n', ' ');
  return api().cudnnGetErrorString(status) + (message.empty() ? "" : ": " + message);
}

void check(cudnnStatus_t status, const std::string& what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw Error("ERR_GOOGLENET_DEVICE", "cuDNN: " + what + " failed: " + explain(status));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check(api().cudnnBackendCreateDescriptor(type, &handle_), "a descriptor");
}

Descriptor::~Descriptor() {
  if (handle_ != nullptr) api().cudnnBackendDestroyDescriptor(handle_);
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count,
                            const void* values) {
  check(api().cudnnBackendSetAttribute(handle_, name, type, count, values),
        "attribute " + std::to_string(name));
  return *this;
}

Descriptor& Descriptor::set(cudnnBackendAttributeName_t name, const std::vector<Descriptor>& values) {
  std::vector<cudnnBackendDescriptor_t> handles;
  handles.reserve(values.size());
  for (const Descriptor& value : values) handles.push_back(value.handle_);
  return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<int64_t>(handles.size()), handles.data());
}

Descriptor& Descriptor::finalize(const std::string& what) {
  check(try_finalize(), what);
  return *this;
}

cudnnStatus_t Descriptor::try_finalize() {
  return api().cudnnBackendFinalize(handle_);
}

int64_t Descriptor::get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t most,
                        void* values) const {
  int64_t found = 0;
  check(api().cudnnBackendGetAttribute(handle_, name, type, most, &found, values),
        "reading attribute " + std::to_string(name));
  return std::min(found, most);
}

std::vector<Descriptor> Descriptor::descriptors(cudnnBackendAttributeName_t name,
                                                cudnnBackendDescriptorType_t type, int64_t most) const {
  std::vector<Descriptor> found;
  std::vector<cudnnBackendDescriptor_t> handles;
  for (int64_t i = 0; i < most; i++) handles.push_back(found.emplace_back(type).handle_);
  const int64_t count = get(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, handles.data());
  found.erase(found.begin() + count, found.end());
  return found;
}

}  // namespace googlenet::backends::cuda::cudnn
