// The copies of parameters that convolutions and products read, all made by one kernel.
#include <algorithm>

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/packed.cuh"
#include "backends/cuda/weights.h"

namespace googlenet::backends::cuda {
namespace {

constexpr unsigned kPerThread = 8;
constexpr size_t kAlignment = 256;  // bytes
constexpr int64_t kNone = -1;       // as an offset

/// One copy as the kernel reads it. Offsets are in floats of the parameters and in bytes of the copies.
struct Job {
  unsigned first_block;
  unsigned out, pixels, in, padded_out, padded_in;
  int64_t weight, bias, gamma, beta, mean, variance;
  int64_t to_weight, to_bias;
  float epsilon;
};

// ---- kernels

__device__ float fold_scale(const Job& job, const float* parameters, unsigned out) {
  if (job.gamma == kNone) return 1.0f;
  return parameters[job.gamma + out] / sqrtf(parameters[job.variance + out] + job.epsilon);
}

__device__ float folded_bias(const Job& job, const float* parameters, unsigned out) {
  const float bias = job.bias == kNone ? 0.0f : parameters[job.bias + out];
  if (job.gamma == kNone) return bias;
  const float scale = fold_scale(job, parameters, out);
  return (bias - parameters[job.mean + out]) * scale + parameters[job.beta + out];
}

/// The last job whose blocks begin at or before this one.
__device__ const Job& find_job(const Job* jobs, int count, unsigned block) {
  int low = 0, high = count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (jobs[middle].first_block <= block ? low : high) = middle;
  }
  return jobs[low];
}

template <class T>
__global__ __launch_bounds__(kBlockThreads) void copy_weights(const Job* jobs, int count,
                                                              const float* parameters, std::byte* copies) {
  const Job& job = find_job(jobs, count, blockIdx.x);
  const unsigned block = blockIdx.x - job.first_block;
  const unsigned total = job.padded_out * job.pixels * job.padded_in;
  T* to = reinterpret_cast<T*>(copies + job.to_weight);
#pragma unroll
  for (unsigned k = 0; k < kPerThread; k++) {
    const unsigned i = (block * kPerThread + k) * kBlockThreads + threadIdx.x;
    if (i >= total) break;
    const unsigned in = i % job.padded_in, row = i / job.padded_in, out = row / job.pixels;
    float value = 0;
    if (in < job.in && out < job.out) {
      value =
          parameters[job.weight + static_cast<int64_t>(row) * job.in + in] * fold_scale(job, parameters, out);
    }
    to[i] = from_float<T>(value);
  }
  if (block > 0 || job.to_bias == kNone) return;
  float* bias = reinterpret_cast<float*>(copies + job.to_bias);
  for (unsigned out = threadIdx.x; out < job.padded_out; out += kBlockThreads) {
    bias[out] = out < job.out ? folded_bias(job, parameters, out) : 0.0f;
  }
}

// ---- the copies

bool has_bias(const WeightCopy& copy) {
  return copy.bias.count > 0 || copy.fold.has_value();
}

bool same(const graph::Range& a, const graph::Range& b) {
  return a.count == b.count && (a.count == 0 || a.offset == b.offset);
}

/// A copy without a bias is a copy with one, less the bias.
bool same(const WeightCopy& a, const WeightCopy& b) {
  if (a.fold.has_value() != b.fold.has_value() || (a.fold && a.fold->gamma.offset != b.fold->gamma.offset)) {
    return false;
  }
  const bool biases = a.bias.count == 0 || b.bias.count == 0 || same(a.bias, b.bias);
  return biases && same(a.weight, b.weight) && a.out == b.out && a.pixels == b.pixels && a.in == b.in &&
         a.padded_out == b.padded_out && a.padded_in == b.padded_in;
}

int64_t elements(const WeightCopy& copy) {
  return copy.padded_out * copy.pixels * copy.padded_in;
}

Job job_of(const WeightCopy& copy) {
  Job job{};
  job.out = static_cast<unsigned>(copy.out);
  job.pixels = static_cast<unsigned>(copy.pixels);
  job.in = static_cast<unsigned>(copy.in);
  job.padded_out = static_cast<unsigned>(copy.padded_out);
  job.padded_in = static_cast<unsigned>(copy.padded_in);
  job.weight = copy.weight.offset;
  job.bias = copy.bias.count > 0 ? copy.bias.offset : kNone;
  job.gamma = kNone;
  if (copy.fold) {
    job.gamma = copy.fold->gamma.offset;
    job.beta = copy.fold->beta.offset;
    job.mean = copy.fold->mean.offset;
    job.variance = copy.fold->variance.offset;
    job.epsilon = copy.fold->epsilon;
  }
  return job;
}

}  // namespace

