// Memory of batches, used again for later ones: fresh pages cost more than the copy they hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace googlenet::images {

/// Any thread may take a buffer, and any thread may drop one. Made by std::make_shared.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  struct Return {
    std::shared_ptr<BufferPool> pool;
    size_t capacity;
    void operator()(uint8_t* memory) const { pool->put(memory, capacity); }
  };
  /// Goes back to its pool when it is destroyed.
  using Buffer = std::unique_ptr<uint8_t[], Return>;

  /// Where memory comes from and goes to.
  struct Source {
    std::function<void*(size_t bytes)> allocate;
    std::function<void(void* memory)> free;
  };
  /// Of ordinary memory.
  BufferPool();
  explicit BufferPool(Source source) : source_(std::move(source)) {}
  ~BufferPool();

  /// At least `bytes` bytes, not initialised.
  Buffer take(size_t bytes);

 private:
  struct Idle {
    uint8_t* memory;
    size_t capacity;
  };
  void put(uint8_t* memory, size_t capacity);

  const Source source_;
  std::mutex mutex_;
  std::vector<Idle> idle_;  // under the mutex, the latest last
};

}  // namespace googlenet::images
