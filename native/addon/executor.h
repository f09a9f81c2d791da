// A native thread with a queue of calls. OpenMP ties its pool to the thread that starts it, so all that one
// network computes happens on one thread of its own, and never on libuv's pool.
//
// Life: JavaScript's thread submits tasks; the executor's thread runs them in order and posts each back;
// JavaScript's thread settles and destroys it. Tasks in two halves that follow each other may overlap: the
// next is begun before the one before it is ended, if it has come by then; while the thread waits for an end
// it begins nothing. After close() the task under way ends, those behind it are refused, the thread frees
// what it holds and ends, and the Environment joins it.
#pragma once
#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <queue>
#include <string>
#include <thread>
#include <utility>

#include "addon/errors.h"

namespace googlenet::addon {

class Environment;

class Task {
 public:
  /// On JavaScript's thread.
  virtual ~Task() = default;
  /// On the executor's thread, one of the two. Neither throws.
  virtual void run() = 0;
  virtual void refuse(const Failure& why) = 0;
  /// Whether it is to be begun before it is run, which then only ends it. Throws nothing.
  virtual bool in_halves() const { return false; }
  virtual void begin() {}
  /// On JavaScript's thread, afterwards. Throws nothing.
  virtual void settle(Napi::Env env) = 0;
};

class Executor : public std::enable_shared_from_this<Executor> {
 public:
  // ---- on JavaScript's thread
  /// `disposed` is the message of ERR_GOOGLENET_DISPOSED after close().
  Executor(Environment& environment, std::string disposed)
      : environment_(environment), disposed_(std::move(disposed)) {}
  virtual ~Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  void start();
  /// The call that has begun ends; those behind it are refused. Made while the executor was idle, a call has
  /// begun.
  virtual void close();
  /// Both throw ERR_GOOGLENET_DISPOSED after close().
  void refuse_if_closed() const;
  void submit(std::unique_ptr<Task> task);
  /// No task is queued, under way or waiting to be settled.
  bool idle() const { return unsettled_ == 0; }
  void settled() { unsettled_--; }
  void join();
  /// Tells the garbage collector how the native memory behind this executor has changed.
  void report_memory(Napi::Env env);

 protected:
  // ---- on the executor's thread
  /// After each task that ran.
  virtual void after_task() {}
  /// Tasks in halves that may be begun before the first of them is ended.
  virtual size_t most_begun() const { return 1; }
  /// Last of all: frees what only this thread may touch.
  virtual void at_end() {}
  void holds(int64_t bytes) { held_bytes_ = bytes; }

  // ---- on either
  /// Refuses what is queued and ends the thread.
  void end();

 private:
  void loop();
  struct Queued {
    std::unique_ptr<Task> task;
    bool begun = false;  // nothing was before it when it came
  };
  void wait();
  Queued next();
  std::unique_ptr<Task> next_in_halves();
  void finish(std::unique_ptr<Task> task);

  Failure disposed() const { return {"ERR_GOOGLENET_DISPOSED", disposed_}; }

  Environment& environment_;
  const std::string disposed_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::queue<Queued> queue_;  // under the mutex
  bool ending_ = false;       // under the mutex
  std::atomic<int64_t> held_bytes_ = 0;
  int64_t reported_bytes_ = 0;
  int unsettled_ = 0;
  bool closed_ = false;
};

/// Work that is begun by begin(), and ended by being called.
template <class Work>
concept InHalves = requires(Work& work) {
  work.begin();
};

/// The task behind a promise: `work()` on the executor's thread, `convert(env, result)` on JavaScript's.
template <class Work, class Convert>
class Call final : public Task {
 public:
  /// `owner` is kept from the garbage collector until the call is settled.
  Call(Napi::Env env, Napi::Object owner, Work work, Convert convert)
      : deferred_(env),
        owner_(Napi::Persistent(owner)),
        work_(std::move(work)),
        convert_(std::move(convert)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

  bool in_halves() const override { return InHalves<Work>; }

  void begin() override {
    if constexpr (InHalves<Work>) {
      try {
        work_.begin();
      } catch (...) {
        failure_ = Failure::current();
      }
    }
  }

  void run() override {
    if (failure_) return;
    try {
      result_.emplace(work_());
    } catch (...) {
      failure_ = Failure::current();
    }
  }

  void refuse(const Failure& why) override { failure_ = why; }

  void settle(Napi::Env env) override {
    try {
      resolve_or_reject(env);
    } catch (const Napi::Error&) {
      // The environment is being torn down: nobody can be told any more.
    }
  }

 private:
  void resolve_or_reject(Napi::Env env) {
    try {
      if (!failure_) return deferred_.Resolve(convert_(env, *result_));
    } catch (const Napi::Error& error) {
      return deferred_.Reject(error.Value());
    } catch (...) {
      failure_ = Failure::current();
    }
    deferred_.Reject(make_error(env, failure_->code, failure_->message).Value());
  }

  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference owner_;
  Work work_;
  Convert convert_;
  std::optional<std::invoke_result_t<Work>> result_;
  std::optional<Failure> failure_;
};

/// Queues a call and returns its promise.
template <class Work, class Convert>
Napi::Promise submit(Napi::Env env, Executor& executor, Napi::Object owner, Work work, Convert convert) {
  auto call = std::make_unique<Call<Work, Convert>>(env, owner, std::move(work), std::move(convert));
  const Napi::Promise promise = call->promise();
  executor.submit(std::move(call));
  return promise;
}

}  // namespace googlenet::addon
