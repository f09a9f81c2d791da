// Crops of a picture on the card, resized and mirrored with the weights of native/images, to the same bytes.
#pragma once
#include <span>

#include "backends/cuda/staging.h"
#include "images/resizer.h"

namespace googlenet::backends::cuda {

/// A decoded picture on the card: rows of 3 (RGB) or 1 bytes a pixel.
struct DevicePicture {
  const uint8_t* pixels;
  int64_t pitch;  // bytes from row to row
  images::Extent extent;
};

/// What a thread keeps for it: memory that grows with the largest picture.
class PictureResizer {
 public:
  /// `stream` is the caller's and outlives this.
  explicit PictureResizer(cudaStream_t stream) : stream_(stream) {}

  /// Fills the targets, all of the same channels; their memory is the host's. Returns when it is done.
  void run(const DevicePicture& picture, std::span<const images::Target> targets);

 private:
  /// Of a target, and where in memory its tables and its bytes are.
  struct Job {
    images::Target target;
    images::Filter across, down;
    size_t across_spans, across_weights, down_spans, down_weights;  // offsets in the tables
    size_t out;                                                     // offset in the results
    size_t bytes() const { return static_cast<size_t>(target.width) * target.height * target.channels; }
  };

  void plan(const images::Extent& extent, std::span<const images::Target> targets);
  void reserve();
  void enqueue(const DevicePicture& picture, const Job& job);

  cudaStream_t stream_;
  Event done_ = make_patient_event();  // there may be more threads than cores
  std::vector<Job> jobs_;              // the first `count_` are of the picture under way
  size_t count_ = 0;
  size_t table_bytes_ = 0, row_bytes_ = 0, result_bytes_ = 0;
  PinnedRoom<std::byte> host_tables_;
  DeviceRoom<std::byte> tables_;
  DeviceRoom<uint8_t> rows_;  // resized across, not yet down
  DeviceRoom<uint8_t> results_;
  PinnedRoom<uint8_t> host_results_;
};

}  // namespace googlenet::backends::cuda
