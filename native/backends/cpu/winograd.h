// Convolutions of 3x3 and 5x5 at stride 1 by Winograd's minimal filtering, in fp32: 6x6 pixels of input give
// 4x4 (or 2x2) of output with 36 products a channel pair in place of 144 (or 100). Sources: Lavin and Gray,
// arXiv 1509.09308; the points of interpolation, 0, ±0.7, ±1.5 and infinity, were chosen by the error, which
// is that of a direct convolution summed in fp32 (with the usual ±1, ±2 it is 2.4 times that).
//
// A thread takes a block of tiles through all three stages, so that what lies between them stays in its
// caches: input -> V [36][tiles][in], for each panel of output channels V * U -> M [36][tiles][panel], M ->
// output.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "graph/plan.h"

namespace googlenet::backends::cpu {

/// A run of output channels that the product's registers hold at once.
struct Panel {
  int64_t first = 0;  // register of channels
  int registers = 0;  // 1 to kMostRegisters
};

/// What the kernels need to know; the pointers are set for a run.
struct WinogradWork {
  int64_t height, width, padding, out_height, out_width;
  int64_t in, padded_in, out;           // channels; padded_in is a multiple of kWinogradLanes
  int64_t tiles_x, tiles_y;             // tiles of an image
  int64_t input_stride, output_stride;  // floats from one pixel to the next
  bool relu;
  const float* input = nullptr;
  float* output = nullptr;
  const float* filters = nullptr;  // U, panel by panel: [36][in][registers * lanes]
  const float* bias = nullptr;     // padded to the panels
  const float* zeros = nullptr;    // `in` floats, for pixels outside
};

constexpr int64_t kWinogradLanes = 16;
constexpr int kWinogradTile = 6, kWinogradProducts = kWinogradTile * kWinogradTile;

/// The kernels for one instruction set.
struct WinogradKernels {
  int lanes, most_registers;
  /// Tiles [first, first + count) -> V.
  void (*input)(const WinogradWork&, int64_t first, int64_t count, float* v);
  /// V * U -> M -> output, for one panel.
  void (*product)(const WinogradWork&, int64_t first, int64_t count, const Panel&, const float* v, float* m);
};
/// For windows of 3 or 5.
WinogradKernels winograd_avx2(int64_t window);
WinogradKernels winograd_avx512(int64_t window);

class Winograd {
 public:
  /// Whether this convolution is faster so than directly, with weights that change `often` (in every step) or
  /// seldom.
  static bool suits(const graph::Window& window, bool often);

  explicit Winograd(const graph::Window& window, bool relu);

  /// weight [out][kernel][kernel][in]; bias may be null. Transforms and keeps them.
  void prepare(const float* weight, const float* bias);
  /// `workspace` as workspace() bytes; strides in floats.
  void run(const float* input, int64_t input_stride, float* output, int64_t output_stride,
           std::byte* workspace) const;
  size_t workspace() const;
  size_t prepared() const { return (filters_.size() + bias_.size()) * sizeof(float); }

 private:
  /// How a run is cut up among the threads: tiles first, then panels of output channels.
  struct Cut {
    int tiles, panels;
    int64_t block;  // tiles that a thread takes at once
  };
  Cut cut(int threads) const;
  int64_t tiles() const { return window_.batch * work_.tiles_x * work_.tiles_y; }
  int64_t thread_floats(int64_t block) const;

  graph::Window window_;
  WinogradKernels kernels_;
  WinogradWork work_;
  std::vector<Panel> panels_;
  std::vector<float> filters_, bias_, zeros_;
};

}  // namespace googlenet::backends::cpu
