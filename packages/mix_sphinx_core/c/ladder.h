/* X25519 of any point (RFC 7748), which nodes need: the points of packets are all different. */
#ifndef LADDER_H
#define LADDER_H

#include <stdint.h>

/* 0 if the result is zero, which low order gives. */
int ladder_x25519(uint8_t out[32], const uint8_t secret[32], const uint8_t u[32]);

#endif
