// Operations that tell what reached them: logits and losses are sums over what the batch brought.
#pragma once
#include <cstdint>

#include "backends/backend.h"

namespace operations {

/// Before the next operation of a step that is enqueued: throws std::runtime_error once.
extern bool fails;
/// Operations do what no recording allows.
extern bool wait;

/// What a batch comes to in logits; in losses the labels and the dropout's key are added.
double sum_of(const googlenet::backends::Images& images, int64_t values);

}  // namespace operations
