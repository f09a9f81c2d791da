#include "images/pool.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

namespace googlenet::images {

/// The counts are under the pool's mutex; each picture's slot belongs to the thread that decodes it.
class Pool::Batch {
 public:
  Batch(std::vector<Request> requests, const Transform& transform, size_t picture_bytes,
        BufferPool::Buffer pixels)
      : requests_(std::move(requests)),
        transform_(transform),
        reasons_(requests_.size()),
        picture_bytes_(picture_bytes),
        pixels_(std::move(pixels)) {}

  /// What became of one picture, besides a reason in its slot.
  struct Outcome {
    bool on_device = false;
    std::exception_ptr failure;  // not of the picture but of what decodes
  };
  Outcome decode(Decoder& decoder, size_t position) {
    const auto& [source, index] = requests_[position];
    try {
      return {decoder.decode(source, transform_, index, pixels_.get() + position * picture_bytes_), {}};
    } catch (const std::bad_alloc&) {
      reasons_[position] = "needs more memory than there is";
    } catch (const Error& error) {
      if (error.code() != kUnreadable) return {false, std::current_exception()};
      reasons_[position] = error.what();
    } catch (const std::exception& error) {
      reasons_[position] = error.what();
    }
    return {};
  }

  bool all_begun() const { return begun == requests_.size(); }
  bool none_under_way() const { return ended == begun; }

  /// Closes the gaps that failures left.
  DecodedBatch take() {
    DecodedBatch result{std::move(pixels_), picture_bytes_, {}, {}, on_device};
    for (size_t i = 0; i < requests_.size(); i++) {
      const auto position = static_cast<int32_t>(i);
      if (!reasons_[i].empty()) {
        result.failures.push_back({position, std::move(reasons_[i])});
        continue;
      }
      uint8_t* place = result.pixels.get() + result.positions.size() * picture_bytes_;
      const uint8_t* pixels = result.pixels.get() + i * picture_bytes_;
      if (place != pixels) std::memcpy(place, pixels, picture_bytes_);
      result.positions.push_back(position);
    }
    return result;
  }

  size_t begun = 0;
  size_t ended = 0;
  size_t on_device = 0;
  std::exception_ptr failure;  // the first

 private:
  std::vector<Request> requests_;
  Transform transform_;
  std::vector<std::string> reasons_;  // empty: decoded
  size_t picture_bytes_;
  BufferPool::Buffer pixels_;
};

Pool::Pool(int threads, const DecoderOptions& options) : channels_(options.channels) {
  try {
    for (int i = 0; i < threads; i++) {
      threads_.emplace_back([this, decoder = std::make_unique<Decoder>(options)] { work(*decoder); });
    }
  } catch (...) {
    stop();
    join();
    throw;
  }
}

Pool::~Pool() {
  stop();
  join();
}

std::shared_ptr<Pool::Batch> Pool::submit(std::vector<Request> requests, const Transform& transform) {
  const auto size = static_cast<size_t>(output_size(transform));
  const size_t picture_bytes =
      size * size * static_cast<size_t>(channels_) * static_cast<size_t>(output_count(transform));
  BufferPool::Buffer pixels = buffers_->take(requests.size() * picture_bytes);
  auto batch = std::make_shared<Batch>(std::move(requests), transform, picture_bytes, std::move(pixels));
  if (batch->all_begun()) return batch;  // no pictures
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(batch);
  }
  changed_.notify_all();
  return batch;
}

DecodedBatch Pool::wait(Batch& batch) {
  std::unique_lock lock(mutex_);
  finished_.wait(lock, [&] { return batch.none_under_way() && (batch.all_begun() || stopped_); });
  if (!batch.all_begun())
    throw Error("ERR_GOOGLENET_DISPOSED", "the loader has been disposed of; create another");
  lock.unlock();
  if (batch.failure) std::rethrow_exception(batch.failure);
  return batch.take();
}

void Pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    queue_.clear();
  }
  changed_.notify_all();
  finished_.notify_all();
}

void Pool::join() {
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

std::pair<std::shared_ptr<Pool::Batch>, size_t> Pool::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopped_ || !queue_.empty(); });
  if (stopped_) return {};
  std::shared_ptr<Batch> batch = queue_.front();
  const size_t position = batch->begun++;
  if (batch->all_begun()) queue_.pop_front();
  return {std::move(batch), position};
}

void Pool::work(Decoder& decoder) {
  for (;;) {
    const auto [batch, position] = next();
    if (!batch) return;
    const Batch::Outcome outcome = batch->decode(decoder, position);
    {
      const std::lock_guard lock(mutex_);
      batch->ended++;
      if (outcome.on_device) batch->on_device++;
      if (!batch->failure) batch->failure = outcome.failure;
      if (!batch->none_under_way()) continue;
    }
    finished_.notify_all();
  }
}

}  // namespace googlenet::images
