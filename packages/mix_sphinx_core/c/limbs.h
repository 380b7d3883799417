/* Field elements between libsodium's forms and the unsigned limbs of 26 and 25 bits that the vectors have. */
#ifndef LIMBS_H
#define LIMBS_H

#include <stdint.h>

#include "private/ed25519_ref10.h"

#include "lanes.h"

/* The highest bit is left out, as X25519 wants it. */
void limbs_from_bytes(uint32_t limbs[LANES_LIMBS], const uint8_t bytes[32]);

void value_from_limbs(fe25519 out, const uint32_t limbs[LANES_LIMBS]);

#endif
