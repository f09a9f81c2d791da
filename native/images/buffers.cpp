#include "images/buffers.h"

#include <algorithm>
#include <new>

namespace googlenet::images {
namespace {

/// As many as a training loop has in its hands at once: being filled, waiting, and being read.
constexpr size_t kMostIdle = 4;

}  // namespace

BufferPool::BufferPool()
    : BufferPool(Source{[](size_t bytes) { return ::operator new(bytes); },
                        [](void* memory) { ::operator delete(memory); }}) {}

BufferPool::~BufferPool() {
  for (const Idle& idle : idle_) source_.free(idle.memory);
}

BufferPool::Buffer BufferPool::take(size_t bytes) {
  Idle found{nullptr, bytes};
  {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](const Idle& idle) { return idle.capacity >= bytes && idle.capacity / 2 <= bytes; };
    const auto place = std::find_if(idle_.begin(), idle_.end(), fits);
    if (place != idle_.end()) {
      found = *place;
      idle_.erase(place);
    }
  }
  if (found.memory == nullptr) found.memory = static_cast<uint8_t*>(source_.allocate(bytes));
  return Buffer(found.memory, Return{shared_from_this(), found.capacity});
}

void BufferPool::put(uint8_t* memory, size_t capacity) {
  uint8_t* too_many = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (idle_.size() == kMostIdle) {
      too_many = idle_.front().memory;
      idle_.erase(idle_.begin());
    }
    idle_.push_back({memory, capacity});
  }
  if (too_many != nullptr) source_.free(too_many);
}

}  // namespace googlenet::images
