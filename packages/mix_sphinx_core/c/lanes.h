/*
 * Tables of a point's multiples and sums out of them, and ladders, by vectors of two or more lanes: see lanes.inc.
 *
 * Row r of a table has 1 to 8 times 256**r times the point. As many rows as there are lanes lie next to each other, so
 * that one load gets the same entry of all: entry, then word, then lane. A word has two limbs.
 */
#ifndef LANES_H
#define LANES_H

#include <stdint.h>

#define TABLE_ROWS 32
#define TABLE_COLUMNS 8
#define TABLE_DIGITS (2 * TABLE_ROWS)
#define LANES_LIMBS 10
#define LANES_WORDS (3 * LANES_LIMBS / 2) /* of a point: y + x, y - x, 2 d x y */
#define TABLE_WORDS (TABLE_ROWS * TABLE_COLUMNS * LANES_WORDS)

/* X, Y, Z and T of a point, each as limbs of 26 and 25 bits by turns. */
typedef struct {
    uint32_t limbs[4][LANES_LIMBS];
} lanes_point;

/* What vectors of some lanes can do. */
typedef struct {
    unsigned int lanes;

    /* The sums of all even and of all odd digits (-8 to 8) times the points of their rows. */
    void (*sum_digits)(lanes_point *even, lanes_point *odd, const uint64_t *table, const int8_t digits[TABLE_DIGITS]);

    /* X25519 (RFC 7748) up to its division, x / z, of as many points as there are lanes. */
    void (*climb)(uint32_t x[][LANES_LIMBS], uint32_t z[][LANES_LIMBS], const uint32_t u[][LANES_LIMBS],
                  const uint8_t clamped[][32]);
} lanes_kind;

#define MAX_LANES 8

extern const lanes_kind lanes_of_2, lanes_of_4, lanes_of_8;

/* The one that this processor does best: see curve_init. */
extern const lanes_kind *lanes_chosen;

#endif
