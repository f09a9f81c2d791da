// The driver and the cards that it sees.
#pragma once
#include <string>
#include <vector>

#include "backends/cuda/module.h"

namespace googlenet::backends::cuda {

/// The version of CUDA that the driver supports, "13.0"; empty without a driver.
std::string driver_version();

/// Throws ERR_GOOGLENET_DEVICE when there is no driver that can be used, or no card.
std::vector<Card> find_cards();

/// Throws ERR_GOOGLENET_DEVICE also when the card of that number is not there or too old, and
/// ERR_GOOGLENET_PRECISION when it lacks the precision.
void check_card(const Options& options);

}  // namespace googlenet::backends::cuda
