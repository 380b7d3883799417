#include "curve.h"

#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#include "limbs.h"
#include "processor.h"

#ifdef HAVE_TI_MODE
#include "fe_51/constants.h"
#else
#include "fe_25_5/constants.h"
#endif

const lanes_kind *lanes_chosen = &lanes_of_2;

static curve_table base_table;

static void complete(ge25519_p3 *out, const ge25519_p1p1 *in)
{
    fe25519_mul(out->X, in->X, in->T);
    fe25519_mul(out->Y, in->Y, in->Z);
    fe25519_mul(out->Z, in->Z, in->T);
    fe25519_mul(out->T, in->X, in->Y);
}

static void double_point(ge25519_p1p1 *out, const ge25519_p3 *point)
{
    fe25519 sum;

    fe25519_sq(out->X, point->X);
    fe25519_sq(out->Z, point->Y);
    fe25519_sq2(out->T, point->Z);
    fe25519_add(sum, point->X, point->Y);
    fe25519_sq(sum, sum);
    fe25519_add(out->Y, out->Z, out->X);
    fe25519_sub(out->Z, out->Z, out->X);
    fe25519_sub(out->X, sum, out->Y);
    fe25519_sub(out->T, out->T, out->Z);
}

/* point *= 2**times */
static void double_often(ge25519_p3 *point, int times)
{
    ge25519_p1p1 sum;

    for (int i = 0; i < times; i++) {
        double_point(&sum, point);
        complete(point, &sum);
    }
}

/* Digits from -8 to 8 of a scalar less than 2**255, the lowest first. */
static void recode(int8_t digits[TABLE_DIGITS], const uint8_t scalar[32])
{
    int carry = 0;

    for (int i = 0; i < 32; i++) {
        digits[2 * i] = scalar[i] & 15;
        digits[2 * i + 1] = scalar[i] >> 4;
    }
    for (int i = 0; i < TABLE_DIGITS - 1; i++) {
        int digit = digits[i] + carry;

        carry = (digit + 8) >> 4;
        digits[i] = (int8_t) (digit - carry * 16);
    }
    digits[TABLE_DIGITS - 1] = (int8_t) (digits[TABLE_DIGITS - 1] + carry);
}

static void point_from_lanes(ge25519_p3 *out, const lanes_point *in)
{
    value_from_limbs(out->X, in->limbs[0]);
    value_from_limbs(out->Y, in->limbs[1]);
    value_from_limbs(out->Z, in->limbs[2]);
    value_from_limbs(out->T, in->limbs[3]);
}

/* The odd digits' sum is taken times 16, so that each row serves two digits. */
static void multiply(curve_fraction *out, const curve_table table, const uint8_t scalar[32])
{
    int8_t digits[TABLE_DIGITS];
    lanes_point even_lanes, odd_lanes;
    ge25519_p3 even, odd;
    fe25519 a, b, c, d;

    recode(digits, scalar);
    lanes_chosen->sum_digits(&even_lanes, &odd_lanes, table, digits);
    point_from_lanes(&even, &even_lanes);
    point_from_lanes(&odd, &odd_lanes);
    double_often(&odd, 4);
    /* Of their sum (the formulas are those of an addition) u = (Z + Y) / (Z - Y) alone is wanted, and its common factor
       is left out. */
    fe25519_sub(a, even.Y, even.X);
    fe25519_sub(b, odd.Y, odd.X);
    fe25519_mul(a, a, b);
    fe25519_add(b, even.Y, even.X);
    fe25519_add(c, odd.Y, odd.X);
    fe25519_mul(b, b, c);
    fe25519_mul(c, even.T, odd.T);
    fe25519_mul(c, c, d2);
    fe25519_mul(d, even.Z, odd.Z);
    fe25519_add(d, d, d);
    fe25519_sub(d, d, c);
    fe25519_add(b, b, a);
    fe25519_add(out->numerator, d, b);
    fe25519_sub(out->denominator, d, b);
    sodium_memzero(digits, sizeof digits);
    sodium_memzero(&even_lanes, sizeof even_lanes);
    sodium_memzero(&odd_lanes, sizeof odd_lanes);
    sodium_memzero(&even, sizeof even);
    sodium_memzero(&odd, sizeof odd);
    sodium_memzero(a, sizeof a);
    sodium_memzero(b, sizeof b);
    sodium_memzero(c, sizeof c);
    sodium_memzero(d, sizeof d);
}

void curve_multiply(curve_fraction *out, const curve_table table, const uint8_t scalar[32])
{
    multiply(out, table, scalar);
}

void curve_multiply_base(curve_fraction *out, const uint8_t scalar[32])
{
    multiply(out, base_table, scalar);
}

void curve_divide(uint8_t (*u)[32], curve_fraction *fractions, size_t count)
{
    fe25519 inverse, product;

    if (count == 0) {
        return;
    }
    /* Montgomery's trick: numerator i is multiplied by the denominators before it, and those are then taken out. */
    fe25519_1(product);
    for (size_t i = 0; i < count; i++) {
        fe25519_mul(fractions[i].numerator, fractions[i].numerator, product);
        fe25519_mul(product, fractions[i].denominator, product);
    }
    fe25519_invert(inverse, product);
    for (size_t i = count; i-- > 0;) {
        fe25519_mul(product, fractions[i].numerator, inverse);
        fe25519_mul(inverse, fractions[i].denominator, inverse);
        fe25519_tobytes(u[i], product);
    }
    sodium_memzero(inverse, sizeof inverse);
    sodium_memzero(product, sizeof product);
    sodium_memzero(fractions, count * sizeof *fractions);
}

