#include "addon/executor.h"

#include "addon/environment.h"

namespace googlenet::addon {
void Executor::start() {
  thread_ = std::thread([this] { loop(); });
}

void Executor::refuse_if_closed() const {
  if (closed_) throw Error(disposed().code, disposed().message);
}

void Executor::submit(std::unique_ptr<Task> task) {
  refuse_if_closed();
  const bool begun = idle();
  environment_.expect();
  unsettled_++;
  {
    const std::lock_guard lock(mutex_);
    queue_.push({std::move(task), begun});
  }
  changed_.notify_one();
}

void Executor::close() {
  closed_ = true;
  end();
}

void Executor::end() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
}

void Executor::join() {
  if (thread_.joinable()) thread_.join();
}

void Executor::report_memory(Napi::Env env) {
  const int64_t held = held_bytes_;
  if (held == reported_bytes_) return;
  Napi::MemoryManagement::AdjustExternalMemory(env, held - reported_bytes_);
  reported_bytes_ = held;
}

/// The next task; none when the thread is to end.
Executor::Queued Executor::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
  if (queue_.empty()) return {};
  Queued first = std::move(queue_.front());
  queue_.pop();
  first.begun |= !ending_;
  return first;
}

void Executor::loop() {
  for (;;) {
    Queued next = this->next();
    if (!next.task) break;
    if (next.begun) {
      next.task->run();
      after_task();
    } else {
      next.task->refuse(disposed());
    }
    environment_.post(shared_from_this(), std::move(next.task));
  }
  at_end();
  environment_.post(shared_from_this(), nullptr);
}

}  // namespace googlenet::addon
