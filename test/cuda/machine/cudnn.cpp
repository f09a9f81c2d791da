// A cuDNN that computes on the host, on the streams of host/device.h: as much of its backend API as the
// module calls. Graphs are a convolution, then additions and ReLUs, or the sums for BatchNorm. Products are
// summed in double, and what is stored is rounded once. It suggests several engines, so that the module has
// to choose. What it does not take is refused with a status, as by the real one, attributes when a descriptor
// is finalized; pointers that are wrong, which that one would not notice, end the process with a message.
#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "descriptor.h"
#include "graph.h"
#include "host/device.h"

using namespace cudnn;

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace {

thread_local std::string last_message;

// ---- finalizing

constexpr int kGraphHandle = 800, kPlanHandle = 400;  // the names that the header has are deprecated

/// Either a handle or a device that is described.
void check_device(Data& data, Data& with_handle, int handle, int described) {
  check(with_handle.has(handle) != data.has(described), "for no device");
  if (data.has(described)) data.descriptor(described, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  if (with_handle.has(handle)) with_handle.one(handle, CUDNN_TYPE_HANDLE);
}

void check_float(Data& data, int name) {
  check_supported(data.one(name, CUDNN_TYPE_DATA_TYPE) == CUDNN_DATA_FLOAT, "computed in other than fp32");
}

Tensor tensor_of(Data& data) {
  return {data.one(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64),
          data.one(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE),
          data.one(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64),
          data.one(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN),
          data.numbers<4>(CUDNN_ATTR_TENSOR_DIMENSIONS),
          data.numbers<4>(CUDNN_ATTR_TENSOR_STRIDES)};
}

void read_operands(Data& data, std::array<int, 3> names) {
  for (size_t i = 0; i < names.size(); i++) {
    data.program.list[0].operands[i] = tensor_of(*data.descriptor(names[i], CUDNN_BACKEND_TENSOR_DESCRIPTOR));
  }
}

/// The attributes of the three convolutions follow each other in one order: from alpha, beta, the window, the
/// filter and the image to the map.
template <Kind kind>
void read_convolution(Data& data) {
  const int alpha = kind == kForward ? CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA
                    : kind == kData  ? CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA
                                     : CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA;
  Operation& operation = data.program.list[0];
  operation.kind = kind;
  read_operands(data, {alpha + 3, alpha + 4, alpha + 5});
  Data& window = *data.descriptor(alpha + 2, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  operation.stride = window.numbers<2>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES);
  operation.before = window.numbers<2>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS);
  operation.after = window.numbers<2>(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS);
  const auto scale = [&](int name) { return std::bit_cast<float>(int(data.one(name, CUDNN_TYPE_FLOAT))); };
  check_supported(scale(alpha) == 1 && scale(alpha + 1) == 0, "a result that is scaled or added");
}

void read_pointwise(Data& data) {
  Data& how =
      *data.descriptor(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  const bool add = how.one(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE) == CUDNN_POINTWISE_ADD;
  data.program.list[0].kind = add ? kAdd : kRelu;
  const auto x = CUDNN_ATTR_OPERATION_POINTWISE_XDESC;
  read_operands(data,
                {x, add ? CUDNN_ATTR_OPERATION_POINTWISE_BDESC : x, CUDNN_ATTR_OPERATION_POINTWISE_YDESC});
}

void read_statistics(Data& data) {
  data.program.list[0].kind = kStatistics;
  check_float(data, CUDNN_ATTR_OPERATION_GENSTATS_MATH_PREC);
  data.one(CUDNN_ATTR_OPERATION_GENSTATS_MODE, CUDNN_TYPE_GENSTATS_MODE);  // there is one
  read_operands(data, {CUDNN_ATTR_OPERATION_GENSTATS_XDESC, CUDNN_ATTR_OPERATION_GENSTATS_SUMDESC,
                       CUDNN_ATTR_OPERATION_GENSTATS_SQSUMDESC});
}

void read_graph(Data& data) {
  if (data.has(kGraphHandle)) data.one(kGraphHandle, CUDNN_TYPE_HANDLE);
  const auto& operations =
      data.attribute(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0).descriptors;
  check_supported(operations.size() < data.program.list.size(), "more operations than go together");
  for (size_t i = 0; i < operations.size(); i++) data.program.list[i] = operations[i]->program.list[0];
  check(data.program.operations().size() == operations.size(), "a graph of what is no operation");
  check(data.program);
}

void read_engine(Data& data) {
  const Shared graph =
      data.descriptor(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  check_device(data, *graph, kGraphHandle, CUDNN_ATTR_ENGINE_DEVICEPROP);
  Program& program = data.program = graph->program;
  program.engine = data.one(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64);
  check(program.engine >= 0 && program.engine < kEngines, "no engine of this number");
  std::vector<int64_t> numerical, behavior;
  const bool tensor_cores = program.engine == kTensorFloat || program.type() != CUDNN_DATA_FLOAT;
  if (tensor_cores) numerical.push_back(CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
  if (program.engine == kAtomic) numerical.push_back(CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC);
  if (program.engine == kCompiled) behavior.push_back(CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION);
  data.put(CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, numerical);
  data.put(CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE, behavior);
}

void read_config(Data& data) {
  data.program = data.descriptor(CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_BACKEND_ENGINE_DESCRIPTOR)->program;
  if (!data.has(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES)) return;
  Data& knob = *data.descriptor(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
  const int64_t type = knob.one(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE);
  const int64_t value = knob.one(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64);
  check(data.program.engine == kCompiled && type == kKnob, "a knob that the engine does not have");
  check(value >= 0 && value <= kMostKnob, "a value that the knob does not have");
  data.program.knob = value;
}

void finalize(Data& data);

void read_heuristics(Data& data) {
  const auto device = CUDNN_ATTR_ENGINEHEUR_DEVICEPROP;
  const Shared graph =
      data.descriptor(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  check_device(data, *graph, kGraphHandle, device);
  std::vector<Shared> configs;
  for (const int64_t number :
       suggested(graph->program, data.one(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE))) {
    const auto engine = std::make_shared<Data>(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
    engine->put(CUDNN_ATTR_ENGINE_OPERATION_GRAPH, {graph});
    engine->put(CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, {number});
    if (data.has(device)) engine->attributes[CUDNN_ATTR_ENGINE_DEVICEPROP] = data.attributes[device];
    finalize(*engine);
    const auto config = configs.emplace_back(std::make_shared<Data>(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
    config->put(CUDNN_ATTR_ENGINECFG_ENGINE, {engine});
    if (number == kCompiled) {
      const auto knob = std::make_shared<Data>(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR);
      knob->put(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, {kKnob});
      knob->put(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, {kKnobSuggested});
      finalize(*knob);
      config->put(CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, {knob});
    }
    finalize(*config);
  }
  data.put(CUDNN_ATTR_ENGINEHEUR_RESULTS, configs);
}

/// Of a configuration or of a text, which those have that are compiled at run time.
void read_plan(Data& data) {
  const auto json = CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION;
  const auto config = CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG;
  check_device(data, data, kPlanHandle, CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP);
  check(data.has(json) != data.has(config), "a plan of neither an engine nor a text");
  if (data.has(config)) {
    data.program = data.descriptor(config, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR)->program;
  } else {
    const std::vector<int64_t>& text = data.attribute(json, CUDNN_TYPE_CHAR, 0).values;
    data.program = program_of({text.begin(), std::find(text.begin(), text.end(), 0)});
  }
  check_taken(data.program);
  const std::string text = text_of(data.program);
  if (data.program.engine == kCompiled) {
    data.put(json, CUDNN_TYPE_CHAR, {text.c_str(), text.c_str() + text.size() + 1});
  }
  data.put(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, {workspace_of(data.program)});
}

void read_tensor(Data& data) {
  check(tensor_of(data));
}

void read_mode(Data& data) {
  const int64_t mode = data.one(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE);
  check_supported(mode == CUDNN_POINTWISE_ADD || mode == CUDNN_POINTWISE_RELU_FWD, "a mode that is new");
  check_float(data, CUDNN_ATTR_POINTWISE_MATH_PREC);
}

void read_window(Data& data) {
  check_float(data, CUDNN_ATTR_CONVOLUTION_COMP_TYPE);
  const int64_t mode = data.one(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE);
  const int64_t dimensions = data.one(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64);
  const bool dilated = data.numbers<2>(CUDNN_ATTR_CONVOLUTION_DILATIONS) != std::array<int64_t, 2>{1, 1};
  check_supported(mode == CUDNN_CROSS_CORRELATION && dimensions == 2 && !dilated, "a window of another kind");
  for (const int name : {CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS,
                         CUDNN_ATTR_CONVOLUTION_POST_PADDINGS}) {
    data.numbers<2>(name);
  }
}

void read_knob(Data& data) {
  data.one(CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE);
  data.one(CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64);
}

void read_device(Data& data) {
  data.attribute(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 0);
}

void read_pack(Data& data) {
  auto ids = data.attribute(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 0).values;
  data.attribute(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, ids.size());
  data.one(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR);
  std::sort(ids.begin(), ids.end());
  check(std::adjacent_find(ids.begin(), ids.end()) == ids.end(), "two pointers for a tensor");
}

void finalize(Data& data) {
  check(!data.finalized, "what is finalized already");
  static const std::map<cudnnBackendDescriptorType_t, void (*)(Data&)> readers = {
      {CUDNN_BACKEND_TENSOR_DESCRIPTOR, read_tensor},
      {CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, read_window},
      {CUDNN_BACKEND_POINTWISE_DESCRIPTOR, read_mode},
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, read_convolution<kForward>},
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, read_convolution<kData>},
      {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, read_convolution<kWeights>},
      {CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, read_pointwise},
      {CUDNN_BACKEND_OPERATION_GEN_STATS_DESCRIPTOR, read_statistics},
      {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, read_graph},
      {CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, read_heuristics},
      {CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, read_knob},
      {CUDNN_BACKEND_ENGINE_DESCRIPTOR, read_engine},
      {CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, read_config},
      {CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, read_plan},
      {CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, read_device},
      {CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, read_pack},
  };
  const auto reader = readers.find(data.type);
  check_supported(reader != readers.end(), "a descriptor of a type that is new");
  reader->second(data);
  if (data.program.list[0].kind != kNone) check(data.program.list[0]);
  for (const auto& [name, attribute] : data.attributes)
    check(attribute.read, "an attribute that is not known");
  data.finalized = true;
}

// ---- the functions

void execute(cudnnHandle_t handle, Data& plan, Data& pack) {
  check(plan.finalized && plan.type == CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, "a plan that is none");
  check(pack.finalized && pack.type == CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, "pointers that are none");
  check(handle != nullptr && plan.has(kPlanHandle), "a plan for a device that is not here");
  const Program program = plan.program;
  const auto pointer = [&](int64_t address, int64_t alignment, const std::string& name) {
    if (address != 0 && address % alignment == 0) return reinterpret_cast<void*>(address);
    std::fprintf(stderr, "cuDNN of the tests: no pointer, or one that is not aligned, to %s of %s\n",
                 name.c_str(), text_of(program).c_str());
    std::abort();
  };
  std::map<int64_t, int64_t> given;
  const auto& ids = pack.attributes.at(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS).values;
  for (size_t i = 0; i < ids.size(); i++) {
    given[ids[i]] = pack.attributes.at(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS).values[i];
  }
  std::map<int64_t, void*> addresses;
  for (const Operation& operation : program.operations()) {
    for (const Tensor& t : operation.operands) {
      if (!t.computed) addresses[t.id] = pointer(given[t.id], t.alignment, "tensor " + std::to_string(t.id));
    }
  }
  const int64_t workspace = pack.attributes.at(CUDNN_ATTR_VARIANT_PACK_WORKSPACE).values[0];
  void* scratch = workspace_of(program) > 0 ? pointer(workspace, 16, "the workspace") : nullptr;
  device::enqueue(handle->stream, [=] { run(program, addresses, scratch); });
}

template <class Body>
cudnnStatus_t answer(const Body& body) {
  try {
    body();
    return CUDNN_STATUS_SUCCESS;
  } catch (const Refusal& refusal) {
    last_message = refusal.why;
    return refusal.status;
  }
}

}  // namespace

size_t cudnnGetVersion() {
  return 92400;
}
size_t cudnnGetCudartVersion() {
  return 13000;
}
const char* cudnnGetErrorString(cudnnStatus_t status) {
  return status == CUDNN_STATUS_NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_BAD_PARAM";
}
void cudnnGetLastErrorString(char* message, size_t most) {
  std::snprintf(message, most, "%s", last_message.c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  *descriptor = new Shared(std::make_shared<Data>(type));
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<Shared*>(descriptor);
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  return answer([&] { finalize(*shared(descriptor)); });
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  return answer([&] {
    Data& data = *shared(descriptor);
    check(!data.finalized, "an attribute of what is finalized");
    Attribute attribute{type, {}, {}};
    for (int64_t i = 0; i < count; i++) {
      if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        const auto value = static_cast<const cudnnBackendDescriptor_t*>(values)[i];
        check(shared(value)->finalized, "a descriptor that is not finalized");
        attribute.descriptors.push_back(shared(value));
      } else {
        int64_t value = 0;
        std::memcpy(&value, static_cast<const char*>(values) + i * bytes_of(type), bytes_of(type));
        attribute.values.push_back(value);
      }
    }
    data.attributes[name] = std::move(attribute);
  });
}

/// Descriptors that are given for results become those.
cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, int64_t most, int64_t* count,
                                       void* values) {
  return answer([&] {
    const Data& data = *shared(descriptor);
    check(data.finalized, "a descriptor that is not finalized", CUDNN_STATUS_NOT_INITIALIZED);
    const Attribute found = data.has(name) ? data.attributes.at(name) : Attribute{type, {}, {}};
    check(found.type == type, "an attribute's values are of another type");
    *count = static_cast<int64_t>(found.values.size() + found.descriptors.size());
    for (int64_t i = 0; i < std::min(*count, most); i++) {
      if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        Shared& to = shared(static_cast<cudnnBackendDescriptor_t*>(values)[i]);
        check(!to->finalized && to->type == found.descriptors[i]->type, "no descriptor for a result");
        to = found.descriptors[i];
      } else {
        std::memcpy(static_cast<char*>(values) + i * bytes_of(type), &found.values[i], bytes_of(type));
      }
    }
  });
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  return answer([&] { execute(handle, *shared(plan), *shared(pack)); });
}
