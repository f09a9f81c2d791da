// Hot loops are plain loops that the compiler vectorises, once for AVX2 (the floor of the build) and once for
// AVX-512; the dynamic linker picks the clone when the addon is loaded.
#pragma once

// Clang reads the code for the checks, and clones no templates. What chooses a clone runs before
// ThreadSanitizer's library is ready.
#if defined(__clang__) || defined(__SANITIZE_THREAD__)
#define GOOGLENET_SIMD
#else
#define GOOGLENET_SIMD __attribute__((target_clones("arch=x86-64-v4", "default")))
#endif
