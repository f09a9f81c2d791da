#include "addon/arguments.h"

#include <charconv>
#include <cmath>

#include "error.h"

namespace googlenet::addon {
namespace {

constexpr size_t kShownCharacters = 60;

/// The shortest text that reads as the number again.
std::string shown(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

/// What was found, for a message. Runs no JavaScript.
std::string describe(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return value.As<Napi::Boolean>().Value() ? "true" : "false";
    case napi_number:
      return value.ToString().Utf8Value();
    case napi_string: {
      const std::string text = value.As<Napi::String>().Utf8Value();
      return text.size() > kShownCharacters ? "\"" + text.substr(0, kShownCharacters) + "...\""
                                            : "\"" + text + "\"";
    }
    case napi_symbol:
      return "a symbol";
    case napi_function:
      return "a function";
    case napi_bigint:
      return "a bigint";
    default:
      return value.IsTypedArray() ? "a typed array of another kind"
             : value.IsArray()    ? "an array"
                                  : "an object";
  }
}

}  // namespace

void Field::refuse(const char* code, const std::string& rule) const {
  throw Error(code, path_ + " " + rule + ", found " + describe(value_));
}

Field Field::operator[](const char* key) const {
  if (!value_.IsObject()) refuse("ERR_GOOGLENET_OPTION", "must be an object");
  return {value_.As<Napi::Object>().Get(key), path_ + "." + key};
}

Field Field::at(uint32_t index) const {
  return {value_.As<Napi::Array>().Get(index), path_ + "[" + std::to_string(index) + "]"};
}

uint32_t Field::length(uint32_t most) const {
  if (!value_.IsArray()) refuse("ERR_GOOGLENET_OPTION", "must be an array");
  const uint32_t length = value_.As<Napi::Array>().Length();
  if (length > most) {
    throw Error("ERR_GOOGLENET_OPTION", path_ + " must have at most " + std::to_string(most) +
                                            " elements, found " + std::to_string(length));
  }
  return length;
}

std::string Field::text() const {
  if (!value_.IsString()) refuse("ERR_GOOGLENET_OPTION", "must be a string");
  return value_.As<Napi::String>().Utf8Value();
}

bool Field::flag() const {
  if (!value_.IsBoolean()) refuse("ERR_GOOGLENET_OPTION", "must be true or false");
  return value_.As<Napi::Boolean>().Value();
}

double Field::number(double least, double most) const {
  const double number = value_.IsNumber() ? value_.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= least && number <= most)) {
    refuse("ERR_GOOGLENET_OPTION", "must be a number from " + shown(least) + " to " + shown(most));
  }
  return number;
}

int64_t Field::integer(int64_t least, int64_t most, const char* code) const {
  const double number = value_.IsNumber() ? value_.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::trunc(number)) {
    refuse(code, "must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int64_t>(number);
}

Field::TypedArray Field::typed_array() const {
  TypedArray array;
  void* data = nullptr;
  if (value_.IsTypedArray() && napi_get_typedarray_info(value_.Env(), value_, &array.type, &array.length,
                                                        &data, nullptr, nullptr) == napi_ok) {
    array.data = data;
  }
  return array;
}

template <class T>
const T* Field::elements(napi_typedarray_type type, const char* name, int64_t count) const {
  const TypedArray array = typed_array();
  if (array.type != type) refuse("ERR_GOOGLENET_DTYPE", "must be " + std::string(name));
  if (static_cast<int64_t>(array.length) != count) {
    throw Error("ERR_GOOGLENET_SHAPE", path_ + " must have " + std::to_string(count) + " elements, found " +
                                           std::to_string(array.length));
  }
  return static_cast<const T*>(array.data);
}

std::vector<float> Field::floats(int64_t count) const {
  const float* first = view_floats(count);
  return {first, first + count};
}

std::vector<int32_t> Field::int32s(int64_t count) const {
  const int32_t* first = elements<int32_t>(napi_int32_array, "an Int32Array", count);
  return {first, first + count};
}

std::vector<uint8_t> Field::bytes(int64_t count) const {
  const uint8_t* first = view_bytes(count);
  return {first, first + count};
}

const float* Field::view_floats(int64_t count) const {
  return elements<float>(napi_float32_array, "a Float32Array", count);
}

const uint8_t* Field::view_bytes(int64_t count) const {
  return elements<uint8_t>(napi_uint8_array, "a Uint8Array", count);
}

}  // namespace googlenet::addon
