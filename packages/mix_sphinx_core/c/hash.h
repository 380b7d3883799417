/* SHA-256 with HMAC and HKDF (RFC 2104, RFC 5869), for the few keys, salts and lengths that Sphinx has. */
#ifndef HASH_H
#define HASH_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_LENGTH 32

/* The states of the two hashes of HMAC after their first block, which depends on the key alone. */
typedef struct {
    uint32_t inner[8];
    uint32_t outer[8];
} hmac_key;

/* Chooses the fastest SHA-256 that this processor has; call it once, before anything else. */
void hash_init(void);

/* key_length at most 64 */
void hmac_set_key(hmac_key *state, const uint8_t *key, size_t key_length);
void hmac_sha256(uint8_t out[SHA256_LENGTH], const hmac_key *key, const uint8_t *data, size_t length);

/* The first `length` bytes that a shared secret expands to (see geometry.h), rounded up to whole blocks of 32 in `out`. */
void expand_shared_secret(uint8_t *out, size_t length, const uint8_t shared[32]);

/* The LIONESS key of a 16-byte seed. */
void payload_key_from_seed(uint8_t out[192], const uint8_t seed[16]);

#endif
