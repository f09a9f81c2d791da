#include "graph.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <sstream>

namespace cudnn {

void check(bool holds, const char* why, cudnnStatus_t status) {
  if (!holds) throw Refusal{status, why};
}
void check_supported(bool holds, const char* why) {
  check(holds, why, CUDNN_STATUS_NOT_SUPPORTED);
}

std::vector<Operation> Program::operations() const {
  return {list.begin(), std::find_if(list.begin(), list.end(), [](auto& o) { return o.kind == kNone; })};
}

namespace {

bool one_a_channel(const Tensor& t, int64_t channels) {
  return t.size == std::array<int64_t, 4>{1, channels, 1, 1};
}

}  // namespace

void check(const Tensor& t) {
  for (const int64_t size : t.size) check(size > 0, "a size that is not positive");
  check(t.stride[1] == 1 && t.stride[3] >= t.size[1] && t.stride[2] >= t.size[3] * t.stride[3] &&
            t.stride[0] >= t.size[2] * t.stride[2],
        "strides that are not of NHWC");
  check(t.type == CUDNN_DATA_FLOAT || t.type == CUDNN_DATA_HALF || t.type == CUDNN_DATA_BFLOAT16,
        "a type that is not fp32, fp16 or bf16");
  check(!t.computed || t.type == CUDNN_DATA_FLOAT, "a virtual tensor that is not of fp32");
  check(t.alignment > 0, "an alignment that is not positive");
}

void check(const Operation& o) {
  for (const Tensor& t : o.operands) check(t);
  const auto &a = o.operands[0].size, &b = o.operands[1].size, &c = o.operands[2].size;
  if (o.windowed()) {
    check(b[0] == c[0] && b[1] == a[1] && c[1] == a[0], "channels that do not fit");
    for (size_t i = 0; i < 2; i++) {
      const int64_t room = b[2 + i] + o.before[i] + o.after[i] - a[2 + i];
      check(o.stride[i] > 0 && o.before[i] >= 0 && o.after[i] >= 0 && room >= 0, "no window");
      check(c[2 + i] == room / o.stride[i] + 1, "a map that is not of the window's size");
    }
  } else if (o.kind == kStatistics) {
    for (const size_t i : {1, 2}) {
      check(one_a_channel(o.operands[i], a[1]) && o.operands[i].type == CUDNN_DATA_FLOAT,
            "sums that are not one of fp32 a channel");
    }
  } else {
    check(c == a && (b == a || one_a_channel(o.operands[1], a[1])), "operands of other sizes");
  }
}

void check(const Program& program) {
  std::map<int64_t, Tensor> tensors;
  for (const Operation& operation : program.operations()) {
    check(operation);
    for (const bool results : {false, true}) {
      for (size_t i = 0; i < operation.operands.size(); i++) {
        if (operation.is_result(i) != results) continue;
        const Tensor& tensor = operation.operands[i];
        const auto [known, fresh] = tensors.try_emplace(tensor.id, tensor);
        check(known->second == tensor, "two tensors of one number");
        check(results ? fresh : !fresh || !tensor.computed,
              "a tensor that is not computed once, before it is read");
      }
    }
  }
}

// ---- text

using Numbers = std::array<int64_t, sizeof(Program) / sizeof(int64_t)>;

std::string text_of(const Program& program) {
  std::string text;
  for (const int64_t n : std::bit_cast<Numbers>(program))
    text += (text.empty() ? "" : ",") + std::to_string(n);
  return "{\"plan\":[" + text + "]}";
}

Program program_of(const std::string& text) {
  std::istringstream in(text.substr(std::min(text.size(), text.find('[') + 1)));
  Numbers numbers{};
  for (int64_t& n : numbers) {
    in >> n;
    in.get();
  }
  const auto program = std::bit_cast<Program>(numbers);
  check(text_of(program) == text, "a text that is not of a plan");
  check(program);
  return program;
}

// ---- engines

int64_t workspace_of(const Program& program) {
  return program.engine == kAtomic ? 1024 : program.engine == kCompiled ? 256 * program.knob : 0;
}

void check_taken(const Program& program) {
  const auto operations = program.operations();
  const Operation& first = program.list[0];
  const auto& [filter, image, map] = first.operands;
  check_supported(program.engine != kRefusing, "an engine that takes nothing");
  check_supported(program.engine != kTensorFloat || program.type() == CUDNN_DATA_FLOAT, "TF32 is for fp32");
  check_supported(first.windowed(), "a graph without a convolution");
  check_supported((first.is_result(1) ? map : image).type == (first.is_result(0) ? map : filter).type,
                  "operands of two types");
  // The real one has a single engine for this, which is compiled too.
  check_supported(first.kind != kWeights || filter.type == program.type() || program.engine == kCompiled,
                  "weights of another type than the operands'");
  for (size_t i = 1; i < operations.size(); i++) {
    check_supported(!operations[i].windowed() && first.kind != kWeights,
                    "what does not go with a convolution");
    if (operations[i].kind != kStatistics) continue;
    const bool dense = map.stride[3] == map.size[1] && map.stride[2] == map.size[3] * map.stride[3] &&
                       map.stride[0] == map.size[2] * map.stride[2];
    check_supported(first.kind == kForward && operations.size() == 2 && program.type() == CUDNN_DATA_HALF &&
                        operations[i].operands[0] == map && map.type == CUDNN_DATA_HALF && dense,
                    "statistics are of a convolution alone, in fp16, whose result is dense");
  }
}

/// The best one differs from graph to graph, so that a network runs on all of them.
std::vector<int64_t> suggested(const Program& program, int64_t mode) {
  if (mode == CUDNN_HEUR_MODE_FALLBACK) return {kPlain};
  check_supported(mode == CUDNN_HEUR_MODE_A, "a mode that suggests nothing");
  std::vector<int64_t> engines = {kAtomic, kCompiled, kPlain};
  const size_t turns = std::hash<std::string>{}(text_of(program)) % engines.size();
  std::rotate(engines.begin(), engines.begin() + turns, engines.end());
  engines.insert(engines.begin(), kRefusing);
  if (program.type() == CUDNN_DATA_FLOAT) engines.insert(engines.begin(), kTensorFloat);
  return engines;
}

// ---- arithmetic

namespace {

using Values = std::vector<double>;  // densely, NHWC

double load(const void* from, int64_t type, int64_t i) {
  if (type == CUDNN_DATA_HALF) return __half2float(static_cast<const __half*>(from)[i]);
  if (type == CUDNN_DATA_BFLOAT16) return __bfloat162float(static_cast<const __nv_bfloat16*>(from)[i]);
  return static_cast<const float*>(from)[i];
}

void store(void* to, int64_t type, int64_t i, double value) {
  const auto narrow = static_cast<float>(value);
  if (type == CUDNN_DATA_HALF) {
    static_cast<__half*>(to)[i] = __float2half_rn(narrow);
  } else if (type == CUDNN_DATA_BFLOAT16) {
    static_cast<__nv_bfloat16*>(to)[i] = __float2bfloat16_rn(narrow);
  } else {
    static_cast<float*>(to)[i] = narrow;
  }
}

/// As tensor cores read fp32: with 10 bits behind the point.
double tensor_float(double value) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(static_cast<float>(value)) & 0xffffe000U);
}

