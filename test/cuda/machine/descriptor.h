// A descriptor of cudnn.cpp: attributes as they were set, and what they were read as.
#pragma once
#include <algorithm>
#include <memory>

#include "graph.h"

namespace cudnn {

struct Data;
using Shared = std::shared_ptr<Data>;
struct Attribute {
  cudnnBackendAttributeType_t type;
  std::vector<int64_t> values;  // numbers whatever the type; floats as their bits
  std::vector<Shared> descriptors;
  bool read = false;
};

/// A descriptor's, shared by those that were given it; not changed once it is finalized.
struct Data {
  explicit Data(cudnnBackendDescriptorType_t type) : type(type) {}

  cudnnBackendDescriptorType_t type;
  bool finalized = false;
  std::map<int, Attribute> attributes;
  Program program{};  // of an operation, a graph, and what is made of it

  bool has(int name) const { return attributes.contains(name); }
  Attribute& attribute(int name, cudnnBackendAttributeType_t type, size_t count) {
    check(has(name), "an attribute is missing");
    Attribute& found = attributes.at(name);
    check(found.type == type, "an attribute has values of another type");
    const size_t there = found.values.size() + found.descriptors.size();
    check(count == 0 ? there > 0 : there == count, "an attribute has another number of values");
    if (!found.read) found.read = true;  // threads share what is finalized
    return found;
  }
  int64_t one(int name, cudnnBackendAttributeType_t type) { return attribute(name, type, 1).values[0]; }
  template <size_t n>
  std::array<int64_t, n> numbers(int name) {
    std::array<int64_t, n> numbers;
    std::copy_n(attribute(name, CUDNN_TYPE_INT64, n).values.begin(), n, numbers.begin());
    return numbers;
  }
  Shared descriptor(int name, cudnnBackendDescriptorType_t wanted) {
    const Shared found = attribute(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1).descriptors[0];
    check(found->type == wanted, "a descriptor of another type");
    return found;
  }
  void put(int name, cudnnBackendAttributeType_t type, std::vector<int64_t> values) {
    attributes[name] = {type, std::move(values), {}, true};
  }
  void put(int name, std::vector<Shared> values) {
    attributes[name] = {CUDNN_TYPE_BACKEND_DESCRIPTOR, {}, std::move(values), true};
  }
};

/// What a cudnnBackendDescriptor_t points to.
inline Shared& shared(cudnnBackendDescriptor_t descriptor) {
  check(descriptor != nullptr, "no descriptor");
  return *static_cast<Shared*>(descriptor);
}

inline size_t bytes_of(cudnnBackendAttributeType_t type) {
  if (type == CUDNN_TYPE_BOOLEAN || type == CUDNN_TYPE_CHAR) return 1;
  return type == CUDNN_TYPE_INT64 || type == CUDNN_TYPE_VOID_PTR || type == CUDNN_TYPE_HANDLE ? 8 : 4;
}

}  // namespace cudnn
