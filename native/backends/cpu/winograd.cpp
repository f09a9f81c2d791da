#include "backends/cpu/winograd.h"

#include <algorithm>
#include <array>

#include "backends/cpu/elements.h"
#include "backends/cpu/onednn.h"

namespace googlenet::backends::cpu {
namespace {

constexpr int64_t kCacheFloats = 160 * 1024;  // of V and M together: what a second-level cache of 1 MiB holds
constexpr int64_t kFewestForThread = 4;       // tiles worth a thread of their own
// With fewer, reading the transformed weights, four times as many, takes longer than multiplying. Measured.
constexpr int64_t kFewestTiles = 8;
constexpr int64_t kFewestTilesOften = 64;  // and transforming them too

WinogradKernels kernels_for(int64_t window) {
  return has_avx512() ? winograd_avx512(window) : winograd_avx2(window);
}

int64_t rounded_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

/// Pixels of output along a tile's side.
int64_t outputs_of(const graph::Window& window) {
  return kWinogradTile + 1 - window.kernel;
}

int64_t tiles_along(int64_t pixels, int64_t outputs) {
  return (pixels + outputs - 1) / outputs;
}

/// G: what each weight of a row of the window adds to each of the six products.
template <int kWindow>
constexpr std::array<std::array<double, kWindow>, kWinogradTile> filter_matrix() {
  constexpr double points[] = {0, 0.7, -0.7, 1.5, -1.5};
  std::array<std::array<double, kWindow>, kWinogradTile> g{};
  for (int p = 0; p < 5; p++) {
    double power = 1;
    for (int q = 0; q < 5; q++) power /= q == p ? 1 : points[p] - points[q];
    for (int i = 0; i < kWindow; i++, power *= points[p]) g[p][i] = power;
  }
  g[5][kWindow - 1] = 1;
  return g;
}

/// G w G^T for a register's run of output channels and one input channel; `to` is product_stride floats from
/// one product to the next. Channels behind the last have no weights.
template <int kWindow>
GOOGLENET_SIMD void transform_filters(const float* weight, int64_t channels, int64_t channel_stride,
                                      int64_t pixel_stride, int lanes, float* to, int64_t product_stride) {
  constexpr auto matrix = filter_matrix<kWindow>();
  double w[kWindow * kWindow][kWinogradLanes] = {}, half[kWinogradTile * kWindow][kWinogradLanes] = {};
  for (int64_t o = 0; o < channels; o++) {
    for (int p = 0; p < kWindow * kWindow; p++) w[p][o] = weight[o * channel_stride + p * pixel_stride];
  }
  for (int y = 0; y < kWinogradTile; y++) {
    for (int i = 0; i < kWindow; i++) {
      for (int x = 0; x < kWindow; x++) {
        for (int o = 0; o < kWinogradLanes; o++)
          half[y * kWindow + x][o] += matrix[y][i] * w[i * kWindow + x][o];
      }
    }
  }
  for (int y = 0; y < kWinogradTile; y++) {
    for (int x = 0; x < kWinogradTile; x++) {
      double sum[kWinogradLanes] = {};
      for (int i = 0; i < kWindow; i++) {
        for (int o = 0; o < kWinogradLanes; o++) sum[o] += matrix[x][i] * half[y * kWindow + i][o];
      }
      float* product = to + (y * kWinogradTile + x) * product_stride;
      for (int o = 0; o < lanes; o++) product[o] = static_cast<float>(sum[o]);
    }
  }
}

}  // namespace

bool Winograd::suits(const graph::Window& w, bool often) {
  if (w.stride != 1 || (w.kernel != 3 && w.kernel != 5) || w.padding >= w.kernel) return false;
  const int64_t outputs = outputs_of(w);
  const int64_t tiles = w.batch * tiles_along(w.out.height, outputs) * tiles_along(w.out.width, outputs);
  return tiles >= (often ? kFewestTilesOften : kFewestTiles) && w.in.channels >= 16 && w.out.channels >= 16;
}

Winograd::Winograd(const graph::Window& window, bool relu)
    : window_(window), kernels_(kernels_for(window.kernel)) {
  const int64_t outputs = outputs_of(window);
  work_ = {.height = window.in.height,
           .width = window.in.width,
           .padding = window.padding,
           .out_height = window.out.height,
           .out_width = window.out.width,
           .in = window.in.channels,
           .padded_in = rounded_up(window.in.channels, kWinogradLanes),
           .out = window.out.channels,
           .tiles_x = tiles_along(window.out.width, outputs),
           .tiles_y = tiles_along(window.out.height, outputs),
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
  const int64_t in = work_.in, pixels = window_.kernel * window_.kernel, lanes = kernels_.lanes;
  if (bias != nullptr) std::copy_n(bias, work_.out, bias_.begin());
  const auto transform = window_.kernel == 3 ? transform_filters<3> : transform_filters<5>;
  for (const Panel& panel : panels_) {
    const int64_t width = panel.registers * lanes;
    float* filters = filters_.data() + panel.first * lanes * in * kWinogradProducts;
    parallel_ranges(in, [&](int64_t begin, int64_t end) {
      for (int64_t first = 0; first < width; first += lanes) {
        const int64_t o = panel.first * lanes + first, channels = std::min(lanes, work_.out - o);
        for (int64_t i = begin; i < end; i++) {
          transform(weight + o * pixels * in + i, channels, pixels * in, in, static_cast<int>(lanes),
                    filters + i * width + first, in * width);
        }
      }
    });
  }
}

Winograd::Cut Winograd::cut(int threads) const {
  const int64_t bytes = kWinogradProducts * (work_.padded_in + kernels_.most_registers * kernels_.lanes);
  const int64_t block = std::max<int64_t>(kCacheFloats / bytes, 12);
  const auto panels = static_cast<int64_t>(panels_.size());
  int64_t by_tiles = std::clamp<int64_t>(tiles() / block, 1, threads);
  const int64_t by_panels = std::min(panels, threads / by_tiles);
  by_tiles = std::max(by_tiles, std::min(threads / by_panels, tiles() / kFewestForThread));
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
