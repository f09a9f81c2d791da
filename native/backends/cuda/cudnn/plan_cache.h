// What is kept on disk from one process to the next. A file that is damaged, or can't be written, costs only
// the time that it would have saved. Keys name the card, cuDNN's version and the graph.
#pragma once
#include <map>
#include <string>

#include "backends/cuda/cudnn/engine.h"

namespace googlenet::backends::cuda::cudnn {

struct Timed {
  Choice choice;
  float microseconds = 0;
};

/// The engines that timing chose, in one file: a line for a graph.
class PlanCache {
 public:
  /// No path: kept in memory alone. What of the file cannot be read as such lines is left out and written
  /// anew.
  explicit PlanCache(std::string path);

  std::optional<Timed> find(const std::string& key) const;
  /// Writes the file; what another process has added in the meantime is kept.
  void put(const std::string& key, const Timed& timed);

 private:
  void read();
  void write() const;

  std::string path_;
  std::map<std::string, Timed> kept_;
};

/// Plans that were compiled at run time, in cuDNN's text: to read one takes a millisecond, to compile it a
/// third of a second. A file for each, in a folder.
class CompiledPlans {
 public:
  /// No folder: nothing is kept.
  explicit CompiledPlans(std::string folder) : folder_(std::move(folder)) {}

  std::optional<std::string> find(const std::string& key) const;
  void put(const std::string& key, const std::string& plan) const;

 private:
  std::string file(const std::string& key) const;

  std::string folder_;
};

}  // namespace googlenet::backends::cuda::cudnn
