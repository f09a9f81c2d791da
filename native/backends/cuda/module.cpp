#include "backends/cuda/module.h"

#include "backends/cuda/backend.h"
#include "backends/cuda/cards.h"
#include "backends/cuda/libraries.h"
#include "backends/cuda/pictures/nvjpeg.h"
#include "error.h"

namespace cuda = googlenet::backends::cuda;

namespace {

/// Why the work throws; of several reasons the first is kept.
template <class Work>
void note_problem(cuda::Report& report, Work work) {
  try {
    work();
  } catch (const std::exception& failure) {
    if (report.problem.empty()) report.problem = failure.what();
  }
}

}  // namespace

const char* googlenet_cuda_version() {
  return GOOGLENET_VERSION;
}

googlenet::backends::Backend* googlenet_cuda_backend(const cuda::Options& options) {
  return new cuda::CudaBackend(options);
}

void googlenet_cuda_report(cuda::Report& report) {
  note_problem(report, [&] { report.driver = cuda::driver_version(); });
  note_problem(report, [&] { report.cards = cuda::find_cards(); });
  note_problem(report, [] { cuda::libraries(); });
  cuda::fill(report);
  note_problem(report, [&] { report.libraries.push_back(cuda::nvjpeg::library()); });
}
