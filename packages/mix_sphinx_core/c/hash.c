#include "hash.h"

#include <string.h>

#include "crypto_hash_sha256.h"
#include "utils.h"

#include "geometry.h"
#include "processor.h"

#define BLOCK_LENGTH 64

static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const char expansion_info[] =
    "Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha kinisw thn gh.";
static const char payload_key_salt[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT";
static const char payload_key_info[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO";

/* Both salts never change: HKDF's extraction starts from these. */
static hmac_key expansion_salt_key, payload_salt_key;

typedef void (*compress_function)(uint32_t state[8], const uint8_t *blocks, size_t count);

/* libsodium has no name for its compression function; whole blocks fed to an empty state run it and nothing else. */
static void compress_sodium(uint32_t state[8], const uint8_t *blocks, size_t count)
{
    crypto_hash_sha256_state whole;

    memcpy(whole.state, state, sizeof whole.state);
    whole.count = 0;
    crypto_hash_sha256_update(&whole, blocks, count * BLOCK_LENGTH);
    memcpy(state, whole.state, sizeof whole.state);
    sodium_memzero(&whole, sizeof whole.state);
}

static compress_function compress = compress_sodium;

static void store_be(uint8_t *out, const uint32_t state[8])
{
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t) (state[i] >> 24);
        out[4 * i + 1] = (uint8_t) (state[i] >> 16);
        out[4 * i + 2] = (uint8_t) (state[i] >> 8);
        out[4 * i + 3] = (uint8_t) state[i];
    }
}

/* Pads the last `rest` bytes of `length` and compresses them; `tail` has room for two blocks and begins with them. */
static void finish(uint32_t state[8], uint8_t *tail, size_t rest, size_t length)
{
    size_t blocks = rest + 9 > BLOCK_LENGTH ? 2 : 1;
    uint64_t bits = (uint64_t) length * 8;

    memset(tail + rest, 0, blocks * BLOCK_LENGTH - rest);
    tail[rest] = 0x80;
    for (int i = 0; i < 8; i++) {
        tail[blocks * BLOCK_LENGTH - 1 - i] = (uint8_t) (bits >> 8 * i);
    }
    compress(state, tail, blocks);
}

void hmac_set_key(hmac_key *state, const uint8_t *key, size_t key_length)
{
    uint8_t block[BLOCK_LENGTH];

    memset(block, 0x36, sizeof block);
    for (size_t i = 0; i < key_length; i++) {
        block[i] ^= key[i];
    }
    memcpy(state->inner, initial_state, sizeof initial_state);
    compress(state->inner, block, 1);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    memcpy(state->outer, initial_state, sizeof initial_state);
    compress(state->outer, block, 1);
    sodium_memzero(block, sizeof block);
}

void hmac_sha256(uint8_t out[SHA256_LENGTH], const hmac_key *key, const uint8_t *data, size_t length)
{
    uint8_t tail[2 * BLOCK_LENGTH];
    uint32_t state[8];
    size_t whole = length / BLOCK_LENGTH, rest = length % BLOCK_LENGTH;

    memcpy(state, key->inner, sizeof state);
    if (whole) {
        compress(state, data, whole);
    }
    if (rest) {
        memcpy(tail, data + whole * BLOCK_LENGTH, rest);
    }
    finish(state, tail, rest, BLOCK_LENGTH + length);
    store_be(tail, state);
    memcpy(state, key->outer, sizeof state);
    finish(state, tail, SHA256_LENGTH, BLOCK_LENGTH + SHA256_LENGTH);
    store_be(out, state);
    sodium_memzero(tail, sizeof tail);
    sodium_memzero(state, sizeof state);
}

/* HKDF with a prepared salt; `length` is a multiple of 32, and the info has at most 100 bytes. */
static void hkdf(uint8_t *out, size_t length, const hmac_key *salt, const uint8_t *secret, size_t secret_length,
                 const char *info, size_t info_length)
{
    uint8_t message[SHA256_LENGTH + 100 + 1];
    uint8_t pseudorandom[SHA256_LENGTH];
    hmac_key key;

    hmac_sha256(pseudorandom, salt, secret, secret_length);
    hmac_set_key(&key, pseudorandom, sizeof pseudorandom);
    memcpy(message + SHA256_LENGTH, info, info_length);
    message[SHA256_LENGTH + info_length] = 1;
    hmac_sha256(out, &key, message + SHA256_LENGTH, info_length + 1);
    for (size_t done = SHA256_LENGTH; done < length; done += SHA256_LENGTH) {
        memcpy(message, out + done - SHA256_LENGTH, SHA256_LENGTH);
        message[SHA256_LENGTH + info_length] = (uint8_t) (done / SHA256_LENGTH + 1);
        hmac_sha256(out + done, &key, message, SHA256_LENGTH + info_length + 1);
    }
    sodium_memzero(message, sizeof message);
    sodium_memzero(pseudorandom, sizeof pseudorandom);
    sodium_memzero(&key, sizeof key);
}

void expand_shared_secret(uint8_t *out, size_t length, const uint8_t shared[32])
{
    length = (length + SHA256_LENGTH - 1) / SHA256_LENGTH * SHA256_LENGTH;
    hkdf(out, length, &expansion_salt_key, shared, 32, expansion_info, sizeof expansion_info - 1);
}

void payload_key_from_seed(uint8_t out[PAYLOAD_KEY_LENGTH], const uint8_t seed[PAYLOAD_SEED_LENGTH])
{
    hkdf(out, PAYLOAD_KEY_LENGTH, &payload_salt_key, seed, PAYLOAD_SEED_LENGTH, payload_key_info,
         sizeof payload_key_info - 1);
}

void hash_init(void)
{
    compress_function native = processor_sha256();

    if (native) {
        compress = native;
    }
    hmac_set_key(&expansion_salt_key, NULL, 0);
    hmac_set_key(&payload_salt_key, (const uint8_t *) payload_key_salt, sizeof payload_key_salt - 1);
}
