/*
 * AES on bit planes, eight blocks at once: byte p of plane i holds bit i of byte p of each block, one bit a block.
 * There are no tables, so nothing that is secret is ever an index. Käsper and Schwabe, "Faster and timing-attack
 * resistant AES-GCM"; the S-box is the circuit of Boyar and Peralta, "A depth-16 circuit for the AES S-box".
 */
#include "aes.h"

#include <string.h>

#include "utils.h"

#include "processor.h"

#define ROUNDS 10
#define LANES 8

typedef uint8_t plane __attribute__((vector_size(16)));
typedef uint64_t wide_plane __attribute__((vector_size(16)));

#define SHUFFLE(x, ...) __builtin_shufflevector((x), (plane){0}, __VA_ARGS__)

static void substitute(plane b[8])
{
    const plane x0 = b[7], x1 = b[6], x2 = b[5], x3 = b[4], x4 = b[3], x5 = b[2], x6 = b[1], x7 = b[0];
    const plane y14 = x3 ^ x5, y13 = x0 ^ x6, y9 = x0 ^ x3, y8 = x0 ^ x5, t0 = x1 ^ x2, y1 = t0 ^ x7, y4 = y1 ^ x3;
    const plane y12 = y13 ^ y14, y2 = y1 ^ x0, y5 = y1 ^ x6, y3 = y5 ^ y8, t1 = x4 ^ y12, y15 = t1 ^ x5;
    const plane y20 = t1 ^ x1, y6 = y15 ^ x7, y10 = y15 ^ t0, y11 = y20 ^ y9, y7 = x7 ^ y11, y17 = y10 ^ y11;
    const plane y19 = y10 ^ y8, y16 = t0 ^ y11, y21 = y13 ^ y16, y18 = x0 ^ y16;
    const plane t2 = y12 & y15, t4 = (y3 & y6) ^ t2, t6 = (y4 & x7) ^ t2, t7 = y13 & y16, t9 = (y5 & y1) ^ t7;
    const plane t11 = (y2 & y7) ^ t7, t12 = y9 & y11, t14 = (y14 & y17) ^ t12, t16 = (y8 & y10) ^ t12;
    const plane t21 = t4 ^ t14 ^ y20, t22 = t6 ^ t16 ^ y19, t23 = t9 ^ t14 ^ y21, t24 = t11 ^ t16 ^ y18;
    const plane t25 = t21 ^ t22, t26 = t21 & t23, t27 = t24 ^ t26, t29 = (t25 & t27) ^ t22, t30 = t23 ^ t24;
    const plane t33 = ((t22 ^ t26) & t30) ^ t24, t34 = t23 ^ t33, t36 = t24 & (t27 ^ t33), t37 = t36 ^ t34;
    const plane t40 = t25 ^ (t29 & (t27 ^ t36)), t41 = t40 ^ t37, t42 = t29 ^ t33, t43 = t29 ^ t40, t44 = t33 ^ t37;
    const plane t45 = t42 ^ t41;
    const plane z0 = t44 & y15, z1 = t37 & y6, z2 = t33 & x7, z3 = t43 & y16, z4 = t40 & y1, z5 = t29 & y7;
    const plane z6 = t42 & y11, z7 = t45 & y17, z8 = t41 & y10, z9 = t44 & y12, z10 = t37 & y3, z11 = t33 & y4;
    const plane z12 = t43 & y13, z13 = t40 & y5, z14 = t29 & y2, z15 = t42 & y9, z16 = t45 & y14, z17 = t41 & y8;
    const plane t46 = z15 ^ z16, t48 = z5 ^ z13, t53 = z0 ^ z3, t57 = z2 ^ z12 ^ t53, t58 = z4 ^ t46;
    const plane t59 = z3 ^ z6 ^ z7, t62 = z7 ^ z8 ^ t58, t63 = z9 ^ z10 ^ t58, t64 = z4 ^ t59;
    const plane t65 = z14 ^ t57 ^ t62, t66 = z1 ^ t63, s3 = t53 ^ t66;

    b[7] = t59 ^ t63;
    b[6] = ~(t64 ^ s3);
    b[5] = ~(z16 ^ z17 ^ t64 ^ t65);
    b[4] = s3;
    b[3] = z2 ^ z5 ^ t66;
    b[2] = z10 ^ z11 ^ t65;
    b[1] = ~(z12 ^ t48 ^ t62);
    b[0] = ~(t48 ^ t46 ^ t57);
}

static inline plane shift_rows(plane x)
{
    return SHUFFLE(x, 0, 5, 10, 15, 4, 9, 14, 3, 8, 13, 2, 7, 12, 1, 6, 11);
}

