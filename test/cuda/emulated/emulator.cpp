#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

// swapcontext() without its two system calls, of which millions would be made: leaves one stack for another.
extern "C" void emulated_switch(void** from, void* to);
asm(R"(
.pushsection .text
.globl emulated_switch
emulated_switch:
  push %rbp
  push %rbx
  push %r12
  push %r13
  push %r14
  push %r15
  mov %rsp, (%rdi)
  mov %rsi, %rsp
  pop %r15
  pop %r14
  pop %r13
  pop %r12
  pop %rbx
  pop %rbp
  ret
.popsection
)");

namespace emulated {
namespace {

constexpr int kSavedRegisters = 6;
constexpr size_t kStack = 64 << 10;  // bytes of a fiber, those of the address sanitizer's checks included
constexpr unsigned kMostThreads = 1024, kMostBlocks = 65535;  // of a block; of a grid's y and z

struct Fiber {
  enum class State { Idle, Running, Waiting, Ended } state = State::Idle;
  void* stack_pointer = nullptr;
  std::unique_ptr<std::byte[]> stack = std::make_unique<std::byte[]>(kStack);
};

std::vector<std::unique_ptr<Fiber>> fibers;
Fiber* current = nullptr;
void* scheduler = nullptr;  // its stack pointer
const std::function<void()>* thread_body = nullptr;

void leave(Fiber::State state) {
  current->state = state;
  emulated_switch(&current->stack_pointer, scheduler);
}

void live() {
  for (;;) {
    (*thread_body)();
    leave(Fiber::State::Ended);
  }
}

void enter(Fiber& fiber) {
  if (fiber.state == Fiber::State::Idle) {
    // As if live() had been called by nobody, and had been about to begin: see emulated_switch.
    void** top = reinterpret_cast<void**>(fiber.stack.get() + kStack) - 2;
    *top = reinterpret_cast<void*>(live);
    fiber.stack_pointer = top - kSavedRegisters;
  }
  fiber.state = Fiber::State::Running;
  current = &fiber;
  emulated_switch(&scheduler, fiber.stack_pointer);
}

uint64_t threads_of(const cudaLaunchConfig_t& config) {
  return uint64_t{config.blockDim.x} * config.blockDim.y * config.blockDim.z;
}
uint64_t blocks_of(const cudaLaunchConfig_t& config) {
  return uint64_t{config.gridDim.x} * config.gridDim.y * config.gridDim.z;
}

unsigned in_order(unsigned index, unsigned count) {
  return order == Order::Forward ? index : count - 1 - index;
}

void run_block() {
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  while (fibers.size() < threads) fibers.push_back(std::make_unique<Fiber>());
  unsigned ended = 0;
  while (ended < threads) {
    ended = 0;
    for (unsigned i = 0; i < threads; i++) {
      const unsigned index = in_order(i, threads);
      threadIdx = {index % blockDim.x, index / blockDim.x % blockDim.y, index / blockDim.x / blockDim.y};
      enter(*fibers[index]);
      if (fibers[index]->state == Fiber::State::Ended) ended++;
    }
    if (ended > 0 && ended < threads) throw std::runtime_error("__syncthreads() not reached by all threads");
  }
}

}  // namespace

bool possible(const cudaLaunchConfig_t& config) {
  const dim3 grid = config.gridDim;
  const uint64_t threads = threads_of(config), blocks = blocks_of(config);
  return threads > 0 && threads <= kMostThreads && blocks > 0 && grid.x <= INT32_MAX &&
         grid.y <= kMostBlocks && grid.z <= kMostBlocks;
}

void run(const cudaLaunchConfig_t& config, const std::function<void()>& thread) {
  static std::mutex one_kernel;  // at a time, whatever threads launch
  const std::lock_guard lock(one_kernel);
  blockDim = config.blockDim;
  gridDim = config.gridDim;
  const uint64_t blocks = blocks_of(config);
  thread_body = &thread;
  for (unsigned i = 0; i < blocks; i++) {
    const unsigned index = in_order(i, static_cast<unsigned>(blocks));
    blockIdx = {index % gridDim.x, index / gridDim.x % gridDim.y, index / gridDim.x / gridDim.y};
    run_block();
  }
}

}  // namespace emulated

void __syncthreads() {
  emulated::leave(emulated::Fiber::State::Waiting);
}
