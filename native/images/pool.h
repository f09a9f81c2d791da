// The loader's threads: batches of pictures are decoded in the order in which they were asked for, and a
// thread that finds no picture of the first batch left goes on with the next.
#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "images/buffers.h"
#include "images/decoder.h"

namespace googlenet::images {

struct Request {
  Source source;
  /// The sample's number in its data set.
  uint64_t index;
};

struct BatchFailure {
  int32_t position;
  std::string reason;
};

/// What became of the pictures of one call.
struct DecodedBatch {
  /// What positions.size() pictures became, in the order asked for; their places in the request are
  /// `positions`.
  BufferPool::Buffer pixels;
  /// Of all that one picture became: output_count() x size x size x channels.
  size_t picture_bytes;
  std::vector<int32_t> positions;
  /// By position.
  std::vector<BatchFailure> failures;
  /// Pictures of `positions` that the device decoded.
  size_t on_device;
};

class Pool {
 public:
  class Batch;

  /// Throws std::system_error when there are no threads to be had.
  Pool(int threads, const DecoderOptions& options);
  /// As stop() and join().
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// Queues pictures. Throws std::bad_alloc when the batch does not fit into memory.
  std::shared_ptr<Batch> submit(std::vector<Request> requests, const Transform& transform);
  /// Waits for a batch, once. Throws ERR_GOOGLENET_DISPOSED when stop() came before its last picture began;
  /// none of its pictures is being decoded any more then. Throws ERR_GOOGLENET_DEVICE when the device failed.
  DecodedBatch wait(Batch& batch);
  /// The pictures under way are finished, no other is begun.
  void stop();
  void join();

 private:
  void work(Decoder& decoder);
  /// The next picture's batch and its position there; no batch when the thread is to end.
  std::pair<std::shared_ptr<Batch>, size_t> next();

  const int channels_;
  const std::shared_ptr<BufferPool> buffers_ = std::make_shared<BufferPool>();
  std::mutex mutex_;
  std::condition_variable changed_;           // a batch came, or the end
  std::condition_variable finished_;          // a batch is finished, or abandoned
  std::deque<std::shared_ptr<Batch>> queue_;  // under the mutex: batches with pictures that were not begun
  bool stopped_ = false;                      // under the mutex
  std::vector<std::thread> threads_;
};

}  // namespace googlenet::images
