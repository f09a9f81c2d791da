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

void Executor::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ending_ || !queue_.empty(); });
}

/// The next task; none when there is none.
Executor::Queued Executor::next() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty()) return {};
  Queued first = std::move(queue_.front());
  queue_.pop();
  first.begun |= !ending_;
  return first;
}

/// The next task if it is one in halves that is not to be refused.
std::unique_ptr<Task> Executor::next_in_halves() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || !queue_.front().task->in_halves() || (ending_ && !queue_.front().begun)) return {};
  std::unique_ptr<Task> task = std::move(queue_.front().task);
  queue_.pop();
  return task;
}

void Executor::finish(std::unique_ptr<Task> task) {
  task->run();
  after_task();
  environment_.post(shared_from_this(), std::move(task));
}

void Executor::loop() {
  std::queue<std::unique_ptr<Task>> begun;
  for (;;) {
    if (begun.empty()) wait();
    std::unique_ptr<Task> task = begun.size() < most_begun() ? next_in_halves() : nullptr;
    if (task) {
      task->begin();
      begun.push(std::move(task));
    } else if (!begun.empty()) {
      finish(std::move(begun.front()));
      begun.pop();
    } else {
      Queued next = this->next();
      if (!next.task) break;
      if (next.begun) {
        finish(std::move(next.task));
      } else {
        next.task->refuse(disposed());
        environment_.post(shared_from_this(), std::move(next.task));
      }
    }
  }
  at_end();
  environment_.post(shared_from_this(), nullptr);
}

}  // namespace googlenet::addon
