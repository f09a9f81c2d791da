// The thread that one network lives on, and what JavaScript's thread may know of the network meanwhile.
#pragma once
#include "addon/copy.h"
#include "addon/executor.h"
#include "addon/network_arguments.h"
#include "graph/network.h"
#include "images/buffers.h"

namespace googlenet::addon {

class NetworkExecutor final : public Executor {
 public:
  explicit NetworkExecutor(Environment& environment)
      : Executor(environment, "the network has been disposed of; create or open another") {}

  /// What JavaScript's thread may know of the network: a copy, as the network itself may be freed meanwhile.
  struct Face {
    std::vector<graph::Shape> inputs;  // the network's own first
    int64_t classes = 0;
    graph::ParameterTable table;
    std::string device, passed_over;  // as ChosenBackend has them
    bool page_locked = false;         // what buffers() gives
  };

  // ---- on JavaScript's thread
  /// Where calls keep their copies of images; any thread may take of it.
  images::BufferPool& buffers() { return *buffers_; }
  const Face& face() const { return face_; }
  /// Images of that shape may come.
  void take(const graph::Shape& input) { face_.inputs.push_back(input); }
  graph::MemoryUse memory() const {
    const std::lock_guard lock(facts_mutex_);
    return memory_;
  }
  graph::Network::Counters counters() const {
    const std::lock_guard lock(facts_mutex_);
    return counters_;
  }
  std::string notice() const {
    const std::lock_guard lock(facts_mutex_);
    return notice_;
  }
  /// To be seen by counters() at once, when no call comes before that could change them.
  void foresee(const graph::Network::Counters& counters) {
    const std::lock_guard lock(facts_mutex_);
    counters_ = counters;
  }

  // ---- on the executor's thread
  void adopt(std::unique_ptr<graph::Network> network, const std::string& device,
             const std::string& passed_over) {
    face_ = {{network->definition().input},
             network->shapes().classes,
             network->table(),
             device,
             passed_over,
             false};
    network_ = std::move(network);
    if (const std::optional<backends::HostMemory> memory = network_->host_memory()) {
      const images::BufferPool::Source source{memory->allocate, memory->free};
      buffers_ = std::make_shared<images::BufferPool>(source);
      face_.page_locked = true;
    }
  }
  graph::Network& network() { return *network_; }
  /// Puts images that are held where the device takes them fastest.
  void bring(OwnedBatch& batch) {
    if (batch.page_locked || !face_.page_locked) return;
    images::BufferPool::Buffer own = buffers_->take(batch.size());
    copy(own.get(), batch.data.get(), batch.size());
    batch.data = std::move(own);
    batch.page_locked = true;
  }

 protected:
  size_t most_begun() const override {
    return network_ ? static_cast<size_t>(network_->steps_in_flight()) : 1;
  }
  void after_task() override {
    // The first task creates the network; when it fails, nothing else can come.
    if (!network_) return end();
    const graph::MemoryUse memory = network_->memory();
    const std::lock_guard lock(facts_mutex_);
    memory_ = memory;
    notice_ = network_->notice();
    counters_ = network_->counters();
    holds(memory.total());
  }
  void at_end() override {
    network_.reset();
    buffers_.reset();
    holds(0);
  }

 private:
  Face face_;
  std::unique_ptr<graph::Network> network_;
  std::shared_ptr<images::BufferPool> buffers_ = std::make_shared<images::BufferPool>();
  mutable std::mutex facts_mutex_;
  graph::MemoryUse memory_;            // under the mutex
  graph::Network::Counters counters_;  // under the mutex
  std::string notice_;                 // under the mutex
};

}  // namespace googlenet::addon