WeightCopy weight_copy(const graph::Range& weight, const graph::Range& bias, int64_t pixels, int64_t in_lanes,
                       const graph::View& out) {
  WeightCopy copy;
  copy.weight = weight;
  copy.bias = bias;
  copy.out = out.channels;
  copy.pixels = pixels;
  copy.in = weight.count / (out.channels * pixels);
  copy.padded_out = out.channels + out.padding;
  copy.padded_in = in_lanes;
  return copy;
}

int Weights::add(const WeightCopy& copy) {
  const auto known = std::find_if(copies_.begin(), copies_.end(),
                                  [&](const WeightCopy& other) { return same(other, copy); });
  const auto number = static_cast<int>(known - copies_.begin());
  if (known == copies_.end()) {
    copies_.push_back(copy);
  } else if (copy.bias.count > 0) {
    known->bias = copy.bias;
  }
  return number;
}

float* Weights::bias(int copy) const {
  return has_bias(copies_[copy]) ? reinterpret_cast<float*>(memory_.get() + bias_offsets_[copy]) : nullptr;
}

void Weights::allocate() {
  if (copies_.empty()) return;
  const auto reserve = [this](size_t bytes) {
    const size_t offset = bytes_;
    bytes_ += round_up(static_cast<int64_t>(bytes), kAlignment);
    return offset;
  };
  std::vector<Job> jobs;
  for (const WeightCopy& copy : copies_) {
    weight_offsets_.push_back(reserve(elements(copy) * (precision_ == Precision::Fp32 ? 4 : 2)));
    bias_offsets_.push_back(has_bias(copy) ? reserve(copy.padded_out * sizeof(float)) : 0);
    Job job = job_of(copy);
    job.first_block = blocks_;
    job.to_weight = static_cast<int64_t>(weight_offsets_.back());
    job.to_bias = has_bias(copy) ? static_cast<int64_t>(bias_offsets_.back()) : kNone;
    blocks_ += static_cast<unsigned>(divide_up(elements(copy), kBlockThreads * kPerThread));
    jobs.push_back(job);
  }
  const size_t bytes = jobs.size() * sizeof(Job);
  memory_ = make_device<std::byte>(bytes_, "prepared weights");
  jobs_ = make_device<std::byte>(bytes, "the list of prepared weights");
  GOOGLENET_CUDA(cudaMemcpy(jobs_.get(), jobs.data(), bytes, cudaMemcpyHostToDevice));
  // It may still be under way from the runtime's own memory, and our streams do not wait for it.
  GOOGLENET_CUDA(cudaStreamSynchronize(cudaStreamLegacy));
}

void Weights::prepare(const float* parameters, cudaStream_t stream) {
  if (copies_.empty()) return;
  const auto kernel = precision_ == Precision::Bf16   ? copy_weights<__nv_bfloat16>
                      : precision_ == Precision::Fp16 ? copy_weights<__half>
                                                      : copy_weights<float>;
  launch(kernel, Grid{dim3(blocks_), dim3(kBlockThreads)}, stream, reinterpret_cast<const Job*>(jobs_.get()),
         static_cast<int>(copies_.size()), parameters, memory_.get());
}

}  // namespace googlenet::backends::cuda
