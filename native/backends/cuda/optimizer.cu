// SGD with momentum, weight decay, Nesterov and a running average of the weights, in one pass over flat
// memory; and the loss scale of fp16.
#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/kernels/packed.cuh"
#include "backends/cuda/optimizer.h"

namespace googlenet::backends::cuda {
namespace {

// Dynamic loss scaling as torch.amp.GradScaler does it.
constexpr int kGrowEvery = 2000;  // steps without an overflow
constexpr float kMostScale = 65536.0f * 256.0f;

/// What one thread works on: kLanes floats of each array.
template <int kLanes>
using Floats = Packed<float, kLanes>;

// ---- kernels

template <int kLanes>
__device__ void descend(const Scalars& s, float* weights, float* momentum, const float* gradients) {
  Floats<kLanes> w = Floats<kLanes>::load(weights), v = Floats<kLanes>::load(momentum);
  const Floats<kLanes> g = Floats<kLanes>::load(gradients);
#pragma unroll
  for (int i = 0; i < kLanes; i++) {
    const float d = g.values[i] + s.weight_decay * w.values[i];
    v.values[i] = s.momentum * v.values[i] + d;
    w.values[i] -= s.learning_rate * (s.nesterov ? d + s.momentum * v.values[i] : v.values[i]);
  }
  v.store(momentum);
  w.store(weights);
}

template <int kLanes>
__device__ void follow(float decay, const float* weights, float* average) {
  const Floats<kLanes> w = Floats<kLanes>::load(weights);
  Floats<kLanes> a = Floats<kLanes>::load(average);
#pragma unroll
  for (int i = 0; i < kLanes; i++) a.values[i] += (1 - decay) * (w.values[i] - a.values[i]);
  a.store(average);
}

template <int kLanes>
__device__ void update_at(const Scalars& s, const Update& u, int64_t i) {
  if (i < u.trainable) descend<kLanes>(s, u.weights + i, u.momentum + i, u.gradients + i);
  if (u.average) follow<kLanes>(s.average_decay, u.weights + i, u.average + i);
}

/// Four floats at a time, but for what is left of each range: the trainable floats end anywhere.
__global__ __launch_bounds__(kBlockThreads) void update_weights(Update u, const Scalars* scalars,
                                                                const LossScale* loss_scale) {
  if (loss_scale && loss_scale->overflow) return;
  const Scalars& s = *scalars;
  const int64_t end = u.average ? u.total : u.trainable;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kBlockThreads * 4;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * kBlockThreads + threadIdx.x) * 4; i < end; i += step) {
    const bool whole = i + 4 <= u.trainable || (i >= u.trainable && i + 4 <= end);
    if (whole) {
      update_at<4>(s, u, i);
    } else {
      for (int64_t k = i; k < min(i + 4, end); k++) update_at<1>(s, u, k);
    }
  }
}

__global__ void move_loss_scale(LossScale* loss_scale) {
  LossScale& s = *loss_scale;
  if (s.overflow) {
    s.scale = fmaxf(s.scale / 2, 1.0f);
    s.skipped++;
    s.growing = s.overflow = 0;
  } else if (++s.growing >= kGrowEvery) {
    s.scale = fminf(s.scale * 2, kMostScale);
    s.growing = 0;
  }
}

}  // namespace

void enqueue_update(const CudaBackend& backend, const Update& update) {
  const bool scaled = backend.precision() == Precision::Fp16;
  launch(update_weights, item_grid(divide_up(update.average ? update.total : update.trainable, 4)),
         backend.stream(), update, backend.scalars(), scaled ? backend.loss_scale() : nullptr);
  if (scaled) launch(move_loss_scale, Grid{dim3(1), dim3(1)}, backend.stream(), backend.loss_scale());
}

}  // namespace googlenet::backends::cuda
