#include <algorithm>
#include <bit>
#include <cstring>

#include "backends/cuda/kernels/launch.h"
#include "backends/cuda/pictures/resize.h"

namespace googlenet::backends::cuda {
namespace {

using images::Filter;
using images::Span;

// ---- kernels: the sums of native/images/kernels.cpp

/// images::Filter on the card.
struct Axis {
  const Span* spans;
  const int16_t* weights;
  int taps;
};

constexpr int kHalf = 1 << (Filter::kBits - 1);

__device__ inline uint8_t to_byte(int sum) {
  return static_cast<uint8_t>(min(max(sum >> Filter::kBits, 0), 255));
}

/// Of a thread in a table_grid().
struct Cell {
  int column, row, stride;
};
__device__ inline Cell thread_cell() {
  return {static_cast<int>(blockIdx.y * blockDim.x + threadIdx.x),
          static_cast<int>(blockIdx.x * blockDim.y + threadIdx.y), static_cast<int>(gridDim.x * blockDim.y)};
}

/// A thread makes pixels of one column: `rows` rows of the picture become as many of `width` pixels.
template <int kChannels>
__global__ __launch_bounds__(kBlockThreads) void resize_across(const uint8_t* picture, int64_t pitch,
                                                               int rows, Axis axis, int width, uint8_t* out) {
  const Cell cell = thread_cell();
  if (cell.column >= width) return;
  const Span span = axis.spans[cell.column];
  const int16_t* const weights = axis.weights + static_cast<int64_t>(cell.column) * axis.taps;
  for (int row = cell.row; row < rows; row += cell.stride) {
    const uint8_t* pixel = picture + row * pitch + static_cast<int64_t>(span.first) * kChannels;
    int sums[kChannels];
#pragma unroll
    for (int c = 0; c < kChannels; c++) sums[c] = kHalf;
    for (int t = 0; t < span.count; t++, pixel += kChannels) {
#pragma unroll
      for (int c = 0; c < kChannels; c++) sums[c] += pixel[c] * weights[t];
    }
    uint8_t* const to = out + (static_cast<int64_t>(row) * width + cell.column) * kChannels;
#pragma unroll
    for (int c = 0; c < kChannels; c++) to[c] = to_byte(sums[c]);
  }
}

/// A thread makes bytes of one column; `first` is the picture's row that is the first of `rows`.
__global__ __launch_bounds__(kBlockThreads) void resize_down(const uint8_t* rows, int first, Axis axis,
                                                             int height, int row_bytes, uint8_t* out) {
  const Cell cell = thread_cell();
  if (cell.column >= row_bytes) return;
  for (int y = cell.row; y < height; y += cell.stride) {
    const Span span = axis.spans[y];
    const int16_t* const weights = axis.weights + static_cast<int64_t>(y) * axis.taps;
    const uint8_t* byte = rows + static_cast<int64_t>(span.first - first) * row_bytes + cell.column;
    int sum = kHalf;
    for (int t = 0; t < span.count; t++, byte += row_bytes) sum += *byte * weights[t];
    out[static_cast<int64_t>(y) * row_bytes + cell.column] = to_byte(sum);
  }
}

// ---- memory

/// Of memory that is to serve larger pictures too, so that it grows a few times at most.
size_t roomy(size_t bytes) {
  constexpr size_t kLeast = size_t{1} << 18;
  return std::bit_ceil(std::max(bytes, kLeast));
}

template <class T>
size_t bytes_of(const std::vector<T>& values) {
  return values.size() * sizeof(T);
}

/// Takes `bytes` from memory that is used up to `used`; the next begins at an address for any type.
size_t take(size_t& used, size_t bytes) {
  const size_t offset = used;
  used += static_cast<size_t>(round_up(static_cast<int64_t>(bytes), alignof(std::max_align_t)));
  return offset;
}

}  // namespace

void PictureResizer::plan(const images::Extent& extent, std::span<const images::Target> targets) {
  count_ = targets.size();
  jobs_.resize(std::max(jobs_.size(), count_));
  table_bytes_ = row_bytes_ = result_bytes_ = 0;
  for (size_t i = 0; i < count_; i++) {
    const images::Target& target = targets[i];
    const auto& [left, top, right, bottom] = target.box;
    Job& job = jobs_[i];
    job.target = target;
    job.across.build(target.interpolation, extent.width, left, right, target.width, target.flip);
    job.down.build(target.interpolation, extent.height, top, bottom, target.height, false);
    job.across_spans = take(table_bytes_, bytes_of(job.across.spans));
    job.across_weights = take(table_bytes_, bytes_of(job.across.weights));
    job.down_spans = take(table_bytes_, bytes_of(job.down.spans));
    job.down_weights = take(table_bytes_, bytes_of(job.down.weights));
    job.out = take(result_bytes_, job.bytes());
    const size_t rows = static_cast<size_t>(job.down.reach.count);
    row_bytes_ = std::max(row_bytes_, rows * target.width * target.channels);
  }
}

void PictureResizer::reserve() {
  const std::string purpose = "pictures that are resized";
  host_tables_.reserve(roomy(table_bytes_), purpose);
  tables_.reserve(roomy(table_bytes_), purpose);
  rows_.reserve(roomy(row_bytes_), purpose);
  results_.reserve(roomy(result_bytes_), purpose);
  host_results_.reserve(roomy(result_bytes_), purpose);
}

void PictureResizer::enqueue(const DevicePicture& picture, const Job& job) {
  const images::Target& target = job.target;
  const auto axis = [&](const Filter& filter, size_t spans, size_t weights) {
    return Axis{reinterpret_cast<const Span*>(tables_.get() + spans),
                reinterpret_cast<const int16_t*>(tables_.get() + weights), filter.taps};
  };
  const Axis across = axis(job.across, job.across_spans, job.across_weights);
  const Axis down = axis(job.down, job.down_spans, job.down_weights);
  const Span rows = job.down.reach;
  const uint8_t* const first = picture.pixels + rows.first * picture.pitch;
  const int row_bytes = target.width * target.channels;
  launch(target.channels == 1 ? resize_across<1> : resize_across<3>, table_grid(rows.count, target.width),
         stream_, first, picture.pitch, rows.count, across, target.width, rows_.get());
  launch(resize_down, table_grid(target.height, row_bytes), stream_, rows_.get(), rows.first, down,
         target.height, row_bytes, results_.get() + job.out);
}

void PictureResizer::run(const DevicePicture& picture, std::span<const images::Target> targets) {
  plan(picture.extent, targets);
  reserve();
  const std::span jobs(jobs_.data(), count_);
  for (const Job& job : jobs) {
    const auto put = [&](size_t offset, const auto& values) {
      std::memcpy(host_tables_.get() + offset, values.data(), bytes_of(values));
    };
    put(job.across_spans, job.across.spans);
    put(job.across_weights, job.across.weights);
    put(job.down_spans, job.down.spans);
    put(job.down_weights, job.down.weights);
  }
  GOOGLENET_CUDA(
      cudaMemcpyAsync(tables_.get(), host_tables_.get(), table_bytes_, cudaMemcpyHostToDevice, stream_));
  for (const Job& job : jobs) enqueue(picture, job);
  GOOGLENET_CUDA(
      cudaMemcpyAsync(host_results_.get(), results_.get(), result_bytes_, cudaMemcpyDeviceToHost, stream_));
  GOOGLENET_CUDA(cudaEventRecord(done_.get(), stream_));
  GOOGLENET_CUDA(cudaEventSynchronize(done_.get()));
  for (const Job& job : jobs) std::memcpy(job.target.out, host_results_.get() + job.out, job.bytes());
}

}  // namespace googlenet::backends::cuda
