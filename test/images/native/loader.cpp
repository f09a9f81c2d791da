// Drives the loader's threads as the addon does: many batches under way, results taken by another thread,
// buffers that live longer than their pool, stop in the middle, the end without a stop. For ThreadSanitizer
// and AddressSanitizer.
//
//   loader PICTURE...
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

#include "error.h"
#include "images/pool.h"

namespace {

using namespace googlenet;
using namespace googlenet::images;

constexpr int kSize = 32;

std::vector<Request> requests(const std::vector<Source>& sources, size_t count) {
  std::vector<Request> made;
  for (size_t i = 0; i < count; i++) made.push_back({sources[i % sources.size()], i});
  return made;
}

Transform train(uint64_t epoch) {
  return TrainTransform{.size = kSize,
                        .seed = 1,
                        .epoch = epoch,
                        .area = {0.08, 1},
                        .aspect = {0.75, 1.34},
                        .flip = 0.5,
                        .jitter = {.brightness = 0.4F, .contrast = 0.4F, .saturation = 0.4F, .hue = 0.1F},
                        .lighting = 0.1F,
                        .interpolation = std::nullopt};
}

/// Every picture is either there or has a reason; the same request gives the same bytes on any number of
/// threads.
bool whole_batches(const std::vector<Source>& sources) {
  std::vector<DecodedBatch> kept;
  bool good = true;
  for (const int threads : {1, 4}) {
    Pool pool(threads, {.channels = 3, .device = {}});
    std::vector<std::shared_ptr<Pool::Batch>> under_way;
    for (uint64_t epoch = 0; epoch < 12; epoch++) {
      under_way.push_back(pool.submit(requests(sources, 24), train(epoch)));
    }
    std::thread taker([&] {
      for (const auto& batch : under_way) {
        DecodedBatch decoded = pool.wait(*batch);
        good &= decoded.positions.size() + decoded.failures.size() == 24;
        kept.push_back(std::move(decoded));
      }
    });
    taker.join();
  }
  for (size_t i = 0; i < 12; i++) {
    const DecodedBatch &one = kept[i], &four = kept[12 + i];
    const size_t bytes = one.positions.size() * one.picture_bytes;
    good &= one.positions == four.positions;
    good &= std::equal(one.pixels.get(), one.pixels.get() + bytes, four.pixels.get());
  }
  return good;
}

/// What stop() cuts off is refused, and nothing else is.
bool stopped(const std::vector<Source>& sources, int after) {
  Pool pool(3, {.channels = 1, .orient = true, .device = {}});
  std::vector<std::shared_ptr<Pool::Batch>> under_way;
  const CropsTransform crops{.size = kSize, .scales = {40}, .squares = true};
  for (int i = 0; i < 8; i++) under_way.push_back(pool.submit(requests(sources, 16), crops));
  int whole = 0, refused = 0;
  std::thread taker([&] {
    for (const auto& batch : under_way) {
      try {
        whole += static_cast<int>(pool.wait(*batch).positions.size() > 0);
      } catch (const Error& error) {
        refused += static_cast<int>(error.code() == "ERR_GOOGLENET_DISPOSED");
      }
    }
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(after));
  pool.stop();
  pool.join();
  taker.join();
  return whole + refused == 8;
}

}  // namespace

int main(int count, char** paths) {
  std::vector<Source> sources{FileSource{"/nowhere/at-all.jpg", std::nullopt}};
  for (int i = 1; i < count; i++) {
    sources.emplace_back(FileSource{paths[i], std::nullopt});
    std::ifstream file(paths[i], std::ios::binary);
    sources.emplace_back(MemorySource{std::istreambuf_iterator<char>(file), {}});
  }
  bool good = whole_batches(sources);
  for (const int after : {0, 1, 5, 40}) good &= stopped(sources, after);
  for (int i = 0; i < 5; i++) {  // ends with work under way
    Pool pool(2, {.channels = 3, .quality = Quality::Fast, .device = {}});
    pool.submit(requests(sources, 50), train(0));
  }
  std::printf("%s\n", good ? "good" : "wrong");
  return good ? 0 : 1;
}
