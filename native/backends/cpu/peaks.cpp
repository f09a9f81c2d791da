// What this CPU reaches at most, with the threads and in the precision of the backend.
#include <chrono>
#include <cstring>
#include <limits>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"

namespace googlenet::backends::cpu {
namespace {

constexpr int64_t kSide = 1536;                // of the matrices
constexpr int64_t kCopied = int64_t{1} << 28;  // bytes: more than the caches hold
constexpr int kRuns = 6;

/// Of the fastest run: the others were held up.
template <class Run>
double shortest(Run run) {
  using Clock = std::chrono::steady_clock;
  run();  // pages come, kernels are made
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kRuns; i++) {
    const Clock::time_point begin = Clock::now();
    run();
    least = std::min(least, std::chrono::duration<double>(Clock::now() - begin).count());
  }
  return least;
}

}  // namespace

std::optional<Peaks> CpuBackend::measure_peaks() {
  const auto room = [&](size_t bytes) {
    std::unique_ptr<Memory> memory = allocate(bytes, "measuring the peaks");
    std::memset(memory->data(), 0x3c, bytes);  // 0.012: neither zeros nor denormal numbers
    return memory;
  };
  Peaks peaks;
  {
    const Desc square = matrix(dnn_.activation, kSide, kSide, kSide);
    const Desc packed({kSide, kSide}, dnn_.activation, dnnl::memory::format_tag::any);
    const auto desc = matmul(dnn_, Product{.a = square, .b = packed, .c = square});
    const dnnl::matmul product(desc);
    const auto a = room(square.get_size()), b = room(desc.weights_desc().get_size()),
               c = room(square.get_size());
    const auto scratchpad = allocate(desc.scratchpad_desc().get_size() + 1, "measuring the peaks");
    const Arguments arguments{{DNNL_ARG_SRC, dnn_.memory(square, a->data())},
                              {DNNL_ARG_WEIGHTS, dnn_.memory(desc.weights_desc(), b->data())},
                              {DNNL_ARG_DST, dnn_.memory(square, c->data())},
                              {DNNL_ARG_SCRATCHPAD, dnn_.memory(desc.scratchpad_desc(), scratchpad->data())}};
    peaks.flops = 2.0 * kSide * kSide * kSide / shortest([&] {
                    product.execute(dnn_.stream, arguments);
                    dnn_.stream.wait();
                  });
  }
  const auto from = room(kCopied), to = room(kCopied);
  peaks.bandwidth = 2.0 * kCopied / shortest([&] {
                      parallel_ranges(kCopied, [&](int64_t begin, int64_t end) {
                        std::memcpy(to->data() + begin, from->data() + begin, end - begin);
                      });
                    });
  return peaks;
}

}  // namespace googlenet::backends::cpu
