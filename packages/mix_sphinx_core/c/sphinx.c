#include "sphinx.h"

#include <stdlib.h>
#include <string.h>

#include "utils.h"

#include "aes.h"
#include "declassify.h"
#include "hash.h"
#include "ladder.h"
#include "lioness.h"

#define STREAM_BLOCKS ((ROUTING_STREAM_LENGTH + AES_BLOCK_LENGTH - 1) / AES_BLOCK_LENGTH)
#define MAX_BATCH 64 /* requests that share a division: more would save nothing that can be measured */

int sphinx_is_payload_length(size_t length)
{
    return length == REGULAR_LENGTH || length == ACK_LENGTH || length == EXTENDED_8_LENGTH ||
           length == EXTENDED_16_LENGTH || length == EXTENDED_32_LENGTH;
}

static void xor_into(uint8_t *out, const uint8_t *with, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        out[i] ^= with[i];
    }
}

static void compute_mac(uint8_t mac[MAC_LENGTH], const uint8_t *keys, const uint8_t *routing)
{
    uint8_t digest[SHA256_LENGTH];
    hmac_key key;

    hmac_set_key(&key, keys + MAC_KEY_OFFSET, MAC_KEY_LENGTH);
    hmac_sha256(digest, &key, routing, ROUTING_LENGTH);
    memcpy(mac, digest, MAC_LENGTH);
    sodium_memzero(&key, sizeof key);
}

/* The version that versions up to 258 and later ones mean; unknown ones are taken to be seeded. */
static int has_full_payload_key(const uint8_t *meta)
{
    const uint32_t version = (uint32_t) meta[1] << 16 | (uint32_t) meta[2] << 8 | meta[3];

    return version == 1 || version == 257 || version == 258;
}

/* How much of the expanded secret a sender needs of a hop: the last one's blinding factor multiplies nothing. */
static size_t needed_length(const build_request *request, size_t hop)
{
    if (hop + 1 < request->hops) {
        return BLINDING_OFFSET + POINT_LENGTH;
    }
    return request->payload && !request->is_seeded ? BLINDING_OFFSET : PAYLOAD_KEY_OFFSET + PAYLOAD_SEED_LENGTH;
}

/* The keys of all hops and the first alpha, for a batch: hop by hop, as each needs the blinding factors before it.
   There is room for twice as many fractions and coordinates as requests. */
static void agree(build_request *const *requests, size_t count, curve_fraction *fractions, uint8_t (*u)[32])
{
    uint8_t clamped[32];

    for (size_t i = 0; i < count; i++) {
        curve_clamp(clamped, requests[i]->secret);
        curve_multiply_base(&fractions[i], clamped);
        curve_eighth(requests[i]->scalar, clamped);
    }
    for (size_t hop = 0; hop < MAX_HOPS; hop++) {
        const size_t alphas = hop == 0 ? count : 0; /* are divided along with the first hop's */
        size_t active = alphas;

        for (size_t i = 0; i < count; i++) {
            if (hop < requests[i]->hops) {
                curve_multiply(&fractions[active++], *requests[i]->tables[hop], requests[i]->scalar);
            }
        }
        curve_divide(u, fractions, active);
        for (size_t i = 0; i < alphas; i++) {
            memcpy(requests[i]->header, u[i], POINT_LENGTH);
        }
        active = alphas;
        for (size_t i = 0; i < count; i++) {
            build_request *const request = requests[i];

            if (hop < request->hops) {
                expand_shared_secret(request->keys[hop], needed_length(request, hop), u[active++]);
                if (hop + 1 < request->hops) {
                    curve_clamp(clamped, request->keys[hop] + BLINDING_OFFSET);
                    sc25519_mul(request->scalar, request->scalar, clamped);
                }
            }
        }
    }
    sodium_memzero(clamped, sizeof clamped);
}

/* MAC and routing information, wrapped from the last hop outwards. */
static void wrap(build_request *request)
{
    uint8_t streams[MAX_HOPS][STREAM_BLOCKS * AES_BLOCK_LENGTH];
    uint8_t *const mac = request->header + POINT_LENGTH, *const routing = request->header + ROUTING_OFFSET;
    const size_t last = request->hops - 1, filler_length = last * ROUTING_STEP_LENGTH;
    uint8_t *const filler = routing + ROUTING_LENGTH - filler_length;

    for (size_t i = 0; i <= last; i++) {
        aes128_stream(streams[i], STREAM_BLOCKS, request->keys[i]);
    }
    /* The filler: what the hops before the last will have appended by shifting in encrypted zeros. */
    memset(filler, 0, filler_length);
    for (size_t i = 0; i < last; i++) {
        const size_t length = (i + 1) * ROUTING_STEP_LENGTH;

        xor_into(filler, streams[i] + ROUTING_STREAM_LENGTH - length, length);
    }
    memcpy(routing, request->metas + last * FORWARD_META_LENGTH, FINAL_META_LENGTH);
    memcpy(routing + FINAL_META_LENGTH, request->padding, ROUTING_LENGTH - FINAL_META_LENGTH - filler_length);
    xor_into(routing, streams[last], ROUTING_LENGTH - filler_length);
    compute_mac(mac, request->keys[last], routing);
    for (size_t i = last; i-- > 0;) {
        memmove(routing + ROUTING_STEP_LENGTH, routing, ROUTING_LENGTH - ROUTING_STEP_LENGTH);
        memcpy(routing, request->metas + i * FORWARD_META_LENGTH, FORWARD_META_LENGTH);
        memcpy(routing + FORWARD_META_LENGTH, mac, MAC_LENGTH);
        xor_into(routing, streams[i], ROUTING_LENGTH);
        compute_mac(mac, request->keys[i], routing);
    }
    sodium_memzero(streams, sizeof streams);
}

