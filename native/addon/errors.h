// Native failures as JavaScript errors: `code` and `message`; nothing else escapes into Node.
#pragma once
#include <napi.h>

#include <exception>
#include <new>
#include <string>

#include "error.h"

namespace googlenet::addon {

inline Napi::Error make_error(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

/// A failure carried from a worker thread to the main thread.
struct Failure {
  std::string code;
  std::string message;

  static Failure current() {
    try {
      throw;
    } catch (const Error& error) {
      return {error.code(), error.what()};
    } catch (const std::bad_alloc&) {
      return {"ERR_GOOGLENET_MEMORY", "out of memory"};
    } catch (const std::exception& error) {
      return {"ERR_GOOGLENET_NATIVE", error.what()};
    } catch (...) {
      return {"ERR_GOOGLENET_NATIVE", "unknown failure"};
    }
  }
};

/// Runs a synchronous call; what it throws reaches JavaScript as an Error with a code.
template <class Body>
auto guarded(Napi::Env env, Body body) -> decltype(body()) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    const Failure failure = Failure::current();
    throw make_error(env, failure.code, failure.message);
  }
}

/// Runs a call whose `body` returns a promise; what it throws becomes a rejected one.
template <class Body>
Napi::Value promised(Napi::Env env, Body body) {
  try {
    return guarded(env, body);
  } catch (const Napi::Error& error) {
    const Napi::Promise::Deferred deferred(env);
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

}  // namespace googlenet::addon