/* Gives 8 times a point of the curve with this u-coordinate; 0 if there is none, or if it is the neutral element. */
static int point_of(ge25519_p3 *point, const uint8_t u[32])
{
    uint8_t encoded[32];
    fe25519 one, numerator, denominator;

    fe25519_frombytes(numerator, u);
    fe25519_1(one);
    fe25519_add(denominator, numerator, one);
    fe25519_sub(numerator, numerator, one);
    fe25519_invert(denominator, denominator);
    fe25519_mul(numerator, numerator, denominator);
    fe25519_tobytes(encoded, numerator); /* y; u = -1 gives 0, which is of low order like -1 itself */
    if (ge25519_frombytes(point, encoded) != 0) {
        return 0;
    }
    double_often(point, 3);
    return !fe25519_iszero(point->X);
}

static void put_value(uint64_t *words, const fe25519 value)
{
    uint8_t bytes[32];
    uint32_t limbs[LANES_LIMBS];

    fe25519_tobytes(bytes, value);
    limbs_from_bytes(limbs, bytes);
    for (int i = 0; i < LANES_LIMBS / 2; i++) {
        words[i * lanes_chosen->lanes] = limbs[2 * i] | (uint64_t) limbs[2 * i + 1] << 32;
    }
}

/* Fills a table; 0 if memory is short. */
static int build_table(curve_table table, ge25519_p3 next)
{
    const size_t count = TABLE_ROWS * TABLE_COLUMNS, lanes = lanes_chosen->lanes;
    ge25519_p3 *const points = malloc(count * (sizeof *points + sizeof(fe25519)));
    fe25519 *const products = (fe25519 *) (points + count);
    ge25519_cached step;
    ge25519_p1p1 sum;
    fe25519 inverse;

    if (points == NULL) {
        return 0;
    }
    for (size_t row = 0; row < TABLE_ROWS; row++) {
        ge25519_p3 *const multiples = points + row * TABLE_COLUMNS;

        multiples[0] = next;
        ge25519_p3_to_cached(&step, &next);
        for (size_t i = 1; i < TABLE_COLUMNS; i++) {
            ge25519_add(&sum, &multiples[i - 1], &step);
            complete(&multiples[i], &sum);
        }
        next = multiples[TABLE_COLUMNS - 1];
        double_often(&next, 5);
    }
    fe25519_copy(products[0], points[0].Z);
    for (size_t i = 1; i < count; i++) {
        fe25519_mul(products[i], products[i - 1], points[i].Z);
    }
    fe25519_invert(inverse, products[count - 1]);
    for (size_t i = count; i-- > 0;) {
        const size_t row = i / TABLE_COLUMNS, column = i % TABLE_COLUMNS;
        uint64_t *const words = table + ((row / lanes * TABLE_COLUMNS + column) * LANES_WORDS) * lanes + row % lanes;
        fe25519 reciprocal, x, y, part;

        if (i) {
            fe25519_mul(reciprocal, inverse, products[i - 1]);
            fe25519_mul(inverse, inverse, points[i].Z);
        }
        else {
            fe25519_copy(reciprocal, inverse);
        }
        fe25519_mul(x, points[i].X, reciprocal);
        fe25519_mul(y, points[i].Y, reciprocal);
        fe25519_add(part, y, x);
        put_value(words, part);
        fe25519_sub(part, y, x);
        put_value(words + LANES_LIMBS / 2 * lanes, part);
        fe25519_mul(part, x, y);
        fe25519_mul(part, part, d2);
        put_value(words + LANES_LIMBS * lanes, part);
    }
    free(points);
    return 1;
}

int curve_build_table(curve_table table, const uint8_t u[32])
{
    ge25519_p3 point;

    if (!point_of(&point, u)) {
        return 0;
    }
    return build_table(table, point) ? 1 : -1;
}

static const lanes_kind *best_lanes(void)
{
#ifdef __x86_64__
    if (sodium_runtime_has_avx2()) {
        return processor_has_avx512() ? &lanes_of_8 : &lanes_of_4;
    }
#endif
    return &lanes_of_2;
}

int curve_init(const lanes_kind *lanes)
{
    static const uint8_t base[32] = {
        0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
        0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    };
    ge25519_p3 point;

    lanes_chosen = lanes ? lanes : best_lanes();
    return ge25519_frombytes(&point, base) == 0 && build_table(base_table, point);
}

void curve_clamp(uint8_t out[32], const uint8_t secret[32])
{
    memcpy(out, secret, 32);
    out[0] &= 248;
    out[31] &= 127;
    out[31] |= 64;
}

void curve_eighth(uint8_t out[32], const uint8_t clamped[32])
{
    for (int i = 0; i < 31; i++) {
        out[i] = (uint8_t) (clamped[i] >> 3 | clamped[i + 1] << 5);
    }
    out[31] = clamped[31] >> 3;
}
