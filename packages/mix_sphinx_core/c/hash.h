/* SHA-256 with HMAC and HKDF (RFC 2104, RFC 5869), for the few keys, salts and lengths that Sphinx has. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LENGTH 32

/* How many messages of the same length the functions below take at once: they are hashed side by side. */
#define HASH_LANES 4

/* FIPS 180-4, the K of the rounds */
extern const uint32_t sha256_constants[64];

/* Chooses the fastest SHA-256 that this processor has; call it once, before anything else. */
void hash_init(void);

/* HMAC-SHA256 with keys of at most 64 bytes. */
void hmac_sha256(uint8_t (*out)[SHA256_LENGTH], const uint8_t *const *keys, size_t key_length,
                 const uint8_t *const *data, size_t length, size_t count);

/* The first `length` bytes that shared secrets (32 bytes) expand to, see geometry.h; `out` is filled up to a multiple of
   32 bytes. */
void expand_shared_secrets(uint8_t *const *out, size_t length, const uint8_t *const *secrets, size_t count);

/* The LIONESS keys (192 bytes) of seeds (16 bytes). */
void payload_keys_from_seeds(uint8_t *const *out, const uint8_t *const *seeds, size_t count);

#endif
