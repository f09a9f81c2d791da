// The one exception of the native code: a code that programs read and a text that people read.
// Codes are those of lib/errors.ts.
#pragma once
#include <stdexcept>
#include <string>
#include <utility>

namespace googlenet {

class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace googlenet
