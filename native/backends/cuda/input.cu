// Images in staging memory (float32 or uint8, NCHW or NHWC) -> normalised NHWC activations.
#include "backends/cuda/kernels/rows.cuh"
#include "error.h"

namespace googlenet::backends::cuda {
namespace {

namespace step = graph::step;

// ---- kernel

/// `channel` and `pixel` are the distances from one channel and one pixel to the next.
template <int kLanes, class From, class T>
__device__ void convert(const From* image, int64_t channel, int64_t pixel, int64_t pixels, int column,
                        int64_t first_row, const Scalars& scalars, const Rows<T>& to) {
  constexpr bool kBytes = sizeof(From) == 1;
  for (int64_t p = static_cast<int64_t>(blockIdx.z) * blockDim.y + threadIdx.y; p < pixels;
       p += static_cast<int64_t>(gridDim.z) * blockDim.y) {
    float values[kLanes]{};
#pragma unroll
    for (int i = 0; i < kLanes; i++) {
      const int c = column + i;
      if (c >= to.channels) continue;
      const float value = static_cast<float>(image[c * channel + p * pixel]);
      values[i] = kBytes ? value * scalars.image_scale[c] + scalars.image_shift[c] : value;
    }
    store(to, first_row + p, column, values);
  }
}

/// Grid: x images, y columns, z runs of pixels. `reverse`: the channels of uint8 images come the other way.
template <int kLanes, class T>
__global__ __launch_bounds__(kBlockThreads) void convert_images(const void* images, const Scalars* scalars,
                                                                int64_t pixels, bool reverse, Rows<T> to) {
  const int column = thread_column<kLanes>();
  if (column >= to.channels) return;
  const int64_t n = blockIdx.x, image = n * pixels * to.channels;
  const int64_t channel = scalars->image_nhwc ? 1 : pixels, pixel = scalars->image_nhwc ? to.channels : 1;
  if (scalars->image_bytes) {
    const int64_t first = reverse ? (to.channels - 1) * channel : 0;
    convert<kLanes>(static_cast<const uint8_t*>(images) + image + first, reverse ? -channel : channel, pixel,
                    pixels, column, n * pixels, *scalars, to);
  } else {
    convert<kLanes>(static_cast<const float*>(images) + image, channel, pixel, pixels, column, n * pixels,
                    *scalars, to);
  }
}

// ---- operation

template <class T>
class Input : public Operation {
 public:
  Input(CudaBackend& backend, const step::Input& what) : backend_(backend), what_(what) {}

  void run(const Context& context) override {
    with_lanes<T>(packable(kPack<T>, {what_.output}), [&](auto lanes) {
      constexpr int kLanes = decltype(lanes)::value;
      const int64_t pixels = what_.shape.pixels();
      Grid grid = table_grid(pixels, divide_up(what_.shape.channels, kLanes));
      grid.blocks.z = grid.blocks.x;  // no more than kMostBlocks, a limit of the z axis with room to spare
      grid.blocks.x = static_cast<unsigned>(what_.batch);
      launch(convert_images<kLanes, T>, grid, backend_.stream(), backend_.images(), backend_.scalars(),
             pixels, what_.bgr, rows<T>(context, what_.output));
    });
  }

 private:
  CudaBackend& backend_;
  step::Input what_;
};

}  // namespace

Backend::Made CudaBackend::make(const step::Input& what) {
  if (what.shape.channels > kMostChannels) {
    throw Error("ERR_GOOGLENET_OPTION", "the cuda backend takes images of at most " +
                                            std::to_string(kMostChannels) + " channels, not " +
                                            std::to_string(what.shape.channels));
  }
  return make_for<Input>(*this, what);
}

}  // namespace googlenet::backends::cuda
