#include "limbs.h"

#include <string.h>

void limbs_from_bytes(uint32_t limbs[LANES_LIMBS], const uint8_t bytes[32])
{
    uint8_t padded[32 + 8] = {0};

    memcpy(padded, bytes, 32);
    for (int i = 0; i < LANES_LIMBS; i++) {
        const int bit = (51 * i + 1) / 2;
        uint64_t word = 0;

        for (int k = 7; k >= 0; k--) {
            word = word << 8 | padded[bit / 8 + k];
        }
        limbs[i] = (uint32_t) (word >> bit % 8) & (i % 2 ? 0x1ffffff : 0x3ffffff);
    }
}

void value_from_limbs(fe25519 out, const uint32_t limbs[LANES_LIMBS])
{
#ifdef HAVE_TI_MODE
    for (int i = 0; i < LANES_LIMBS / 2; i++) {
        out[i] = limbs[2 * i] + ((uint64_t) limbs[2 * i + 1] << 26);
    }
#else
    int32_t carry = 0; /* libsodium's limbs are signed, and half as large */

    for (int i = 0; i < LANES_LIMBS; i++) {
        const int bits = i % 2 ? 25 : 26;
        const int32_t limb = (int32_t) limbs[i] + carry;

        carry = (limb + (1 << (bits - 1))) >> bits;
        out[i] = limb - carry * (1 << bits);
    }
    out[0] += 19 * carry;
#endif
}
