#include "lioness.h"

#include "blake2.h"
#include "crypto_stream_chacha20.h"
#include "utils.h"

#include "geometry.h"

#define SECOND_KEY LEFT_LENGTH
#define THIRD_KEY (SECOND_KEY + HASH_KEY_LENGTH)
#define FOURTH_KEY (THIRD_KEY + LEFT_LENGTH)

/* The right part, encrypted under the left part and a key. */
static void stream_round(uint8_t *block, size_t length, const uint8_t *key)
{
    static const uint8_t nonce[8];
    uint8_t mixed[LEFT_LENGTH];

    for (int i = 0; i < LEFT_LENGTH; i++) {
        mixed[i] = block[i] ^ key[i];
    }
    crypto_stream_chacha20_xor_ic(block + LEFT_LENGTH, block + LEFT_LENGTH, length - LEFT_LENGTH, nonce, 0, mixed);
    sodium_memzero(mixed, sizeof mixed);
}

/* The left part, changed by a hash of the right part. */
static void hash_round(uint8_t *block, size_t length, const uint8_t *key)
{
    uint8_t digest[LEFT_LENGTH];

    blake2b(digest, block + LEFT_LENGTH, key, LEFT_LENGTH, length - LEFT_LENGTH, HASH_KEY_LENGTH);
    for (int i = 0; i < LEFT_LENGTH; i++) {
        block[i] ^= digest[i];
    }
    sodium_memzero(digest, sizeof digest);
}

void lioness_encrypt(uint8_t *block, size_t length, const uint8_t *key)
{
    stream_round(block, length, key);
    hash_round(block, length, key + SECOND_KEY);
    stream_round(block, length, key + THIRD_KEY);
    hash_round(block, length, key + FOURTH_KEY);
}

void lioness_decrypt(uint8_t *block, size_t length, const uint8_t *key)
{
    hash_round(block, length, key + FOURTH_KEY);
    stream_round(block, length, key + THIRD_KEY);
    hash_round(block, length, key + SECOND_KEY);
    stream_round(block, length, key);
}
