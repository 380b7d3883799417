/* Vectors of 128 bits, which every processor with vectors has, and wasm. */
#define LANES 2
#define SUM_DIGITS sum_digits_2
#include "lanes.inc"