/// Calls with each element's place among dense values and its place in memory.
template <class Visit>
void visit(const Tensor& t, const Visit& visit) {
  size_t i = 0;
  for (int64_t n = 0; n < t.size[0]; n++) {
    for (int64_t h = 0; h < t.size[2]; h++) {
      for (int64_t w = 0; w < t.size[3]; w++) {
        const int64_t pixel = n * t.stride[0] + h * t.stride[2] + w * t.stride[3];
        for (int64_t c = 0; c < t.size[1]; c++) visit(i++, pixel + c);
      }
    }
  }
}

void add_product(double* __restrict to, double factor, const double* __restrict row, int64_t count) {
  for (int64_t i = 0; i < count; i++) to[i] += factor * row[i];
}

/// `values` are of the filter, the image and the map, the result's being zero.
void convolve(const Operation& operation, std::array<Values*, 3> values) {
  const auto &filter = operation.operands[0].size, &image = operation.operands[1].size,
             &map = operation.operands[2].size;
  const int64_t in = filter[1], out = filter[0], taps = filter[2] * filter[3];
  double *w = values[0]->data(), *x = values[1]->data(), *y = values[2]->data();
  Values turned(taps * in * out);  // [taps][in][out]
  for (int64_t row = 0; row < taps * in; row++) {
    for (int64_t o = 0; o < out; o++) turned[row * out + o] = w[o * taps * in + row];
  }
  for (int64_t tap = 0; tap < taps; tap++) {
    for (int64_t p = 0; p < map[0] * map[2] * map[3]; p++) {
      const int64_t n = p / (map[2] * map[3]), row = p / map[3] % map[2], column = p % map[3];
      const int64_t h = row * operation.stride[0] - operation.before[0] + tap / filter[3];
      const int64_t v = column * operation.stride[1] - operation.before[1] + tap % filter[3];
      if (h < 0 || h >= image[2] || v < 0 || v >= image[3]) continue;
      const int64_t q = (n * image[2] + h) * image[3] + v;
      if (operation.kind == kForward) {
        for (int64_t i = 0; i < in; i++) {
          add_product(y + p * out, x[q * in + i], &turned[(tap * in + i) * out], out);
        }
        continue;
      }
      for (int64_t o = 0; o < out; o++) {
        double *of_image = x + q * in, *of_filter = w + (o * taps + tap) * in;
        const bool data = operation.kind == kData;
        add_product(data ? of_image : of_filter, y[p * out + o], data ? of_filter : of_image, in);
      }
    }
  }
}

}  // namespace

