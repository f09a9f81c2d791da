#include "graph/arena.h"

#include <algorithm>
#include <numeric>

namespace googlenet::graph {
namespace {

constexpr int64_t kLine = 256;  // bytes: what the kernels of NVIDIA's libraries want at most

void find_lives(Plan& plan) {
  const auto touch = [&](int buffer, int step) {
    Buffer& b = plan.buffers[buffer];
    if (b.first < 0) b.first = step;
    b.last = step;
  };
  for (size_t i = 0; i < plan.steps.size(); i++) {
    for (int buffer : plan.steps[i].reads) touch(buffer, static_cast<int>(i));
    for (int buffer : plan.steps[i].writes) touch(buffer, static_cast<int>(i));
  }
  // The logits are read when all steps are done.
  for (const View& head : plan.heads) touch(head.buffer, static_cast<int>(plan.steps.size()));
}

}  // namespace

// Greedy by size: the largest buffer first, each at the lowest offset where no buffer alive at the same time
// lies (Pisarchyk, Lee: "Efficient memory management for deep neural net inference", 2020, "greedy by size").
void place_buffers(Plan& plan, int64_t activation_bytes) {
  find_lives(plan);
  std::vector<int> order(plan.buffers.size());
  std::iota(order.begin(), order.end(), 0);
  for (Buffer& b : plan.buffers) {
    const int64_t size = b.element == Element::Activation ? activation_bytes
                         : b.element == Element::Float    ? 4
                                                          : 1;
    b.bytes = (b.count * size + kLine - 1) / kLine * kLine;
    plan.unshared_bytes += b.bytes;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return plan.buffers[a].bytes > plan.buffers[b].bytes; });
  std::vector<int> placed;  // sorted by offset
  for (int index : order) {
    Buffer& b = plan.buffers[index];
    if (b.first < 0) continue;
    int64_t offset = 0;
    for (int other : placed) {
      const Buffer& o = plan.buffers[other];
      if (o.last < b.first || b.last < o.first) continue;
      if (offset + b.bytes <= o.offset) break;
      offset = std::max(offset, o.offset + o.bytes);
    }
    b.offset = offset;
    plan.arena_bytes = std::max(plan.arena_bytes, offset + b.bytes);
    placed.insert(
        std::upper_bound(placed.begin(), placed.end(), index,
                         [&](int a, int c) { return plan.buffers[a].offset < plan.buffers[c].offset; }),
        index);
  }
}

}  // namespace googlenet::graph
