// Stands in for the search for NVIDIA's libraries.
#pragma once
namespace googlenet::backends::cuda {
inline void libraries() {}
}  // namespace googlenet::backends::cuda
