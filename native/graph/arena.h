// The memory plan: places buffers whose lives do not overlap in the same bytes.
#pragma once
#include "graph/plan.h"

namespace googlenet::graph {

/// Fills each buffer's life from the steps that touch it, then its bytes and offset, and the plan's totals.
/// `activation_bytes` is the size of one Activation.
void place_buffers(Plan& plan, int64_t activation_bytes);

}  // namespace googlenet::graph