static void mix_columns(plane b[8])
{
    plane twice[8];

    for (int i = 0; i < 8; i++) { /* a column's bytes a, b, c, d: 2 (a + b) + b + c + d */
        const plane next = SHUFFLE(b[i], 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
        const plane sum = b[i] ^ next;

        b[i] = next ^ SHUFFLE(sum, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
        twice[i] = sum;
    }
    b[0] ^= twice[7];
    b[1] ^= twice[0] ^ twice[7];
    b[2] ^= twice[1];
    b[3] ^= twice[2] ^ twice[7];
    b[4] ^= twice[3] ^ twice[7];
    b[5] ^= twice[4];
    b[6] ^= twice[5];
    b[7] ^= twice[6];
}

/* A key's planes: all the eight blocks have the same, so its bytes are 0 or 255. */
static void expand_key(plane keys[ROUNDS + 1][8], const uint8_t key[16])
{
    static const uint8_t constants[ROUNDS] = {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x1b, 0x36};
    const plane first_row = {255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0};
    plane bytes, last[8];

    memcpy(&bytes, key, sizeof bytes);
    for (int i = 0; i < 8; i++) {
        keys[0][i] = -(bytes >> i & 1);
    }
    for (int round = 1; round <= ROUNDS; round++) {
        memcpy(last, keys[round - 1], sizeof last);
        substitute(last);
        for (int i = 0; i < 8; i++) {
            plane k = keys[round - 1][i];

            k ^= SHUFFLE(k, 16, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
            k ^= SHUFFLE(k, 16, 16, 16, 16, 16, 16, 16, 16, 0, 1, 2, 3, 4, 5, 6, 7);
            k ^= SHUFFLE(last[i], 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12, 13, 14, 15, 12);
            keys[round][i] = constants[round - 1] >> i & 1 ? k ^ first_row : k;
        }
    }
    sodium_memzero(last, sizeof last);
    sodium_memzero(&bytes, sizeof bytes);
}

static inline void swap_bits(plane *a, plane *b, int distance, uint8_t pattern)
{
    const wide_plane mask = (wide_plane){} + pattern * 0x0101010101010101u;
    const wide_plane changed = (((wide_plane) *a >> distance) ^ (wide_plane) *b) & mask;

    *b ^= (plane) changed;
    *a ^= (plane) (changed << distance);
}

/* Turns planes into blocks. */
static void transpose(plane b[8])
{
    for (int i = 0; i < 8; i += 2) {
        swap_bits(&b[i], &b[i + 1], 1, 0x55);
    }
    for (int i = 0; i < 8; i++) {
        if (!(i & 2)) {
            swap_bits(&b[i], &b[i + 2], 2, 0x33);
        }
    }
    for (int i = 0; i < 4; i++) {
        swap_bits(&b[i], &b[i + 4], 4, 0x0f);
    }
}

static void stream_planes(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    plane keys[ROUNDS + 1][8], b[8];

    expand_key(keys, key);
    for (size_t at = 0; at < blocks; at += LANES) {
        /* The counters at, at + 1 … at + 7: the lowest three bits count the lanes, the others are the same in all. */
        memset(b, 0, sizeof b);
        b[0][15] = 0xaa;
        b[1][15] = 0xcc;
        b[2][15] = 0xf0;
        for (int i = 3; i < 8; i++) {
            b[i][15] = at >> i & 1 ? 255 : 0;
        }
        for (int i = 0; i < 8; i++) {
            b[i] ^= keys[0][i];
        }
        for (int round = 1; round <= ROUNDS; round++) {
            substitute(b);
            for (int i = 0; i < 8; i++) {
                b[i] = shift_rows(b[i]);
            }
            if (round < ROUNDS) {
                mix_columns(b);
            }
            for (int i = 0; i < 8; i++) {
                b[i] ^= keys[round][i];
            }
        }
        transpose(b);
        memcpy(out + AES_BLOCK_LENGTH * at, b, AES_BLOCK_LENGTH * (blocks - at < LANES ? blocks - at : LANES));
    }
    sodium_memzero(keys, sizeof keys);
    sodium_memzero(b, sizeof b);
}

static void (*stream)(uint8_t *out, size_t blocks, const uint8_t key[16]) = stream_planes;

void aes_init(void)
{
    void (*native)(uint8_t *, size_t, const uint8_t *) = processor_aes128();

    if (native) {
        stream = native;
    }
}

void aes128_stream(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    stream(out, blocks, key);
}