static void encrypt_payload(build_request *request)
{
    uint8_t expanded[PAYLOAD_KEY_LENGTH];

    if (request->carried) {
        memcpy(request->payload + request->carried_at, request->carried, request->carried_length);
    }
    for (size_t i = request->hops; i-- > 0;) {
        const uint8_t *key = request->keys[i] + PAYLOAD_KEY_OFFSET;

        if (request->is_seeded) {
            payload_key_from_seed(expanded, key);
            key = expanded;
        }
        lioness_encrypt(request->payload, request->payload_length, key);
    }
    sodium_memzero(expanded, sizeof expanded);
}

int sphinx_build(build_request *const *requests, size_t count)
{
    const size_t batch = count < MAX_BATCH ? count : MAX_BATCH, room = 2 * batch;
    curve_fraction *const fractions = malloc(room * (sizeof *fractions + POINT_LENGTH) + 1);
    uint8_t (*const u)[32] = (uint8_t (*)[32]) (fractions + room);

    if (fractions == NULL) {
        return 0;
    }
    for (size_t done = 0; done < count; done += batch) {
        agree(requests + done, count - done < batch ? count - done : batch, fractions, u);
    }
    sodium_memzero(fractions, room * (sizeof *fractions + POINT_LENGTH));
    free(fractions);
    for (size_t i = 0; i < count; i++) {
        build_request *const request = requests[i];

        wrap(request);
        if (request->seeds) {
            for (size_t hop = 0; hop < request->hops; hop++) {
                memcpy(request->seeds + hop * PAYLOAD_SEED_LENGTH, request->keys[hop] + PAYLOAD_KEY_OFFSET,
                       PAYLOAD_SEED_LENGTH);
            }
        }
        if (request->payload) {
            encrypt_payload(request);
        }
    }
    return 1;
}

int sphinx_agree(agreement *const *agreements, size_t count)
{
    const size_t batch = count < MAX_BATCH ? count : MAX_BATCH;
    curve_fraction *const fractions = malloc(2 * batch * (sizeof *fractions + POINT_LENGTH) + 1);
    uint8_t (*const u)[32] = (uint8_t (*)[32]) (fractions + 2 * batch);
    uint8_t scalar[32];

    if (fractions == NULL) {
        return 0;
    }
    for (size_t done = 0; done < count; done += batch) {
        const size_t now = count - done < batch ? count - done : batch;

        for (size_t i = 0; i < now; i++) {
            curve_clamp(scalar, agreements[done + i]->secret);
            curve_multiply_base(&fractions[2 * i], scalar);
            curve_eighth(scalar, scalar);
            curve_multiply(&fractions[2 * i + 1], *agreements[done + i]->table, scalar);
        }
        curve_divide(u, fractions, 2 * now);
        for (size_t i = 0; i < now; i++) {
            memcpy(agreements[done + i]->public, u[2 * i], POINT_LENGTH);
            memcpy(agreements[done + i]->shared, u[2 * i + 1], POINT_LENGTH);
        }
    }
    sodium_memzero(scalar, sizeof scalar);
    sodium_memzero(fractions, 2 * batch * (sizeof *fractions + POINT_LENGTH));
    free(fractions);
    return 1;
}

void sphinx_seal(uint8_t *payload, size_t length, const uint8_t *material, size_t hops, int is_seeded)
{
    uint8_t expanded[PAYLOAD_KEY_LENGTH];

    for (size_t i = hops; i-- > 0;) {
        if (is_seeded) {
            payload_key_from_seed(expanded, material + i * PAYLOAD_SEED_LENGTH);
            lioness_encrypt(payload, length, expanded);
        }
        else {
            lioness_encrypt(payload, length, material + i * PAYLOAD_KEY_LENGTH);
        }
    }
    sodium_memzero(expanded, sizeof expanded);
}

