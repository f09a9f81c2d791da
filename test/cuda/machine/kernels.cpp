// The module's kernels are work of the device's streams, and its card has room for whole networks.
#include "emulated/emulator.h"
#include "host/device.h"

namespace {

[[maybe_unused]] const bool set = [] {
  emulated::enqueue = device::enqueue;
  device::machine.memory = size_t{8} << 30;
  return true;
}();

}  // namespace
