// The passes over a definition that come before its plan: what the wanted heads need, what runs as one, and
// which branches write straight into their concat. Answers by layer index.
#pragma once
#include "graph/parameters.h"
#include "graph/planner.h"

namespace googlenet::graph {

struct Fusion {
  /// The wanted heads depend on it.
  std::vector<bool> needed;
  /// The layer before it computes it too: a BatchNorm, ReLU or max pool that follows a layer of its own.
  std::vector<bool> covered;
  /// The layer whose output is the result when this one has run: itself, or the last one that it covers.
  std::vector<int> result;
  /// Among what it covers is a ReLU.
  std::vector<bool> relu;
  /// The group of sibling convolutions (ParameterTable::siblings) that runs as one, or -1.
  std::vector<int> merged;
  /// The concat into whose channels, from `offset` on, its result goes; -1: it has a buffer of its own. An
  /// offset below 0 lies in the channels that the concat's rows have before its own.
  struct Slice {
    int concat = -1;
    int64_t offset = 0;
  };
  std::vector<Slice> slices;
  /// Of a concat that merged siblings write into: the channels before its own.
  std::vector<int64_t> channels_before;
};

Fusion fuse(const Definition& definition, const Shapes& shapes, const ParameterTable& table,
            const PlanRequest& request);

/// The convolutions that run as one with this one, itself among them, in the order of their parameters.
std::vector<int> group_of(const Fusion& fusion, const ParameterTable& table, int convolution);

/// Convolutions that run as one, with the BatchNorms behind them: the ranges are adjacent.
struct Together {
  std::string name;  // of the layers, "a + b"
  int64_t channels = 0;
  Range weight, bias, gamma, beta, mean, variance;
};
Together gather(const Definition& definition, const ParameterTable& table, const std::vector<int>& group);

inline bool is_head(const Shapes& shapes, int layer) {
  for (int head : shapes.heads) {
    if (head == layer) return true;
  }
  return false;
}

}  // namespace googlenet::graph
