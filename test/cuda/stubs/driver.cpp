// A libcuda.so.1 of an NVIDIA driver without cards: as much of it as CUDA's runtime asks for until it gives
// up. $STUB_DRIVER is the version of CUDA that it supports, 13000 unless it says otherwise.
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kSuccess = 0, kNoDevice = 100, kNotFound = 500;

int unknown() {
  return kSuccess;
}
int find_table(const void**, const void*) {
  return kNotFound;
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  return kNoDevice;
}

int cuDriverGetVersion(int* version) {
  const char* wanted = std::getenv("STUB_DRIVER");
  *version = wanted == nullptr ? 13000 : std::atoi(wanted);
  return kSuccess;
}

int cuGetProcAddress_v2(const char* name, void** function, int, uint64_t, int* status) {
  const auto is = [&](const char* other) { return std::strcmp(name, other) == 0; };
  *function = is("cuInit")               ? reinterpret_cast<void*>(cuInit)
              : is("cuDriverGetVersion") ? reinterpret_cast<void*>(cuDriverGetVersion)
              : is("cuGetProcAddress")   ? reinterpret_cast<void*>(cuGetProcAddress_v2)
              : is("cuGetExportTable")   ? reinterpret_cast<void*>(find_table)
                                         : reinterpret_cast<void*>(unknown);
  if (status != nullptr) *status = 0;
  return kSuccess;
}
}
