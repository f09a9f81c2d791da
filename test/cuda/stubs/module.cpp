// A CUDA module of another version: its functions would be called with classes that they do not know.
#include <cstdlib>

extern "C" const char* googlenet_cuda_version() {
  return "0.0.1";
}
extern "C" void googlenet_cuda_backend() {
  std::abort();
}
extern "C" void googlenet_cuda_report() {
  std::abort();
}
