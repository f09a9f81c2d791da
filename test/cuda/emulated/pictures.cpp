#include <stdexcept>
#include <vector>

#include "backends/cuda/pictures/resize.h"
#include "checks.h"
#include "random.h"

namespace googlenet::images {

// The portable loops on every processor: test/images/native/kernels.cpp compares the others with them.
extern const Kernels kAvx2Kernels = kPortableKernels;
extern const Kernels kAvx512Kernels = kPortableKernels;

}  // namespace googlenet::images

namespace emulated {
namespace {

using images::Extent;
using images::Interpolation;
using images::Target;

/// Bytes with edges: runs of the ends of the range, and noise.
std::vector<uint8_t> random_picture(Scene& scene, size_t bytes) {
  const auto key = static_cast<uint64_t>(scene.integer(0, INT64_MAX));
  std::vector<uint8_t> pixels(bytes);
  for (size_t i = 0; i < bytes; i++) {
    const uint64_t bits = mix(key, i / 7 % 3 == 0 ? i / 21 : i);
    pixels[i] = bits % 5 == 0 ? 0 : bits % 5 == 1 ? 255 : static_cast<uint8_t>(bits >> 8);
  }
  return pixels;
}

Target random_target(Scene& scene, Extent extent, int channels) {
  const auto range = [&](int side) {
    const double length = scene.coin() ? side : scene.real(1, side);
    const double low = scene.real(0, side - length);
    return std::pair(low, std::min(low + length, static_cast<double>(side)));
  };
  const auto [left, right] = range(extent.width);
  const auto [top, bottom] = range(extent.height);
  return {.box = {left, top, right, bottom},
          .flip = scene.coin(),
          .interpolation = static_cast<Interpolation>(scene.integer(0, 3)),
          .width = static_cast<int>(scene.integer(1, 70)),
          .height = static_cast<int>(scene.integer(1, 70)),
          .channels = channels,
          .out = nullptr};
}

/// By the CPU, of the same pixels.
void resize(const std::vector<uint8_t>& pixels, Extent extent, const Target& target) {
  images::Resizer resizer;
  resizer.set(target);
  resizer.begin(extent, 1);
  const int stored = target.channels, pixel = images::pixel_bytes(stored);
  const images::Span columns = resizer.columns(), rows = resizer.rows();
  std::vector<uint8_t> row(static_cast<size_t>(columns.count) * pixel + images::kRowPadding);
  for (int y = rows.first; y < rows.end(); y++) {
    for (int x = 0; x < columns.count; x++) {
      const size_t at = (static_cast<size_t>(y) * extent.width + columns.first + x) * stored;
      std::copy_n(pixels.data() + at, stored, row.data() + static_cast<size_t>(x) * pixel);
    }
    resizer.push(row.data());
  }
}

std::string text(const Target& target, Extent extent) {
  const auto& [left, top, right, bottom] = target.box;
  std::string described = std::to_string(extent.width) + " x " + std::to_string(extent.height) + ", box";
  for (const double side : {left, top, right, bottom}) described += " " + std::to_string(side);
  return described + " to " + std::to_string(target.width) + " x " + std::to_string(target.height) + " of " +
         std::to_string(target.channels) + " channels, interpolation " +
         std::to_string(static_cast<int>(target.interpolation));
}

}  // namespace

void check_pictures(Scene& scene) {
  constexpr uint8_t kCanary = 0xA5;
  const int channels = scene.coin() ? 3 : 1;
  const Extent extent{static_cast<int>(scene.integer(1, 150)), static_cast<int>(scene.integer(1, 150))};
  const auto pixels = random_picture(scene, static_cast<size_t>(extent.width) * extent.height * channels);
  // The rows on the card may be longer, and end where the picture ends.
  const int64_t row = static_cast<int64_t>(extent.width) * channels, pitch = row + scene.integer(0, 9);
  std::vector<uint8_t> pitched((extent.height - 1) * pitch + row, kCanary);
  for (int y = 0; y < extent.height; y++) {
    std::copy_n(pixels.data() + y * row, row, pitched.data() + y * pitch);
  }
  backends::cuda::PictureResizer resizer(nullptr);
  // Its memory is used again: another picture's targets come after these.
  for (int round = 0; round < 2; round++) {
    std::vector<Target> targets;
    std::vector<std::vector<uint8_t>> wanted, found;
    for (int64_t i = scene.integer(1, 3); i > 0; i--) {
      targets.push_back(random_target(scene, extent, channels));
      const Target& target = targets.back();
      wanted.emplace_back(static_cast<size_t>(target.width) * target.height * channels, kCanary);
      // The CPU writes whole vectors beyond an inner row, never beyond the last.
      Target on_cpu = target;
      on_cpu.out = wanted.back().data();
      resize(pixels, extent, on_cpu);
    }
    for (const Order each : {Order::Forward, Order::Backward}) {
      order = each;
      found.clear();
      for (const auto& bytes : wanted) found.emplace_back(bytes.size(), kCanary);
      for (size_t i = 0; i < targets.size(); i++) targets[i].out = found[i].data();
      resizer.run({pitched.data(), pitch, extent}, targets);
      for (size_t i = 0; i < targets.size(); i++) {
        if (found[i] != wanted[i]) throw std::runtime_error("differs: " + text(targets[i], extent));
      }
    }
  }
}

}  // namespace emulated
