#include "addon/environment.h"

#include "error.h"

namespace googlenet::addon {

Environment::Environment(Napi::Env env)
    : env_(env), signal_(Signal::New(env, "googlenet", /*maxQueueSize=*/0, /*initialThreadCount=*/1, this)) {
  signal_.Unref(env);
}

void Environment::install(Napi::Env env) {
  auto owned = std::make_unique<Environment>(env);
  Environment* environment = owned.get();
  env.SetInstanceData(owned.release());
  // Hooks run in reverse order: this one before that of the thread-safe function, which no thread may call
  // afterwards. It covers the natural end and terminated worker threads.
  env.AddCleanupHook([](Environment* ending) { ending->stop(); }, environment);
  // process.exit() goes to exit(3) without cleanup hooks, and that destroys the statics of oneDNN under a
  // running thread; the event "exit" comes before.
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  const Napi::Value once = process.As<Napi::Object>().Get("once");
  if (!once.IsFunction()) return;
  const auto stop = [environment](const Napi::CallbackInfo&) { environment->stop(); };
  once.As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), Napi::Function::New(env, stop)});
}

void Environment::start(const std::shared_ptr<Executor>& executor) {
  if (stopped_) throw Error("ERR_GOOGLENET_DISPOSED", "the process is ending; nothing new can be created");
  executor->start();
  executors_.insert(executor);
}

void Environment::expect() {
  if (expected_++ == 0) signal_.Ref(env_);
}

void Environment::stop() {
  if (stopped_) return;
  stopped_ = true;
  for (const auto& executor : executors_) executor->close();
  for (const auto& executor : executors_) executor->join();
  executors_.clear();
  finished_ = {};
  signal_.Release();
}

void Environment::post(std::shared_ptr<Executor> executor, std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    finished_.push({std::move(executor), std::move(task)});
  }
  signal_.NonBlockingCall();
}

/// Node calls this on JavaScript's thread some time after NonBlockingCall(); with no env when it is too late.
void Environment::wake(Napi::Env env, Napi::Function, Environment* environment, void*) {
  if (env != nullptr) environment->settle_finished(env);
}

std::optional<Environment::Finished> Environment::take_finished() {
  const std::lock_guard lock(mutex_);
  if (finished_.empty()) return std::nullopt;
  Finished first = std::move(finished_.front());
  finished_.pop();
  return first;
}

void Environment::settle_finished(Napi::Env env) {
  while (std::optional<Finished> finished = take_finished()) {
    const Napi::HandleScope scope(env);
    Executor& executor = *finished->executor;
    if (finished->task) {
      executor.settled();
      finished->task->settle(env);
      if (--expected_ == 0 && !stopped_) signal_.Unref(env);
    } else {
      executor.join();
      executors_.erase(finished->executor);
    }
    executor.report_memory(env);
  }
}

}  // namespace googlenet::addon
