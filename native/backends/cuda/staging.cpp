#include "backends/cuda/staging.h"

#include <algorithm>
#include <cstring>

#include "error.h"

namespace googlenet::backends::cuda {
namespace {

// While one part crosses the bus, the next is copied into page-locked memory.
constexpr size_t kPart = size_t{4} << 20;

}  // namespace

struct Staging::Slot {
  PinnedRoom<std::byte> images;
  PinnedRoom<int32_t> labels;
  PinnedPointer<Scalars> scalars = make_pinned<Scalars>(1, "scalars");
  PinnedPointer<DeviceMetrics> metrics = make_pinned<DeviceMetrics>(1, "metrics");
  PinnedRoom<std::byte> values;
  DeviceRoom<std::byte> device_images;
  DeviceRoom<int32_t> device_labels;
  Event arrived = make_event();  // the images are on the device
  Event taken = make_event();    // the run has taken all that came through this slot
  Event done = make_event();     // what it gives is back
};

Staging::Staging(cudaStream_t stream)
    : stream_(stream),
      copy_stream_(make_stream()),
      scalars_(make_device<Scalars>(1, "scalars")),
      metrics_(make_device<DeviceMetrics>(1, "metrics")) {
  for (auto& slot : slots_) slot = std::make_unique<Slot>();
}

Staging::~Staging() = default;

void Staging::reserve(const Delivery& delivery) {
  if (room(delivery) == reserved()) return;
  // What runs still reads the memory that goes now.
  GOOGLENET_CUDA(cudaStreamSynchronize(copy_stream_.get()));
  GOOGLENET_CUDA(cudaStreamSynchronize(stream_));
  const size_t images = delivery.image_bytes, labels = delivery.label_count;
  try {
    images_.reserve(images, "a batch of images");
    labels_.reserve(labels, "a batch of labels");
    for (auto& slot : slots_) {
      if (!delivery.ahead()) break;
      slot->device_images.reserve(images, "the next batch of images");
      slot->device_labels.reserve(labels, "the next batch of labels");
    }
  } catch (const Error&) {
    images_.clear();
    labels_.clear();
    for (auto& slot : slots_) {
      slot->device_images.clear();
      slot->device_labels.clear();
    }
    throw;
  }
}

int64_t Staging::room(const Delivery& delivery) const {
  size_t bytes = images_.bytes(delivery.image_bytes) + labels_.bytes(delivery.label_count);
  const size_t ahead_images = delivery.ahead() ? delivery.image_bytes : 0;
  const size_t ahead_labels = delivery.ahead() ? delivery.label_count : 0;
  for (const auto& slot : slots_) {
    bytes += slot->device_images.bytes(ahead_images) + slot->device_labels.bytes(ahead_labels);
  }
  return static_cast<int64_t>(bytes);
}

int64_t Staging::reserved() const {
  return room({});
}

Staging::Slot& Staging::turn() {
  Slot& slot = *slots_[next_];
  while (std::ranges::find(collected_, &slot, &Collected::slot) != collected_.end()) finish();
  GOOGLENET_CUDA(cudaEventSynchronize(slot.taken.get()));
  return slot;
}

void Staging::sent(Slot& slot) {
  GOOGLENET_CUDA(cudaEventRecord(slot.taken.get(), stream_));
  latest_ = &slot;
  next_ = (next_ + 1) % kSlots;
}

void Staging::send(const Delivery& delivery, Slot& slot, std::byte* images, int32_t* labels,
                   cudaStream_t stream) {
  const auto* from = static_cast<const std::byte*>(delivery.images);
  if (delivery.page_locked) {
    GOOGLENET_CUDA(cudaMemcpyAsync(images, from, delivery.image_bytes, cudaMemcpyHostToDevice, stream));
  } else {
    slot.images.reserve(delivery.image_bytes, "a batch of images");
    for (size_t at = 0; at < delivery.image_bytes; at += kPart) {
      const size_t bytes = std::min(kPart, delivery.image_bytes - at);
      std::memcpy(slot.images.get() + at, from + at, bytes);
      GOOGLENET_CUDA(
          cudaMemcpyAsync(images + at, slot.images.get() + at, bytes, cudaMemcpyHostToDevice, stream));
    }
  }
  if (delivery.label_count == 0) return;
  slot.labels.reserve(delivery.label_count, "a batch of labels");
  const size_t bytes = delivery.label_count * sizeof(int32_t);
  std::memcpy(slot.labels.get(), delivery.labels, bytes);
  GOOGLENET_CUDA(cudaMemcpyAsync(labels, slot.labels.get(), bytes, cudaMemcpyHostToDevice, stream));
}

void Staging::send(const Delivery& delivery) {
  Slot& slot = turn();
  send(delivery, slot, images_.get(), labels_.get(), stream_);
  slot.scalars[0] = delivery.scalars;
  GOOGLENET_CUDA(
      cudaMemcpyAsync(scalars_.get(), slot.scalars.get(), sizeof(Scalars), cudaMemcpyHostToDevice, stream_));
  sent(slot);
}

void Staging::send_ahead(const Delivery& delivery) {
  Slot& slot = turn();
  send(delivery, slot, slot.device_images.get(), slot.device_labels.get(), copy_stream_.get());
  slot.scalars[0] = delivery.scalars;
  GOOGLENET_CUDA(cudaEventRecord(slot.arrived.get(), copy_stream_.get()));

  GOOGLENET_CUDA(cudaStreamWaitEvent(stream_, slot.arrived.get(), 0));
  GOOGLENET_CUDA(cudaMemcpyAsync(images_.get(), slot.device_images.get(), delivery.image_bytes,
                                 cudaMemcpyDeviceToDevice, stream_));
  if (delivery.label_count > 0) {
    GOOGLENET_CUDA(cudaMemcpyAsync(labels_.get(), slot.device_labels.get(),
                                   delivery.label_count * sizeof(int32_t), cudaMemcpyDeviceToDevice,
                                   stream_));
  }
  GOOGLENET_CUDA(
      cudaMemcpyAsync(scalars_.get(), slot.scalars.get(), sizeof(Scalars), cudaMemcpyHostToDevice, stream_));
  sent(slot);
}

void Staging::collect(std::function<void()> take) {
  GOOGLENET_CUDA(cudaEventRecord(latest_->done.get(), stream_));
  collected_.push_back({latest_, std::move(take)});
}

void Staging::collect(Metrics* metrics) {
  DeviceMetrics* found = latest_->metrics.get();
  GOOGLENET_CUDA(
      cudaMemcpyAsync(found, metrics_.get(), sizeof(DeviceMetrics), cudaMemcpyDeviceToHost, stream_));
  collect([=] {
    std::copy(found->loss, found->loss + Metrics::kHeads, metrics->loss);
    metrics->top1 = found->top1;
    metrics->top5 = found->top5;
  });
}

void Staging::collect(const std::vector<Piece>& pieces) {
  size_t bytes = 0;
  for (const Piece& piece : pieces) bytes += piece.row_bytes * piece.rows;
  latest_->values.reserve(bytes, "what is read back");
  std::vector<std::function<void()>> takes;
  std::byte* to = latest_->values.get();
  for (const Piece& piece : pieces) {
    GOOGLENET_CUDA(cudaMemcpy2DAsync(to, piece.row_bytes, piece.from, piece.stride_bytes, piece.row_bytes,
                                     piece.rows, cudaMemcpyDeviceToHost, stream_));
    takes.push_back([take = piece.take, to] { take(to); });
    to += piece.row_bytes * piece.rows;
  }
  collect([takes = std::move(takes)] {
    for (const auto& take : takes) take();
  });
}

void Staging::finish() {
  if (collected_.empty()) return;
  const Collected oldest = std::move(collected_.front());
  collected_.pop_front();
  GOOGLENET_CUDA(cudaEventSynchronize(oldest.slot->done.get()));
  oldest.take();
}

void Staging::finish_all() {
  while (!collected_.empty()) finish();
}

}  // namespace googlenet::backends::cuda
