#include "images/buffers.h"

#include <algorithm>
#include <utility>

namespace googlenet::images {
namespace {

/// As many as a training loop has in its hands at once: being filled, waiting, and being read.
constexpr size_t kMostIdle = 4;

}  // namespace

BufferPool::Buffer BufferPool::take(size_t bytes) {
  Idle found{nullptr, bytes};
  {
    const std::lock_guard lock(mutex_);
    const auto fits = [&](const Idle& idle) { return idle.capacity >= bytes && idle.capacity / 2 <= bytes; };
    const auto place = std::find_if(idle_.begin(), idle_.end(), fits);
    if (place != idle_.end()) {
      found = std::move(*place);
      idle_.erase(place);
    }
  }
  if (!found.memory) found.memory.reset(new uint8_t[bytes]);  // make_unique would fill it with zeros
  return Buffer(found.memory.release(), Return{shared_from_this(), found.capacity});
}

void BufferPool::put(uint8_t* memory, size_t capacity) {
  Idle returned{std::unique_ptr<uint8_t[]>(memory), capacity};
  const std::lock_guard lock(mutex_);
  if (idle_.size() == kMostIdle) idle_.erase(idle_.begin());
  idle_.push_back(std::move(returned));
}

}  // namespace googlenet::images
