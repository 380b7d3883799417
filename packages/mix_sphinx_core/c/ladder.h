/* X25519 of any points (RFC 7748), which nodes need: the points of packets are all different. */
#ifndef LADDER_H
#define LADDER_H

#include <stddef.h>
#include <stdint.h>

#define LADDER_BATCH 32

/* For `count` secrets and points, LADDER_BATCH at most. A result of zero, which low order gives, is left to the caller. */
void ladder_x25519(uint8_t (*out)[32], uint8_t (*secrets)[32], uint8_t (*points)[32], size_t count);

#endif
