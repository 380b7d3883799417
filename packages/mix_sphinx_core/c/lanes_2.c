/* Vectors of 128 bits, which every processor with vectors has, and wasm. */
#define LANES 2
#define LANES_KIND lanes_of_2
#include "lanes.inc"
