/* SHA-256 and AES with the instructions that a processor has for them; NULL where it has none. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stddef.h>
#include <stdint.h>

/* Whether there are vectors of 512 bits (AVX-512 F, BW, DQ and VL), and the system keeps their registers. */
int processor_has_avx512(void);

/* Compresses `blocks` blocks of 64 bytes each into `count` states. */
void (*processor_sha256(void))(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count);

/* Writes whole blocks of the AES-128-CTR stream that starts at the zero counter. */
void (*processor_aes128(void))(uint8_t *out, size_t blocks, const uint8_t key[16]);

#endif
