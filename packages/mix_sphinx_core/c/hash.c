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

const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const char expansion_info[] =
    "Dwste mou enan moxlo arketa makru kai ena upomoxlio gia na ton topothetisw kai tha kinisw thn gh.";
static const char payload_key_salt[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-SALT";
static const char payload_key_info[] = "sphinx-payload-key-V01-CS01-HKDF:SHA256-INFO";

/* The states of the two hashes of HMAC after their first block, which depends on the key alone. */
typedef struct {
    uint32_t inner[8];
    uint32_t outer[8];
} hmac_key;

/* Both salts never change: HKDF's extraction starts from these. */
static hmac_key expansion_salt, payload_salt;

typedef void (*compress_function)(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count);

static void store_be(uint8_t *out, const uint32_t state[8])
{
    for (int i = 0; i < 8; i++) {
        out[4 * i] = (uint8_t) (state[i] >> 24);
        out[4 * i + 1] = (uint8_t) (state[i] >> 16);
        out[4 * i + 2] = (uint8_t) (state[i] >> 8);
        out[4 * i + 3] = (uint8_t) state[i];
    }
}

/* libsodium has no name for its compression function; whole blocks fed to an empty state run it and nothing else. */
static void compress_one(uint32_t state[8], const uint8_t *data, size_t blocks)
{
    crypto_hash_sha256_state whole;

    memcpy(whole.state, state, sizeof whole.state);
    whole.count = 0;
    crypto_hash_sha256_update(&whole, data, blocks * BLOCK_LENGTH);
    memcpy(state, whole.state, sizeof whole.state);
    sodium_memzero(whole.state, sizeof whole.state);
}

/* One after the other: vectors of 32-bit lanes, which have no rotation, gain nothing. */
static void compress_sodium(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        compress_one(states[k], data[k], blocks);
    }
}

static compress_function compress = compress_sodium;

/* Pads the last `rest` bytes of `length` in each buffer, which has room for two blocks, and compresses them. */
static void finish(uint32_t (*states)[8], uint8_t (*tails)[2 * BLOCK_LENGTH], size_t rest, size_t length, size_t count)
{
    const size_t blocks = rest + 9 > BLOCK_LENGTH ? 2 : 1;
    const uint8_t *data[HASH_LANES];

    for (size_t k = 0; k < count; k++) {
        uint8_t *const end = tails[k] + blocks * BLOCK_LENGTH;

        memset(tails[k] + rest, 0, blocks * BLOCK_LENGTH - rest);
        tails[k][rest] = 0x80;
        for (int i = 0; i < 4; i++) {
            end[-1 - i] = (uint8_t) (8 * length >> 8 * i);
        }
        data[k] = tails[k];
    }
    compress(states, data, blocks, count);
}

static void set_keys(hmac_key *states, const uint8_t *const *keys, size_t key_length, size_t count)
{
    uint8_t blocks[HASH_LANES][BLOCK_LENGTH];
    uint32_t hashes[HASH_LANES][8];
    const uint8_t *data[HASH_LANES];

    for (int outer = 0; outer < 2; outer++) {
        for (size_t k = 0; k < count; k++) {
            memset(blocks[k], outer ? 0x5c : 0x36, BLOCK_LENGTH);
            for (size_t i = 0; i < key_length; i++) {
                blocks[k][i] ^= keys[k][i];
            }
            memcpy(hashes[k], initial_state, sizeof initial_state);
            data[k] = blocks[k];
        }
        compress(hashes, data, 1, count);
        for (size_t k = 0; k < count; k++) {
            memcpy(outer ? states[k].outer : states[k].inner, hashes[k], sizeof hashes[k]);
        }
    }
    sodium_memzero(blocks, sizeof blocks);
    sodium_memzero(hashes, sizeof hashes);
}

