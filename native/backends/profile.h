// How long the parts of a run take.
#pragma once
#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace googlenet::backends {

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Of each part the median of what run() gives for it, called `repeat` times after a first, uncounted call.
template <class Run>
std::vector<double> medians(int repeat, Run run) {
  std::vector<std::vector<double>> times(run().size());
  for (int i = 0; i < repeat; i++) {
    const std::vector<double> seconds = run();
    for (size_t part = 0; part < seconds.size(); part++) times[part].push_back(seconds[part]);
  }
  std::vector<double> middle;
  for (std::vector<double>& part : times) middle.push_back(median(std::move(part)));
  return middle;
}

}  // namespace googlenet::backends
