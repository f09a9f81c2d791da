// Images as the caller has them (float32 or uint8, NCHW or NHWC) -> normalised NHWC activations.
#include <array>
#include <vector>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

namespace step = graph::step;

/// A row of pixels; `pixel` and `plane` are the distances from one pixel and one channel to the next.
template <class From, class T>
GOOGLENET_SIMD void convert(const From* __restrict from, int64_t pixels, int64_t channels, int64_t pixel,
                            int64_t plane, const float* __restrict scale, const float* __restrict shift,
                            T* __restrict to) {
  for (int64_t x = 0; x < pixels; x++) {
    for (int64_t c = 0; c < channels; c++) {
      store(to + x * channels + c, static_cast<float>(from[x * pixel + c * plane]) * scale[c] + shift[c]);
    }
  }
}

template <class T>
class Input : public Operation {
 public:
  explicit Input(const step::Input& what) : what_(what) {}

  void run(const Context& context) override {
    if (context.images.bytes) return convert_all(context, static_cast<const uint8_t*>(context.images.data));
    convert_all(context, static_cast<const float*>(context.images.data));
  }

 private:
  template <class From>
  void convert_all(const Context& context, const From* from) {
    const graph::Shape& shape = what_.shape;
    std::vector<float> scale(shape.channels, 1.0f), shift(shape.channels, 0.0f);
    if (context.images.bytes) {
      for (int64_t c = 0; c < shape.channels; c++) {
        scale[c] = 1.0f / (255.0f * context.std[c]);
        shift[c] = -context.mean[c] / context.std[c];
      }
    }
    const bool nhwc = context.images.nhwc;
    const int64_t pixel = nhwc ? shape.channels : 1;
    int64_t plane = nhwc ? 1 : shape.pixels();
    if (what_.bgr && context.images.bytes) {
      from += (shape.channels - 1) * plane;
      plane = -plane;
    }
    T* to = pointer<T>(context, what_.output);
    parallel_ranges(what_.batch * shape.height, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        const int64_t n = row / shape.height, y = row % shape.height;
        convert(from + n * shape.count() + y * shape.width * pixel, shape.width, shape.channels, pixel, plane,
                scale.data(), shift.data(), to + row * shape.width * shape.channels);
      }
    });
  }

  step::Input what_;
};

}  // namespace

Backend::Made CpuBackend::make(const step::Input& what) {
  return make_for<Input>(precision_, what);
}

}  // namespace googlenet::backends::cpu
