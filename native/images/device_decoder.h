// What decodes JPEGs in the CPU's place: a device, known to a module of its own.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "images/resizer.h"

namespace googlenet::images {

/// One thread's.
class DeviceDecoder {
 public:
  virtual ~DeviceDecoder() = default;
  /// Decodes a whole JPEG of one scan, grey or YCbCr, of `extent` pixels, and fills the targets, all of the
  /// same channels, as a Resizer does. False when the device cannot: the CPU does it then, or finds what is
  /// wrong. Throws ERR_GOOGLENET_DEVICE when the device itself fails.
  virtual bool decode(std::span<const uint8_t> jpeg, Extent extent, std::span<const Target> targets) = 0;
};

/// Called on the thread that will decode. Throws ERR_GOOGLENET_DEVICE when the device cannot be used.
using OpenDeviceDecoder = std::function<std::unique_ptr<DeviceDecoder>()>;

}  // namespace googlenet::images