/* HMAC with prepared keys; `step` is 0 if they all are the first. */
static void authenticate(uint8_t *const *out, const hmac_key *keys, size_t step, const uint8_t *const *data,
                         size_t length, size_t count)
{
    const size_t whole = length / BLOCK_LENGTH, rest = length % BLOCK_LENGTH;
    uint8_t tails[HASH_LANES][2 * BLOCK_LENGTH];
    uint32_t states[HASH_LANES][8];

    for (size_t k = 0; k < count; k++) {
        memcpy(states[k], keys[k * step].inner, sizeof states[k]);
        memcpy(tails[k], data[k] + whole * BLOCK_LENGTH, rest);
    }
    if (whole) {
        compress(states, data, whole, count);
    }
    finish(states, tails, rest, BLOCK_LENGTH + length, count);
    for (size_t k = 0; k < count; k++) {
        store_be(tails[k], states[k]);
        memcpy(states[k], keys[k * step].outer, sizeof states[k]);
    }
    finish(states, tails, SHA256_LENGTH, BLOCK_LENGTH + SHA256_LENGTH, count);
    for (size_t k = 0; k < count; k++) {
        store_be(out[k], states[k]);
    }
    sodium_memzero(tails, sizeof tails);
    sodium_memzero(states, sizeof states);
}

void hmac_sha256(uint8_t (*out)[SHA256_LENGTH], const uint8_t *const *keys, size_t key_length,
                 const uint8_t *const *data, size_t length, size_t count)
{
    hmac_key states[HASH_LANES];
    uint8_t *digests[HASH_LANES];

    for (size_t k = 0; k < count; k++) {
        digests[k] = out[k];
    }
    set_keys(states, keys, key_length, count);
    authenticate(digests, states, 1, data, length, count);
    sodium_memzero(states, sizeof states);
}

#define MAX_INFO_LENGTH (sizeof expansion_info - 1)

/* HKDF (RFC 5869) with a prepared salt, to a length that is a multiple of 32. */
static void expand(uint8_t *const *out, size_t length, const hmac_key *salt, const uint8_t *const *secrets,
                   size_t secret_length, const char *info, size_t info_length, size_t count)
{
    uint8_t messages[HASH_LANES][SHA256_LENGTH + MAX_INFO_LENGTH + 1], pseudorandom[HASH_LANES][SHA256_LENGTH];
    const uint8_t *inputs[HASH_LANES];
    uint8_t *outputs[HASH_LANES];
    hmac_key keys[HASH_LANES];

    for (size_t k = 0; k < count; k++) {
        outputs[k] = pseudorandom[k];
        inputs[k] = pseudorandom[k];
        memcpy(messages[k] + SHA256_LENGTH, info, info_length);
    }
    authenticate(outputs, salt, 0, secrets, secret_length, count);
    set_keys(keys, inputs, SHA256_LENGTH, count);
    for (size_t done = 0; done < length; done += SHA256_LENGTH) {
        const size_t skipped = done ? 0 : SHA256_LENGTH; /* the first has no block before it */

        for (size_t k = 0; k < count; k++) {
            if (done) {
                memcpy(messages[k], out[k] + done - SHA256_LENGTH, SHA256_LENGTH);
            }
            messages[k][SHA256_LENGTH + info_length] = (uint8_t) (done / SHA256_LENGTH + 1);
            inputs[k] = messages[k] + skipped;
            outputs[k] = out[k] + done;
        }
        authenticate(outputs, keys, 1, inputs, SHA256_LENGTH - skipped + info_length + 1, count);
    }
    sodium_memzero(messages, sizeof messages);
    sodium_memzero(pseudorandom, sizeof pseudorandom);
    sodium_memzero(keys, sizeof keys);
}

void expand_shared_secrets(uint8_t *const *out, size_t length, const uint8_t *const *secrets, size_t count)
{
    expand(out, length, &expansion_salt, secrets, 32, expansion_info, sizeof expansion_info - 1, count);
}

void payload_keys_from_seeds(uint8_t *const *out, const uint8_t *const *seeds, size_t count)
{
    expand(out, PAYLOAD_KEY_LENGTH, &payload_salt, seeds, PAYLOAD_SEED_LENGTH, payload_key_info,
           sizeof payload_key_info - 1, count);
}

void hash_init(void)
{
    const uint8_t *const salts[] = {(const uint8_t *) "", (const uint8_t *) payload_key_salt};
    compress_function native = processor_sha256();

    if (native) {
        compress = native;
    }
    set_keys(&expansion_salt, &salts[0], 0, 1);
    set_keys(&payload_salt, &salts[1], sizeof payload_key_salt - 1, 1);
}
