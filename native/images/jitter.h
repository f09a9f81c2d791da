// Colour jitter of a finished picture, as torchvision's adjust_brightness, _contrast, _saturation and _hue on
// uint8, and the light of AlexNet.
#pragma once
#include <cstddef>

#include "images/view.h"

namespace googlenet::images {

/// Changes `pixels` pixels of `channels` bytes in place. Of one channel, brightness and
/// contrast alone change.
void apply_jitter(const Jitter& jitter, size_t pixels, int channels, uint8_t* data);

}  // namespace googlenet::images
