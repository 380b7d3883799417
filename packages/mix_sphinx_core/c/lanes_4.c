/* Vectors of 256 bits: AVX2. */
#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif

#define LANES 4
#define LANES_KIND lanes_of_4
#include "lanes.inc"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