void sphinx_unseal(uint8_t *payload, size_t length, const uint8_t *seeds, size_t hops)
{
    uint8_t expanded[PAYLOAD_KEY_LENGTH];

    sphinx_seal(payload, length, seeds, hops, 1);
    payload_key_from_seed(expanded, seeds + (hops - 1) * PAYLOAD_SEED_LENGTH);
    lioness_decrypt(payload, length, expanded);
    sodium_memzero(expanded, sizeof expanded);
}

/* Takes off a layer, given the expanded secret; the packet's alpha is the next hop's already. */
static void take_layer(node_packet *packet, const uint8_t *keys)
{
    uint8_t block[STREAM_BLOCKS * AES_BLOCK_LENGTH], expanded[PAYLOAD_KEY_LENGTH];
    uint8_t *const routing = packet->packet + ROUTING_OFFSET;
    const uint8_t *payload_key = keys + PAYLOAD_KEY_OFFSET;

    aes128_stream(block, STREAM_BLOCKS, keys);
    xor_into(block, routing, ROUTING_LENGTH);
    DECLASSIFY(block, FINAL_META_LENGTH);
    packet->outcome = block[0] == FORWARD || block[0] == FINAL ? (packet_outcome) block[0] : UNKNOWN_FLAG;
    memcpy(packet->meta, block, sizeof packet->meta);
    if (packet->outcome != UNKNOWN_FLAG) {
        memcpy(packet->packet + POINT_LENGTH, block + FORWARD_META_LENGTH, MAC_LENGTH);
        memcpy(routing, block + ROUTING_STEP_LENGTH, ROUTING_LENGTH);
        if (!has_full_payload_key(block)) {
            payload_key_from_seed(expanded, payload_key);
            payload_key = expanded;
        }
        lioness_decrypt(packet->packet + HEADER_LENGTH, packet->length - HEADER_LENGTH, payload_key);
    }
    sodium_memzero(block, sizeof block);
    sodium_memzero(expanded, sizeof expanded);
}

/* A batch: the secrets shared with all senders, then the points for the next hops of those that are authentic. */
static void process_batch(node_packet *const *packets, size_t count, const uint8_t secret[32])
{
    uint8_t keys[LADDER_BATCH][EXPANDED_LENGTH], secrets[LADDER_BATCH][32], points[LADDER_BATCH][32];
    uint8_t results[LADDER_BATCH][32], mac[MAC_LENGTH];
    node_packet *authentic[LADDER_BATCH];
    size_t authentic_count = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(secrets[i], secret, 32);
        memcpy(points[i], packets[i]->packet, POINT_LENGTH);
    }
    ladder_x25519(results, secrets, points, count);
    for (size_t i = 0; i < count; i++) {
        node_packet *const packet = packets[i];
        uint8_t *const own_keys = keys[authentic_count];
        const int is_zero = sodium_is_zero(results[i], sizeof results[i]);

        DECLASSIFY(&is_zero, sizeof is_zero);
        if (is_zero) {
            packet->outcome = BAD_KEY;
            continue;
        }
        expand_shared_secret(own_keys, EXPANDED_LENGTH, results[i]);
        compute_mac(mac, own_keys, packet->packet + ROUTING_OFFSET);
        DECLASSIFY(mac, sizeof mac); /* compared below in constant time all the same */
        if (sodium_memcmp(mac, packet->packet + POINT_LENGTH, MAC_LENGTH) != 0) {
            packet->outcome = BAD_MAC;
            continue;
        }
        memcpy(packet->tag, own_keys + REPLAY_TAG_OFFSET, REPLAY_TAG_LENGTH);
        memcpy(secrets[authentic_count], own_keys + BLINDING_OFFSET, 32);
        memcpy(points[authentic_count], packet->packet, POINT_LENGTH);
        authentic[authentic_count++] = packet;
    }
    ladder_x25519(results, secrets, points, authentic_count);
    for (size_t i = 0; i < authentic_count; i++) {
        memcpy(authentic[i]->packet, results[i], POINT_LENGTH);
        take_layer(authentic[i], keys[i]);
    }
    sodium_memzero(keys, sizeof keys);
    sodium_memzero(secrets, sizeof secrets);
    sodium_memzero(results, sizeof results);
}

void sphinx_process(node_packet *packets, size_t count, const uint8_t secret[32])
{
    node_packet *batch[LADDER_BATCH];
    size_t waiting = 0;

    for (size_t i = 0; i < count; i++) {
        if (packets[i].length < HEADER_LENGTH || !sphinx_is_payload_length(packets[i].length - HEADER_LENGTH)) {
            packets[i].outcome = BAD_LENGTH;
            continue;
        }
        batch[waiting++] = &packets[i];
        if (waiting == LADDER_BATCH) {
            process_batch(batch, waiting, secret);
            waiting = 0;
        }
    }
    process_batch(batch, waiting, secret);
}

__attribute__((noinline)) void sphinx_burn_stack(void)
{
    uint8_t stack[16 * 1024];

    sodium_memzero(stack, sizeof stack);
}
