#include "backends/cpu/cpu.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "backends/cpu/backend.h"
#include "backends/cpu/elements.h"
#include "cores.h"
#include "error.h"

namespace googlenet::backends {
namespace cpu {
namespace {

/// Zeroed pages from the system, given back at once when it goes.
class Pages : public Memory {
 public:
  Pages(size_t bytes, const std::string& purpose) : size_(bytes) {
    void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
      throw Error("ERR_GOOGLENET_MEMORY", "out of memory: " + std::to_string(bytes >> 20) + " MiB for " +
                                              purpose +
                                              " are not to be had; use a smaller batch or image size");
    }
    data_ = static_cast<std::byte*>(mapped);
    madvise(mapped, bytes, MADV_HUGEPAGE);  // a wish: fewer page faults and TLB misses
  }
  ~Pages() override { munmap(data_, size_); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* data() override { return data_; }
  size_t size() const override { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_;
};

bool has_bf16() {
  const auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || isa == dnnl::cpu_isa::avx512_core_amx;
}

template <class T>
void read_view(const Context& context, const graph::View& view, float* host) {
  const T* from = pointer<T>(context, view);
  for (int64_t r = 0; r < view.rows; r++) {
    for (int64_t c = 0; c < view.channels; c++) host[r * view.channels + c] = load(from[r * view.stride + c]);
  }
}

}  // namespace

CpuBackend::CpuBackend(Precision precision, int threads)
    : capabilities_(cpu::capabilities(precision)),
      precision_(precision),
      threads_(threads > 0 ? std::min(threads, usable_cores()) : usable_cores()) {
  // So many stay in the caches from layer to layer. Measured on two cores: 11 % faster than eight, 20 %
  // than 32.
  capabilities_.inference_batch = 2 * threads_;
  if (precision == Precision::Bf16) dnn_.activation = dnnl::memory::data_type::bf16;
}

std::unique_ptr<Memory> CpuBackend::allocate(size_t bytes, const std::string& purpose) {
  return std::make_unique<Pages>(bytes, purpose);
}

void CpuBackend::download(float* host, const float* device, int64_t count) {
  std::memcpy(host, device, count * sizeof(float));
}

void CpuBackend::upload(float* device, const float* host, int64_t count) {
  std::memcpy(device, host, count * sizeof(float));
}

void CpuBackend::read(const Context& context, const graph::View& view, float* host) {
  const bool floats = context.buffers[view.buffer].element == graph::Element::Float;
  if (floats || precision_ == Precision::Fp32) return read_view<float>(context, view, host);
  read_view<Bf16>(context, view, host);
}

void CpuBackend::enter_thread() {
  omp_set_num_threads(threads_);
}

}  // namespace cpu

std::unique_ptr<Backend> make_cpu_backend(Precision precision, int threads) {
  if (precision == Precision::Bf16 && !cpu::has_bf16()) {
    throw Error("ERR_GOOGLENET_PRECISION", "this CPU has no bf16 arithmetic (AVX-512 BF16 or AMX); use fp32");
  }
  return std::make_unique<cpu::CpuBackend>(precision, threads);
}

CpuReport cpu_report() {
  const dnnl_version_t* version = dnnl_version();
  CpuReport report;
  report.onednn_version = std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
                          std::to_string(version->patch);
  report.runtime = version->cpu_runtime == DNNL_RUNTIME_OMP ? "OpenMP" : "another than OpenMP";
  report.bf16 = cpu::has_bf16();
  report.threads = usable_cores();
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx512_core_amx:
      report.isa = "AVX-512 with AMX";
      break;
    case dnnl::cpu_isa::avx512_core_bf16:
      report.isa = "AVX-512 with bf16";
      break;
    case dnnl::cpu_isa::avx512_core_vnni:
      report.isa = "AVX-512 with VNNI";
      break;
    case dnnl::cpu_isa::avx512_core:
      report.isa = "AVX-512";
      break;
    case dnnl::cpu_isa::avx2_vnni:
      report.isa = "AVX2 with VNNI";
      break;
    case dnnl::cpu_isa::avx2:
      report.isa = "AVX2";
      break;
    default:
      report.isa = "below AVX2, or unknown to this build";
  }
  return report;
}

}  // namespace googlenet::backends
