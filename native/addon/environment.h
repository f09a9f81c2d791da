// What the addon keeps for one Node environment (the main thread, or a worker thread): the way back from
// native threads to JavaScript's, and the executors that live. Nothing in the addon is global, so that any
// number of environments may load it.
#pragma once
#include <napi.h>

#include <memory>
#include <mutex>
#include <queue>
#include <unordered_set>

#include "addon/executor.h"
#include "addon/lent_memory.h"

namespace googlenet::addon {

class Environment {
 public:
  // ---- on JavaScript's thread
  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
  /// Makes the environment's instance and has it stopped before the environment ends.
  static void install(Napi::Env env);
  explicit Environment(Napi::Env env);

  /// Starts an executor and keeps it until its thread has ended. Throws ERR_GOOGLENET_DISPOSED when the
  /// environment is ending.
  void start(const std::shared_ptr<Executor>& executor);
  /// Keeps the event loop alive for one more task.
  void expect();
  /// Ends every executor after its running task and joins its thread; what was queued is dropped. Idempotent.
  void stop();

  Napi::FunctionReference network_constructor;
  LentMemory lent;

  // ---- on any thread
  /// Hands a finished task back; without a task: the executor's thread is about to end.
  void post(std::shared_ptr<Executor> executor, std::unique_ptr<Task> task);

 private:
  struct Finished {
    std::shared_ptr<Executor> executor;
    std::unique_ptr<Task> task;
  };

  static void wake(Napi::Env env, Napi::Function, Environment* environment, void*);
  using Signal = Napi::TypedThreadSafeFunction<Environment, void, &Environment::wake>;

  void settle_finished(Napi::Env env);
  std::optional<Finished> take_finished();

  Napi::Env env_;
  Signal signal_;
  std::unordered_set<std::shared_ptr<Executor>> executors_;
  int expected_ = 0;
  bool stopped_ = false;
  std::mutex mutex_;
  std::queue<Finished> finished_;  // under the mutex
};

}  // namespace googlenet::addon
