/* Vectors of 256 bits: AVX2. */
#ifdef __x86_64__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define LANES 4
#define SUM_DIGITS sum_digits_4
#include "lanes.inc"
#pragma clang attribute pop
#endif
