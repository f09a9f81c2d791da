// A libcudnn.so.9 that is older than what the module needs.
#include <cstddef>

extern "C" size_t cudnnGetVersion() {
  return 90500;
}
