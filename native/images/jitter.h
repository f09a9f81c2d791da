// Colour jitter of a finished picture, as torchvision's adjust_brightness, _contrast and _saturation on
// uint8.
#pragma once
#include <cstddef>

#include "images/view.h"

namespace googlenet::images {

/// Changes `pixels` pixels of `channels` bytes in place. Saturation leaves a picture of one channel as it is.
void apply_jitter(const Jitter& jitter, size_t pixels, int channels, uint8_t* data);

}  // namespace googlenet::images
