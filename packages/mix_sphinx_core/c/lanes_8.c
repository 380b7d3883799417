/* Vectors of 512 bits: AVX-512. */
#ifdef __x86_64__
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("evex512,avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif

#define LANES 8
#define LANES_KIND lanes_of_8
#include "lanes.inc"

#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
