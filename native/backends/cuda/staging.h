// The way of a batch to the device, and of what it gives back. Two slots of page-locked memory take turns, so
// that a batch travels on a stream of its own while the run before it goes on, and what it gives is read by
// the event that follows it: nobody waits for the whole stream.
#pragma once
#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <vector>

#include "backends/backend.h"
#include "backends/cuda/runtime.h"
#include "backends/cuda/scalars.h"

namespace googlenet::backends::cuda {

// Below this the one more copy on the device, and its event, take longer than what they hide.
constexpr size_t kSentAhead = size_t{1} << 20;

/// What a run of a program needs from the host.
struct Delivery {
  const void* images = nullptr;
  size_t image_bytes = 0;
  bool page_locked = false;         // the images: they stay as they are until the run is finished
  const int32_t* labels = nullptr;  // null: none
  int64_t label_count = 0;
  Scalars scalars{};

  /// Whether it comes by send_ahead(): a step's does.
  bool ahead() const { return label_count > 0 || image_bytes >= kSentAhead; }
};

/// Memory that grows when more is wanted, and loses what it held.
template <class Pointer, Pointer (*make)(size_t count, const std::string& purpose)>
class Room {
 public:
  void reserve(size_t count, const std::string& purpose) {
    if (count <= count_) return;
    clear();
    memory_ = make(count, purpose);
    count_ = count;
  }
  void clear() {
    memory_.reset();
    count_ = 0;
  }
  auto* get() const { return memory_.get(); }
  /// Bytes, with room for so many.
  size_t bytes(size_t count = 0) const { return std::max(count_, count) * sizeof(memory_[0]); }

 private:
  Pointer memory_;
  size_t count_ = 0;
};
template <class T>
using DeviceRoom = Room<DevicePointer<T>, make_device<T>>;
template <class T>
using PinnedRoom = Room<PinnedPointer<T>, make_pinned<T>>;

class Staging {
 public:
  /// Runs that may be under way at once.
  static constexpr int kSlots = 2;

  /// `stream` runs the operations that read what arrives here.
  explicit Staging(cudaStream_t stream);
  ~Staging();

  /// On the device, where the operations of a run find them. They move when a larger batch comes, that is in
  /// reserve().
  void* images() const { return images_.get(); }
  int32_t* labels() const { return labels_.get(); }
  const Scalars* scalars() const { return scalars_.get(); }
  DeviceMetrics* metrics() const { return metrics_.get(); }

  /// Makes room on the device for deliveries like this one, before it is sent; all of it or, when it throws,
  /// none.
  void reserve(const Delivery& delivery);
  /// Bytes that are taken after that, and so far.
  int64_t room(const Delivery& delivery) const;
  int64_t reserved() const;
  /// Straight to where the operations read it: the least delay.
  void send(const Delivery& delivery);
  /// Images and labels on the copy stream, beside the run before: the most a second.
  void send_ahead(const Delivery& delivery);

  /// After the run that was sent last has been enqueued: its metrics will be put there by finish().
  void collect(Metrics* metrics);
  /// Rows on the device, of which finish() gives a dense copy to `take`.
  struct Piece {
    const std::byte* from;
    size_t row_bytes, stride_bytes;
    int64_t rows;
    std::function<void(const std::byte* values)> take;
  };
  /// The same with what the run has computed.
  void collect(const std::vector<Piece>& pieces);
  /// Waits for the oldest run that was collected and not yet finished.
  void finish();
  void finish_all();

 private:
  struct Slot;
  struct Collected {
    Slot* slot;
    std::function<void()> take;
  };
  /// The slot whose turn it is, free: finishes the runs up to the one that still has it. After a run that
  /// failed it may be the slot of the run before.
  Slot& turn();
  /// All that came through the slot has been enqueued.
  void sent(Slot& slot);
  void collect(std::function<void()> take);
  /// Copies by way of the slot's page-locked memory, which must be free.
  static void send(const Delivery& delivery, Slot& slot, std::byte* images, int32_t* labels,
                   cudaStream_t stream);

  cudaStream_t stream_;
  Stream copy_stream_;
  DeviceRoom<std::byte> images_;
  DeviceRoom<int32_t> labels_;
  DevicePointer<Scalars> scalars_;
  DevicePointer<DeviceMetrics> metrics_;
  std::array<std::unique_ptr<Slot>, kSlots> slots_;
  int next_ = 0;
  Slot* latest_ = nullptr;
  std::deque<Collected> collected_;
};

}  // namespace googlenet::backends::cuda
