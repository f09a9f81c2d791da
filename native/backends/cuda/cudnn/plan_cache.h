// The engines that timing chose, kept in a file: a line for a graph on a card under a version of cuDNN.
#pragma once
#include <map>
#include <string>

#include "backends/cuda/cudnn/engine.h"

namespace googlenet::backends::cuda::cudnn {

struct Timed {
  Choice choice;
  float microseconds = 0;
};

class PlanCache {
 public:
  /// No path: kept in memory alone. What of the file cannot be read as such lines is left out and written
  /// anew.
  explicit PlanCache(std::string path);

  std::optional<Timed> find(const std::string& key) const;
  /// Writes the file: beside it, fsync, rename. One that cannot be written only loses what was timed. What
  /// another process has added in the meantime is kept.
  void put(const std::string& key, const Timed& timed);

 private:
  void read();
  void write() const;

  std::string path_;
  std::map<std::string, Timed> kept_;
};

}  // namespace googlenet::backends::cuda::cudnn
