// The resizer's loops for every set of instructions that this processor has give the portable ones' bytes,
// and write no byte that is not theirs. Exit code 1 and a line for each difference.
#include "images/kernels.h"

#include <cstdio>
#include <cstring>
#include <vector>

#include "random.h"

namespace {

using namespace googlenet;
using namespace googlenet::images;

constexpr uint8_t kCanary = 0xA5;
int failures = 0;

void expect(bool good, const char* name, const char* what, int in, int out) {
  if (good) return;
  std::printf("%s: %s differs, %d to %d\n", name, what, in, out);
  failures++;
}

std::vector<uint8_t> noise(size_t bytes, uint64_t key) {
  std::vector<uint8_t> made(bytes);
  for (size_t i = 0; i < bytes; i++) made[i] = static_cast<uint8_t>(mix(key, i));
  // Runs of the ends of the range, where sums overflow first.
  for (size_t i = 0; i < bytes / 3; i++) made[i] = (i / 8) % 2 == 0 ? 0 : 255;
  return made;
}

void compare(const Kernels& kernels, const char* name, Interpolation interpolation, int in, int out) {
  Filter filter;
  filter.build(interpolation, in, in * 0.07, in * 0.93, out, in % 2 == 1);
  const auto row = noise(static_cast<size_t>(filter.reach.count) * 4 + kRowPadding, in);
  const size_t bytes = static_cast<size_t>(out) * 3;
  std::vector<uint8_t> expected(bytes + kRowPadding), found(bytes + kRowPadding + 8, kCanary);
  kPortableKernels.resize_rgb(row.data(), filter, out, expected.data());
  kernels.resize_rgb(row.data(), filter, out, found.data());
  expect(std::memcmp(expected.data(), found.data(), bytes) == 0, name, "resize_rgb", in, out);
  expect(found[bytes + kRowPadding] == kCanary, name, "what follows resize_rgb's result", in, out);

  std::vector<std::vector<uint8_t>> rows;
  std::vector<const uint8_t*> pointers;
  const int count = filter.spans[out / 2].count;
  for (int t = 0; t < count; t++) rows.push_back(noise(bytes + kRowPadding, mix(in, t)));
  for (int t = 0; t <= count; t++) pointers.push_back(rows[t < count ? t : count - 1].data());
  std::fill(found.begin(), found.end(), kCanary);
  const int16_t* weights = filter.weights_of(out / 2);
  const int16_t* own = weights;
  while (own < weights + filter.taps - count && *own == 0) own++;
  std::vector<int16_t> padded(own, own + count);
  padded.push_back(0);
  kPortableKernels.blend(pointers.data(), padded.data(), count, static_cast<int>(bytes), expected.data());
  kernels.blend(pointers.data(), padded.data(), count, static_cast<int>(bytes), found.data());
  expect(std::memcmp(expected.data(), found.data(), bytes) == 0, name, "blend", in, out);
  expect(found[bytes] == kCanary, name, "what follows blend's result", in, out);
}

void compare_all(const Kernels& kernels, const char* name) {
  for (const auto interpolation :
       {Interpolation::Bilinear, Interpolation::Area, Interpolation::Nearest, Interpolation::Cubic}) {
    for (const int in : {1, 2, 3, 7, 40, 333, 1024, 4001}) {
      for (const int out : {1, 2, 3, 5, 16, 31, 224}) compare(kernels, name, interpolation, in, out);
    }
  }
  std::printf("%s: compared\n", name);
}

}  // namespace

int main() {
  if (__builtin_cpu_supports("avx2")) compare_all(kAvx2Kernels, "AVX2");
  if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    compare_all(kAvx512Kernels, "AVX-512");
  }
  return failures == 0 ? 0 : 1;
}
