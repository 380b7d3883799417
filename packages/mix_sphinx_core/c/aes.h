/* The stream of AES-128 in counter mode from the zero counter, in a time that depends on nothing but the length. */
#ifndef AES_H
#define AES_H

#include <stddef.h>
#include <stdint.h>

#define AES_BLOCK_LENGTH 16

/* Chooses the processor's own AES where it has one; call it once, before anything else. */
void aes_init(void);

/* Writes `blocks` blocks, 256 at most. */
void aes128_stream(uint8_t *out, size_t blocks, const uint8_t key[16]);

#endif
