// What cudnn.cpp makes of the descriptors it is given: a graph, which engines take it, and what it computes.
#pragma once
#include <cudnn_graph.h>  // NVIDIA's

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cudnn {

/// Thrown where the real one answers with a status.
struct Refusal {
  cudnnStatus_t status;
  std::string why;
};
void check(bool holds, const char* why, cudnnStatus_t status = CUDNN_STATUS_BAD_PARAM);
void check_supported(bool holds, const char* why);

// A graph and its engine are numbers only: the text of a plan is a list of them.

/// Sizes and strides are n, c, h, w.
struct Tensor {
  int64_t id, type, alignment;
  int64_t computed;  // whether it is virtual, never in memory
  std::array<int64_t, 4> size, stride;
  bool operator==(const Tensor&) const = default;
};

enum Kind : int64_t { kNone, kForward, kData, kWeights, kAdd, kRelu, kStatistics };
struct Operation {
  Kind kind;
  std::array<Tensor, 3> operands;  // of a convolution: filter, image, map; of a ReLU: input, input, output
  std::array<int64_t, 2> stride, before, after;

  bool windowed() const { return kind >= kForward && kind <= kWeights; }
  bool is_result(size_t i) const {
    return kind == kWeights ? i == 0 : kind == kData ? i == 1 : kind == kStatistics ? i > 0 : i == 2;
  }
};

enum Engine : int64_t { kPlain, kAtomic, kCompiled, kRefusing, kTensorFloat, kEngines };
constexpr auto kKnob = CUDNN_KNOB_TYPE_SPLIT_K_SLC;  // only kCompiled has it
constexpr int64_t kKnobSuggested = 2, kMostKnob = 4;

struct Program {
  int64_t engine, knob;
  std::array<Operation, 4> list;  // ends with kNone

  std::vector<Operation> operations() const;
  /// Of what is multiplied.
  int64_t type() const { return list[0].operands[list[0].kind == kWeights ? 1 : 0].type; }
};

// Each throws a Refusal.
void check(const Tensor& tensor);
void check(const Operation& operation);
/// Operations come in an order in which they can be computed.
void check(const Program& program);
/// Whether the engine takes the graph.
void check_taken(const Program& program);
Program program_of(const std::string& text);

std::string text_of(const Program& program);
/// The numbers of engines, the best first.
std::vector<int64_t> suggested(const Program& program, int64_t mode);
/// Bytes.
int64_t workspace_of(const Program& program);
/// `addresses` are of the tensors that are not computed, by their ids.
void run(const Program& program, const std::map<int64_t, void*>& addresses, void* workspace);

}  // namespace cudnn
