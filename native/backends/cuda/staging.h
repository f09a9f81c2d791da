// The way of a batch to the device, and of its metrics back. Two slots of page-locked memory take turns, so
// that a batch travels on a stream of its own while the step before it runs, and its metrics are read by the
// event that follows them: nobody waits for the whole stream.
#pragma once
#include <array>
#include <deque>

#include "backends/backend.h"
#include "backends/cuda/runtime.h"
#include "backends/cuda/scalars.h"

namespace googlenet::backends::cuda {

/// What a run of a program needs from the host.
struct Delivery {
  const void* images = nullptr;
  size_t image_bytes = 0;
  const int32_t* labels = nullptr;  // null: none
  int64_t label_count = 0;
  Scalars scalars{};
};

/// Memory that grows when more is wanted, and loses what it held.
template <class Pointer, Pointer (*make)(size_t count, const std::string& purpose)>
class Room {
 public:
  void reserve(size_t count, const std::string& purpose) {
    if (count <= count_) return;
    memory_.reset();
    count_ = 0;
    memory_ = make(count, purpose);
    count_ = count;
  }
  auto* get() const { return memory_.get(); }

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
  /// Steps that may be under way at once.
  static constexpr int kSlots = 2;

  /// `stream` runs the operations that read what arrives here.
  explicit Staging(cudaStream_t stream);
  ~Staging();

  /// On the device, where the operations of a run find them. They move when a larger batch comes: before
  /// recorded graphs are looked up, that is in reserve().
  void* images() const { return images_.get(); }
  int32_t* labels() const { return labels_.get(); }
  const Scalars* scalars() const { return scalars_.get(); }
  DeviceMetrics* metrics() const { return metrics_.get(); }

  void reserve(const Delivery& delivery);
  /// For a run that is waited for: straight to where the operations read it.
  void send(const Delivery& delivery);
  /// For a step: the images and labels on the copy stream, beside the step that runs. Finishes the oldest
  /// step when both slots are taken.
  void send_ahead(const Delivery& delivery);
  /// After the step that was sent ahead has been enqueued: its metrics will be put there by finish().
  void collect(Metrics* metrics);
  /// Waits for the oldest step that was collected and not yet finished.
  void finish();

 private:
  struct Slot;
  struct Collected {
    Slot* slot;
    Metrics* metrics;
  };
  Slot& turn();
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
