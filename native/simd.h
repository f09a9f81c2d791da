// Hot loops are plain loops that the compiler vectorises, once for AVX2 (the floor of the build) and once for
// AVX-512; the dynamic linker picks the clone when the addon is loaded.
#pragma once

#ifdef __clang__  // Reads the code for the checks, and clones no templates.
#define GOOGLENET_SIMD
#else
#define GOOGLENET_SIMD __attribute__((target_clones("arch=x86-64-v4", "default")))
#endif
