// Large copies.
#pragma once
#include <cstddef>

namespace googlenet::addon {

/// std::memcpy(), of which some threads do a part each when it is large.
void copy(void* to, const void* from, size_t bytes);

}  // namespace googlenet::addon
