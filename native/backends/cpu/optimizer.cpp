// SGD with momentum, weight decay, Nesterov and a running average of the weights, in one pass over flat
// memory.
#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

GOOGLENET_SIMD void descend(float* __restrict w, float* __restrict v, const float* __restrict g, int64_t n,
                            float rate, float momentum, float decay, bool nesterov) {
  for (int64_t i = 0; i < n; i++) {
    const float d = g[i] + decay * w[i];
    v[i] = momentum * v[i] + d;
    w[i] -= rate * (nesterov ? d + momentum * v[i] : v[i]);
  }
}

GOOGLENET_SIMD void average(const float* __restrict w, float* __restrict a, int64_t n, float decay) {
  for (int64_t i = 0; i < n; i++) a[i] += (1 - decay) * (w[i] - a[i]);
}

}  // namespace

void CpuBackend::update(const Update& u) {
  parallel_ranges(u.trainable, [&](int64_t begin, int64_t end) {
    descend(u.weights + begin, u.momentum + begin, u.gradients + begin, end - begin, u.learning_rate,
            u.momentum_factor, u.weight_decay, u.nesterov);
  });
  if (!u.average) return;
  parallel_ranges(u.total, [&](int64_t begin, int64_t end) {
    average(u.weights + begin, u.average + begin, end - begin, u.average_decay);
  });
}

}  // namespace googlenet::backends::cpu
