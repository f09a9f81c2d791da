#include "device.h"

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>

struct Work {
  std::function<void()> run;
  std::function<bool()> ready = [] { return true; };
};
struct CUstream_st {
  std::deque<Work> queue;
  std::unique_ptr<std::vector<Work>> recording;
  bool broken = false;
};
struct CUevent_st {
  int64_t recorded = 0, done = 0;
  bool timed = false;
  int time = 0;  // when it was done last
};
struct CUgraph_st {
  std::vector<Work> works;
};
struct CUgraphExec_st {
  std::vector<Work> works;
};

namespace device {

Machine machine;
Counts counts;

namespace {

/// Of whoever calls: the host's threads have the device one after the other.
std::recursive_mutex calls;
using Turn = std::lock_guard<std::recursive_mutex>;
std::mt19937_64 random_bits;
CUstream_st legacy;  // with which the streams that are made do not synchronise
std::set<cudaStream_t> streams{&legacy};
std::map<std::byte*, std::vector<std::byte>> on_device, pinned;
size_t taken = 0;
cudaError_t last = cudaSuccess;

cudaError_t answer(cudaError_t status) {
  if (status != cudaSuccess) last = status;
  return status;
}

bool recording() {
  for (cudaStream_t stream : streams) {
    if (stream->recording) return true;
  }
  return false;
}

/// What a recording does not allow breaks it.
cudaError_t forbidden() {
  for (cudaStream_t stream : streams) {
    if (stream->recording) stream->broken = true;
  }
  return answer(cudaErrorStreamCaptureUnsupported);
}

/// One piece of work of any stream whose turn it may be; false when there is none.
bool advance() {
  std::vector<cudaStream_t> ready;
  for (cudaStream_t stream : streams) {
    if (!stream->queue.empty() && stream->queue.front().ready()) ready.push_back(stream);
  }
  if (ready.empty()) return false;
  cudaStream_t stream = ready[random_bits() % ready.size()];
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  work.run();
  return true;
}

void until(const std::function<bool()>& condition) {
  while (!condition()) {
    if (!advance()) throw std::logic_error("the device waits for ever");
  }
}

void drain() {
  for (cudaStream_t stream : streams) until([=] { return stream->queue.empty(); });
}

void note_end() {
  for (cudaStream_t stream : streams) {
    if (stream->queue.empty()) continue;
    counts.early++;
    return;
  }
}

/// The device goes on by itself while the host calls.
void some_time() {
  for (uint64_t n = random_bits() % 3; n > 0 && advance(); n--) {
  }
}

void put(cudaStream_t stream, Work work) {
  if (stream->recording) {
    stream->recording->push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
    some_time();
  }
}

bool within(const std::map<std::byte*, std::vector<std::byte>>& memory, const void* address) {
  auto after = memory.upper_bound(static_cast<std::byte*>(const_cast<void*>(address)));
  if (after == memory.begin()) return false;
  --after;
  return address < after->first + after->second.size();
}

cudaError_t allocate(std::map<std::byte*, std::vector<std::byte>>& memory, void** to, size_t bytes) {
  if (recording()) return forbidden();
  std::vector<std::byte> block(bytes, std::byte{0xa5});
  *to = block.data();
  memory.emplace(block.data(), std::move(block));
  return cudaSuccess;
}

}  // namespace

void reset(uint64_t seed) {
  drain();
  machine = {};
  counts = {};
  random_bits.seed(seed);
  last = cudaSuccess;
}

size_t allocated() {
  return taken;
}

void enqueue(cudaStream_t stream, std::function<void()> body) {
  const Turn turn(calls);
  put(stream, {[body = std::move(body)] {
        counts.kernels++;
        body();
      }});
}

}  // namespace device

using namespace device;

