// Memory of batches, used again for later ones: fresh pages cost more than the copy they hold.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
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

  /// At least `bytes` bytes, not initialised.
  Buffer take(size_t bytes);

 private:
  struct Idle {
    std::unique_ptr<uint8_t[]> memory;
    size_t capacity;
  };
  void put(uint8_t* memory, size_t capacity);

  std::mutex mutex_;
  std::vector<Idle> idle_;  // under the mutex, the latest last
};

}  // namespace googlenet::images
