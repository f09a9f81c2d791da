// Memory that the loader lends to JavaScript as the pixels of a batch. A network that is given such a batch
// holds the memory and copies nothing: it stays, whatever JavaScript does with the array meanwhile, even
// transfer it. On JavaScript's thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>

namespace googlenet::addon {

class LentMemory {
 public:
  using Pixels = std::shared_ptr<const uint8_t[]>;

  /// Memory of so many bytes, known for as long as somebody holds it.
  void lend(const Pixels& memory, size_t bytes) {
    std::erase_if(lent_, [](const auto& entry) { return entry.second.memory.expired(); });
    lent_.insert_or_assign(memory.get(), Lent{memory, bytes});
  }

  /// The memory from `data` on; null unless so many bytes from there are lent.
  Pixels find(const void* data, size_t bytes) const {
    const auto* first = static_cast<const uint8_t*>(data);
    const auto after = lent_.upper_bound(first);
    if (after == lent_.begin()) return nullptr;
    const auto& [begin, lent] = *std::prev(after);
    const auto offset = static_cast<size_t>(first - begin);
    if (offset > lent.bytes || bytes > lent.bytes - offset) return nullptr;
    const Pixels memory = lent.memory.lock();
    return memory ? Pixels(memory, first) : nullptr;
  }

 private:
  struct Lent {
    std::weak_ptr<const uint8_t[]> memory;
    size_t bytes;
  };
  std::map<const uint8_t*, Lent> lent_;  // by where they begin
};

}  // namespace googlenet::addon