const char* cudaGetErrorString(cudaError_t status) {
  const Turn turn(calls);
  return status == cudaErrorNoDevice ? "no CUDA-capable device is detected" : "a failure";
}
const char* cudaGetErrorName(cudaError_t) {
  const Turn turn(calls);
  return "cudaErrorOfTheCheck";
}
cudaError_t cudaGetLastError() {
  const Turn turn(calls);
  return std::exchange(last, cudaSuccess);
}
cudaError_t cudaDriverGetVersion(int* version) {
  const Turn turn(calls);
  *version = machine.driver;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  const Turn turn(calls);
  *count = static_cast<int>(machine.cards.size());
  return answer(machine.enumeration);
}
cudaError_t cudaGetDevice(int* number) {
  const Turn turn(calls);
  *number = 0;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int) {
  const Turn turn(calls);
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  const Turn turn(calls);
  const Card& card = machine.cards[number];
  std::strncpy(properties->name, card.name.c_str(), sizeof properties->name - 1);
  properties->major = card.major;
  properties->minor = card.minor;
  properties->totalGlobalMem = machine.memory;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Turn turn(calls);
  *free = machine.memory - taken;
  *total = machine.memory;
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** to, size_t bytes) {
  const Turn turn(calls);
  if (taken + bytes > machine.memory) return answer(cudaErrorMemoryAllocation);
  const cudaError_t status = allocate(on_device, to, bytes);
  if (status == cudaSuccess) taken += bytes;
  return status;
}
cudaError_t cudaFree(void* memory) {
  const Turn turn(calls);
  if (memory == nullptr) return cudaSuccess;
  note_end();
  drain();
  const auto found = on_device.find(static_cast<std::byte*>(memory));
  taken -= found->second.size();
  on_device.erase(found);
  return cudaSuccess;
}
cudaError_t cudaHostAlloc(void** to, size_t bytes, unsigned) {
  const Turn turn(calls);
  return allocate(pinned, to, bytes);
}
cudaError_t cudaFreeHost(void* memory) {
  const Turn turn(calls);
  if (memory == nullptr) return cudaSuccess;
  drain();
  pinned.erase(static_cast<std::byte*>(memory));
  return cudaSuccess;
}

cudaError_t cudaMemset(void* memory, int value, size_t bytes) {
  return cudaMemsetAsync(memory, value, bytes, &legacy);
}
/// Pageable memory has been read when the call returns, and need not have arrived on the device.
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  const Turn turn(calls);
  if (recording()) return forbidden();
  if (kind == cudaMemcpyHostToDevice) {
    const auto* first = static_cast<const std::byte*>(from);
    put(&legacy, {[to, staged = std::vector<std::byte>(first, first + bytes)] {
      std::memcpy(to, staged.data(), staged.size());
    }});
    return cudaSuccess;
  }
  until([] { return legacy.queue.empty(); });
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  const Turn turn(calls);
  put(stream, {[=] { std::memset(memory, value, bytes); }});
  return cudaSuccess;
}
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_stride, const void* from, size_t from_stride, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  const Turn turn(calls);
  const auto copy = [=] {
    for (size_t row = 0; row < height; row++) {
      std::memcpy(static_cast<std::byte*>(to) + row * to_stride,
                  static_cast<const std::byte*>(from) + row * from_stride, width);
    }
  };
  const void* host = kind == cudaMemcpyHostToDevice ? from : to;
  if (kind == cudaMemcpyDeviceToDevice || within(pinned, host)) {
    put(stream, {copy});
    return cudaSuccess;
  }
  // Pageable memory is read and written before the call returns.
  if (stream->recording) return forbidden();
  until([=] { return stream->queue.empty(); });
  copy();
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Turn turn(calls);
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Turn turn(calls);
  *stream = new CUstream_st;
  streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Turn turn(calls);
  drain();
  streams.erase(stream);
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Turn turn(calls);
  if (stream == cudaStreamLegacy) stream = &legacy;
  if (stream->recording) return forbidden();
  until([=] { return stream->queue.empty(); });
  return machine.broken;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Turn turn(calls);
  put(stream, {[] {}, [event, wanted = event->recorded] { return event->done >= wanted; }});
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Turn turn(calls);
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  const Turn turn(calls);
  *event = new CUevent_st{.timed = true};
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Turn turn(calls);
  drain();
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Turn turn(calls);
  if (stream->recording) return forbidden();
  put(stream, {[event, number = ++event->recorded] {
        event->done = number;
        event->time = ++device::counts.events;
      }});
  return cudaSuccess;
}
/// A millisecond goes by with every event.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Turn turn(calls);
  if (!begin->timed || !end->timed || begin->recorded == 0) return cudaErrorInvalidResourceHandle;
  if (begin->done < begin->recorded || end->done < end->recorded) return cudaErrorNotReady;
  *milliseconds = static_cast<float>(end->time - begin->time);
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Turn turn(calls);
  if (recording()) return forbidden();
  until([=] { return event->done >= event->recorded; });
  return machine.broken;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  const Turn turn(calls);
  if (stream->recording) return forbidden();
  stream->recording = std::make_unique<std::vector<Work>>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Turn turn(calls);
  const auto works = std::move(stream->recording);
  *graph = nullptr;
  if (std::exchange(stream->broken, false)) return answer(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{*works};
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Turn turn(calls);
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  const Turn turn(calls);
  if (machine.instantiation != cudaSuccess) return answer(machine.instantiation);
  *executable = new CUgraphExec_st{graph->works};
  counts.graphs++;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  const Turn turn(calls);
  note_end();
  delete executable;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Turn turn(calls);
  counts.launches++;
  for (const Work& work : executable->works) put(stream, work);
  return cudaSuccess;
}