/// Reads all that is stored before it writes: a summand may have the result's address.
void run(const Program& program, const std::map<int64_t, void*>& addresses, void* workspace) {
  const auto scribble = [&] {
    if (workspace != nullptr) std::memset(workspace, 0x5a, workspace_of(program));
  };
  scribble();
  std::map<int64_t, Values> known;
  std::vector<Tensor> results;
  for (const Operation& operation : program.operations()) {
    std::array<Values*, 3> values{};
    for (size_t i = 0; i < values.size(); i++) {
      const Tensor& t = operation.operands[i];
      const auto [found, fresh] = known.try_emplace(t.id);
      Values& to = *(values[i] = &found->second);
      if (fresh) to.resize(t.size[0] * t.size[2] * t.size[3] * t.size[1]);
      if (operation.is_result(i)) {
        results.push_back(t);
      } else if (fresh) {
        visit(t, [&](size_t k, int64_t at) { to[k] = load(addresses.at(t.id), t.type, at); });
        if (program.engine != kTensorFloat || !operation.windowed()) continue;
        std::transform(to.begin(), to.end(), to.begin(), tensor_float);
      }
    }
    Values &a = *values[0], &b = *values[1], &c = *values[2];
    if (operation.windowed()) convolve(operation, values);
    for (size_t i = 0; i < a.size() && !operation.windowed(); i++) {
      if (operation.kind == kAdd) c[i] = a[i] + b[i % b.size()];
      if (operation.kind == kRelu) c[i] = a[i] < 0 ? 0 : a[i];  // NaN stays, as in the module's kernels
      if (operation.kind == kStatistics) {
        // Of what was summed, as cuDNN's engines have it, and not of what is stored of it.
        b[i % b.size()] += a[i];
        c[i % c.size()] += a[i] * a[i];
      }
    }
  }
  for (const Tensor& t : results) {
    if (t.computed) continue;
    visit(t, [&](size_t k, int64_t at) { store(addresses.at(t.id), t.type, at, known.at(t.id)[k]); });
  }
  scribble();
}

}  // namespace cudnn
