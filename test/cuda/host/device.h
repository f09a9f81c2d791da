// A device on the host, behind the functions of CUDA's runtime. What is enqueued on a stream runs later,
// streams overtake each other at random: who reads memory too early, or writes it too soon, is found out.
// There is no cudaDeviceSynchronize(): it breaks what other networks record.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace device {

struct Card {
  std::string name;
  int major, minor;
};

/// What the machine has; to be changed by a check.
struct Machine {
  int driver = 13000;
  std::vector<Card> cards = {{"NVIDIA H200", 9, 0}};
  cudaError_t enumeration = cudaSuccess;    // of the cards
  size_t memory = size_t{1} << 30;          // bytes that can be allocated
  cudaError_t instantiation = cudaSuccess;  // of graphs
  cudaError_t broken = cudaSuccess;         // what waits answer from then on
};
extern Machine machine;

/// Counts since the last reset().
struct Counts {
  int graphs = 0, launches = 0, kernels = 0, events = 0;
  int early = 0;  // memory and graphs that went while something was enqueued
};
extern Counts counts;

/// A fresh machine with nothing enqueued, whose streams take turns as `seed` says.
void reset(uint64_t seed);
/// Bytes that are allocated on the device.
size_t allocated();
/// A kernel.
void enqueue(cudaStream_t stream, std::function<void()> body);

}  // namespace device
