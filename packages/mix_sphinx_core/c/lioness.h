/* LIONESS: a block cipher over a whole payload, from ChaCha20 and keyed BLAKE2b (Anderson and Biham). */
#ifndef LIONESS_H
#define LIONESS_H

#include <stddef.h>
#include <stdint.h>

/* In place; the key has 192 bytes, and the block more than 32. */
void lioness_encrypt(uint8_t *block, size_t length, const uint8_t *key);
void lioness_decrypt(uint8_t *block, size_t length, const uint8_t *key);

#endif
