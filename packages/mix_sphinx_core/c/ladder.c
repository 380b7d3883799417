#include "ladder.h"

#include "crypto_scalarmult_curve25519.h"
#include "scalarmult_curve25519.h"
#include "x25519_ref10.h"

int ladder_x25519(uint8_t out[32], const uint8_t secret[32], const uint8_t u[32])
{
    return crypto_scalarmult_curve25519_ref10_implementation.mult(out, secret, u) == 0;
}
