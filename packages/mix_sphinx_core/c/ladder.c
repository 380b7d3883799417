#include "ladder.h"

#include <string.h>

#include "utils.h"
#include "x25519_ref10.h"

#include "curve.h"
#include "limbs.h"

/* As many points as there are lanes; those that are not wanted are climbed for nothing. */
static void climb(curve_fraction *fractions, uint8_t (*secrets)[32], uint8_t (*points)[32], size_t count)
{
    uint32_t x[MAX_LANES][LANES_LIMBS], z[MAX_LANES][LANES_LIMBS], u[MAX_LANES][LANES_LIMBS] = {{0}};
    uint8_t clamped[MAX_LANES][32] = {{0}};

    for (size_t i = 0; i < count; i++) {
        curve_clamp(clamped[i], secrets[i]);
        limbs_from_bytes(u[i], points[i]);
    }
    lanes_chosen->climb(x, z, (const uint32_t (*)[LANES_LIMBS]) u, (const uint8_t (*)[32]) clamped);
    for (size_t i = 0; i < count; i++) {
        fe25519 one;
        unsigned int is_zero;

        value_from_limbs(fractions[i].numerator, x[i]);
        value_from_limbs(fractions[i].denominator, z[i]);
        /* Division by zero gives zero: the others' divisions must not suffer from it. */
        is_zero = (unsigned int) fe25519_iszero(fractions[i].denominator);
        fe25519_1(one);
        fe25519_cmov(fractions[i].denominator, one, is_zero);
        fe25519_0(one);
        fe25519_cmov(fractions[i].numerator, one, is_zero);
    }
    sodium_memzero(clamped, sizeof clamped);
    sodium_memzero(x, sizeof x);
    sodium_memzero(z, sizeof z);
}

void ladder_x25519(uint8_t (*out)[32], uint8_t (*secrets)[32], uint8_t (*points)[32], size_t count)
{
    curve_fraction fractions[LADDER_BATCH];
    const size_t lanes = lanes_chosen->lanes;
    size_t done = 0;

    while (count - done > 1) {
        const size_t now = count - done < lanes ? count - done : lanes;

        climb(fractions + done, secrets + done, points + done, now);
        done += now;
    }
    curve_divide(out, fractions, done);
    if (done < count) { /* one alone is faster without vectors */
        memset(out[done], 0, 32);
        crypto_scalarmult_curve25519_ref10_implementation.mult(out[done], secrets[done], points[done]);
    }
}
