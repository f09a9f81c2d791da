// Arguments from JavaScript, checked as they are read. A Field knows the path that led to it, so that every
// refusal names the value at fault: `options.accumulate.index must be an integer from 0 to 3, found 7`.
//
// Reading may run JavaScript (getters), which may do anything, even detach an array that was read before:
// typed arrays are therefore copied, or their memory is held, in the moment in which their address is asked
// for.
#pragma once
#include <napi.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace googlenet::addon {

/// Number.MAX_SAFE_INTEGER.
constexpr int64_t kMaxSafeInteger = (int64_t{1} << 53) - 1;
constexpr double kMaxFloat = std::numeric_limits<float>::max();

/// Every reader throws ERR_GOOGLENET_OPTION, or the code that it is given, when the value is not what it
/// reads.
class Field {
 public:
  Field(Napi::Value value, std::string path) : value_(value), path_(std::move(path)) {}

  /// A property of an object.
  Field operator[](const char* key) const;
  /// An element of an array, `index` < length().
  Field at(uint32_t index) const;
  /// The length of an array, `most` at most.
  uint32_t length(uint32_t most) const;

  bool absent() const { return value_.IsUndefined(); }
  bool is_text() const { return value_.IsString(); }
  std::string text() const;
  bool flag() const;
  /// A finite number, least <= value <= most.
  double number(double least, double most) const;
  int64_t integer(int64_t least, int64_t most, const char* code = "ERR_GOOGLENET_OPTION") const;

  /// One of the named choices.
  template <class T>
  T choice(const std::vector<std::pair<const char*, T>>& choices) const {
    const std::string found = value_.IsString() ? text() : std::string();
    std::string names;
    for (const auto& [name, value] : choices) {
      if (found == name) return value;
      names += (names.empty() ? "\"" : " or \"") + std::string(name) + "\"";
    }
    refuse("ERR_GOOGLENET_OPTION", "must be " + names);
  }

  bool is(napi_typedarray_type type) const { return typed_array().type == type; }
  /// Copies of a typed array's elements. Throws ERR_GOOGLENET_DTYPE, and ERR_GOOGLENET_SHAPE when there are
  /// not `count` of them.
  std::vector<float> floats(int64_t count) const;
  std::vector<int32_t> int32s(int64_t count) const;
  std::vector<uint8_t> bytes(int64_t count) const;
  /// Where they lie, until JavaScript runs again. Throws the same.
  const float* view_floats(int64_t count) const;
  const uint8_t* view_bytes(int64_t count) const;
  /// All bytes of a Uint8Array.
  std::vector<uint8_t> bytes() const { return bytes(static_cast<int64_t>(typed_array().length)); }

  /// Throws: "<path> <rule>, found <value>".
  [[noreturn]] void refuse(const char* code, const std::string& rule) const;
  const std::string& path() const { return path_; }

 private:
  struct TypedArray {
    // What is no typed array, or of a type that this Node-API cannot name, counts as one that nobody asks
    // for.
    napi_typedarray_type type = napi_biguint64_array;
    size_t length = 0;
    const void* data = nullptr;
  };

  TypedArray typed_array() const;
  /// The address of a typed array's elements, to be copied before any JavaScript runs.
  template <class T>
  const T* elements(napi_typedarray_type type, const char* name, int64_t count) const;

  Napi::Value value_;
  std::string path_;
};

}  // namespace googlenet::addon
