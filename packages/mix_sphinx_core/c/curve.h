/*
 * Curve25519 for senders: multiples of points that are met again and again (the base point, and the keys of nodes).
 *
 * A hop's shared secret is the u-coordinate of its key times a product of clamped scalars. Each of those is 8 t, so the
 * product of k of them is 8 m with m = t1 (8 t2) … (8 tk) modulo q, the order of the subgroup: the result is m (8 P).
 * Tables hold multiples of 8 P, in the Edwards form of the curve, where the coordinate y gives u = (1 + y) / (1 - y) and
 * the sign of the point does not matter. As q is prime, m is never zero and m (8 P) is never the neutral element.
 */
#ifndef CURVE_H
#define CURVE_H

#include <stddef.h>
#include <stdint.h>

#include "private/ed25519_ref10.h"

#include "lanes.h"

typedef uint64_t curve_table[TABLE_WORDS];

/* Makes the base point's table, for these lanes or (NULL) those that this processor does best: call it before anything
   else. 0 if memory is short. */
int curve_init(const lanes_kind *lanes);

/* Fills a table for a u-coordinate. 0 where the point is on the twist or of low order, which no table can serve; -1 if
   memory is short. */
int curve_build_table(curve_table table, const uint8_t u[32]);

/* A multiple that still waits for its division: u = numerator / denominator. */
typedef struct {
    fe25519 numerator, denominator;
} curve_fraction;

/* A table's point times a scalar less than 2**255. */
void curve_multiply(curve_fraction *out, const curve_table table, const uint8_t scalar[32]);

/* The same for the base point. */
void curve_multiply_base(curve_fraction *out, const uint8_t scalar[32]);

/* Does all the divisions with one inversion; no denominator is zero. The fractions are used up. */
void curve_divide(uint8_t (*u)[32], curve_fraction *fractions, size_t count);

/* What X25519 makes of a secret (RFC 7748, section 5), and that by 8. */
void curve_clamp(uint8_t out[32], const uint8_t secret[32]);
void curve_eighth(uint8_t out[32], const uint8_t clamped[32]);

#endif
