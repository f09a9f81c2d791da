#include "backends/cpu/winograd.h"

#include <algorithm>
#include <cmath>

#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

constexpr int64_t kCacheFloats = 160 * 1024;  // of V and M together: what a second-level cache of 1 MiB holds
constexpr int64_t kFewestTiles = 4;           // worth a thread of their own

WinogradKernels kernels_for(int64_t window) {
  return __builtin_cpu_supports("x86-64-v4") ? winograd_avx512(window) : winograd_avx2(window);
}

int64_t rounded_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// G of the six points: `count` weights of one row of the window -> six, `stride` apart.
void transform_filter(const double* g, int count, int64_t stride, double* out, int64_t out_stride) {
  constexpr double points[] = {0, 0.7, -0.7, 1.5, -1.5};
  for (int p = 0; p < 5; p++) {
    double scale = 1, power = 1, sum = 0;
    for (int q = 0; q < 5; q++) scale *= q == p ? 1 : points[p] - points[q];
    for (int i = 0; i < count; i++, power *= points[p]) sum += power * g[i * stride];
    out[p * out_stride] = sum / scale;
  }
  out[5 * out_stride] = g[(count - 1) * stride];
}

}  // namespace

bool Winograd::suits(const graph::Window& w) {
  return w.stride == 1 && (w.kernel == 3 || w.kernel == 5) && w.in.channels >= 16 && w.out.channels >= 16;
}

Winograd::Winograd(const graph::Window& window, bool relu)
    : window_(window), kernels_(kernels_for(window.kernel)) {
  const int64_t outputs = kWinogradTile + 1 - window.kernel;
  work_ = {.height = window.in.height,
           .width = window.in.width,
           .padding = window.padding,
           .out_height = window.out.height,
           .out_width = window.out.width,
           .in = window.in.channels,
           .padded_in = rounded_up(window.in.channels, kWinogradLanes),
           .out = window.out.channels,
           .tiles_x = (window.out.width + outputs - 1) / outputs,
           .tiles_y = (window.out.height + outputs - 1) / outputs,
           .input_stride = 0,
           .output_stride = 0,
           .relu = relu};
  const int64_t registers = (work_.out + kernels_.lanes - 1) / kernels_.lanes;
  const int64_t panels = (registers + kernels_.most_registers - 1) / kernels_.most_registers;
  for (int64_t p = 0; p < panels; p++) {
    const int64_t begin = registers * p / panels, end = registers * (p + 1) / panels;
    panels_.push_back({begin, static_cast<int>(end - begin)});
  }
  filters_.resize(kWinogradProducts * work_.in * registers * kernels_.lanes);
  bias_.resize(registers * kernels_.lanes);
  zeros_.resize(work_.padded_in);
}

void Winograd::prepare(const float* weight, const float* bias) {
  const int kernel = static_cast<int>(window_.kernel);
  const int64_t in = work_.in, pixels = kernel * kernel, lanes = kernels_.lanes;
  if (bias != nullptr) std::copy_n(bias, work_.out, bias_.begin());
  parallel_ranges(work_.out, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; o++) {
      const Panel& panel = *std::find_if(panels_.begin(), panels_.end(),
                                         [&](const Panel& p) { return o < (p.first + p.registers) * lanes; });
      const int64_t width = panel.registers * lanes;
      float* to = filters_.data() + panel.first * lanes * in * kWinogradProducts + o - panel.first * lanes;
      for (int64_t i = 0; i < in; i++) {
        double g[25], half[kWinogradTile * 5], whole[kWinogradProducts];
        for (int64_t p = 0; p < pixels; p++) g[p] = weight[(o * pixels + p) * in + i];
        for (int x = 0; x < kernel; x++) transform_filter(g + x, kernel, kernel, half + x, kernel);
        for (int y = 0; y < kWinogradTile; y++) {
          transform_filter(half + y * kernel, kernel, 1, whole + y * kWinogradTile, 1);
        }
        for (int p = 0; p < kWinogradProducts; p++) to[(p * in + i) * width] = static_cast<float>(whole[p]);
      }
    }
  });
}

Winograd::Cut Winograd::cut(int threads) const {
  const int64_t bytes = kWinogradProducts * (work_.padded_in + kernels_.most_registers * kernels_.lanes);
  const int64_t block = std::max<int64_t>(kCacheFloats / bytes, 12);
  const auto panels = static_cast<int64_t>(panels_.size());
  int64_t by_tiles = std::clamp<int64_t>(tiles() / block, 1, threads);
  const int64_t by_panels = std::min(panels, threads / by_tiles);
  by_tiles = std::max(by_tiles, std::min(threads / by_panels, tiles() / kFewestTiles));
  return {static_cast<int>(by_tiles), static_cast<int>(by_panels), block};
}

int64_t Winograd::thread_floats(int64_t block) const {
  return kWinogradProducts * block * (work_.padded_in + kernels_.most_registers * kernels_.lanes);
}

size_t Winograd::workspace() const {
  const int threads = omp_get_max_threads();
  return threads * thread_floats(std::min(cut(threads).block, tiles())) * sizeof(float);
}

void Winograd::run(const float* input, int64_t input_stride, float* output, int64_t output_stride,
                   std::byte* workspace) const {
  WinogradWork work = work_;
  work.input = input;
  work.input_stride = input_stride;
  work.output = output;
  work.output_stride = output_stride;
  work.filters = filters_.data();
  work.bias = bias_.data();
  work.zeros = zeros_.data();
  const Cut cut = this->cut(omp_get_max_threads());
  const int parts = cut.tiles * cut.panels;
#pragma omp parallel for schedule(static, 1)
  for (int part = 0; part < parts; part++) {
    const Share mine(tiles(), cut.tiles, part / cut.panels);
    const Share panels(static_cast<int64_t>(panels_.size()), cut.panels, part % cut.panels);
    const int64_t blocks = (mine.size() + cut.block - 1) / cut.block;
    float* v = reinterpret_cast<float*>(workspace) +
               omp_get_thread_num() * thread_floats(std::min(cut.block, tiles()));
    for (int64_t b = 0; b < blocks; b++) {
      const int64_t first = mine.begin + mine.size() * b / blocks;
      const int64_t count = mine.begin + mine.size() * (b + 1) / blocks - first;
      float* m = v + kWinogradProducts * count * work.padded_in;
      kernels_.input(work, first, count, v);
      for (int64_t p = panels.begin; p < panels.end; p++)
        kernels_.product(work, first, count, panels_[p], v, m);
    }
  }
}

}  // namespace googlenet::backends::cpu
