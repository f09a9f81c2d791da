// How many threads are of use.
#pragma once
#include <sched.h>

#include <algorithm>
#include <thread>

namespace googlenet {

/// Cores that this process may use, at least 1.
inline int usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  // More cores than a cpu_set_t holds.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace googlenet
