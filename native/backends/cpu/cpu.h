// The CPU backend: oneDNN for convolutions and matrix products, our own loops for the rest.
#pragma once
#include <memory>
#include <string>

#include "backends/backend.h"

namespace googlenet::backends {

/// `threads` 0: every core that the process may use, which is also the most that are used: OpenMP ends the
/// process when the system refuses it a thread. Throws ERR_GOOGLENET_PRECISION for a precision that this CPU
/// lacks (fp16 always; bf16 without AVX-512 BF16 or AMX), naming it and what to use instead.
std::unique_ptr<Backend> make_cpu_backend(Precision precision, int threads);

/// What oneDNN found on this machine, for `googlenet doctor`.
struct CpuReport {
  std::string onednn_version;  // "2.6.3"
  std::string runtime;         // "OpenMP"
  std::string isa;             // the instruction set that oneDNN uses at most
  bool bf16 = false;           // native bf16 products
  int threads = 0;             // that make_cpu_backend(..., 0) would use
};
CpuReport cpu_report();

}  // namespace googlenet::backends
