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

/* The MACs over the routing information of some headers, HASH_LANES at most; `keys` are expanded secrets. */
static void compute_macs(uint8_t (*macs)[SHA256_LENGTH], const uint8_t *const *keys, const uint8_t *const *routings,
                         size_t count)
{
    const uint8_t *mac_keys[HASH_LANES];

    for (size_t k = 0; k < count; k++) {
        mac_keys[k] = keys[k] + MAC_KEY_OFFSET;
    }
    hmac_sha256(macs, mac_keys, MAC_KEY_LENGTH, routings, ROUTING_LENGTH, count);
}

/* The LIONESS keys of the hops of a route. */
static void expand_seeds(uint8_t (*out)[PAYLOAD_KEY_LENGTH], const uint8_t *const *seeds, size_t hops)
{
    uint8_t *outputs[MAX_HOPS];

    for (size_t i = 0; i < hops; i++) {
        outputs[i] = out[i];
    }
    for (size_t done = 0; done < hops; done += HASH_LANES) {
        payload_keys_from_seeds(outputs + done, seeds + done, hops - done < HASH_LANES ? hops - done : HASH_LANES);
    }
}

/* The version that versions up to 258 and later ones mean; unknown ones are taken to be seeded. */
static int has_full_payload_key(const uint8_t *meta)
{
    const uint32_t version = (uint32_t) meta[1] << 16 | (uint32_t) meta[2] << 8 | meta[3];

    return version == 1 || version == 257 || version == 258;
}

#define FORWARD_KEYS_LENGTH (BLINDING_OFFSET + POINT_LENGTH)
#define SEEDED_KEYS_LENGTH (PAYLOAD_KEY_OFFSET + PAYLOAD_SEED_LENGTH)
#define FULL_KEYS_LENGTH BLINDING_OFFSET

/* How much of the expanded secret a sender needs of a hop: the last one's blinding factor multiplies nothing. */
static size_t needed_length(const build_request *request, size_t hop)
{
    if (hop + 1 < request->hops) {
        return FORWARD_KEYS_LENGTH;
    }
    return request->payload && !request->is_seeded ? FULL_KEYS_LENGTH : SEEDED_KEYS_LENGTH;
}

/* The keys of one hop of those requests that have it, out of the secrets shared with it: equal lengths side by side. */
static void expand_hop(build_request *const *requests, size_t count, size_t hop, uint8_t (*shared)[32])
{
    size_t next = 0;
    struct {
        size_t length, count;
        uint8_t *out[HASH_LANES];
        const uint8_t *secrets[HASH_LANES];
    } groups[] = {{.length = FORWARD_KEYS_LENGTH}, {.length = SEEDED_KEYS_LENGTH}, {.length = FULL_KEYS_LENGTH}};

    for (size_t i = 0; i < count; i++) {
        if (hop < requests[i]->hops) {
            const size_t length = needed_length(requests[i], hop);
            const size_t g = length == FORWARD_KEYS_LENGTH ? 0 : length == SEEDED_KEYS_LENGTH ? 1 : 2;

            groups[g].out[groups[g].count] = requests[i]->keys[hop];
            groups[g].secrets[groups[g].count++] = shared[next++];
            if (groups[g].count == HASH_LANES) {
                expand_shared_secrets(groups[g].out, length, groups[g].secrets, HASH_LANES);
                groups[g].count = 0;
            }
        }
    }
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        if (groups[g].count) {
            expand_shared_secrets(groups[g].out, groups[g].length, groups[g].secrets, groups[g].count);
        }
    }
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
        expand_hop(requests, count, hop, u + alphas);
        for (size_t i = 0; i < count; i++) {
            build_request *const request = requests[i];

            if (hop + 1 < request->hops) {
                curve_clamp(clamped, request->keys[hop] + BLINDING_OFFSET);
                sc25519_mul(request->scalar, request->scalar, clamped);
            }
        }
    }
    sodium_memzero(clamped, sizeof clamped);
}

/* MACs and routing information, wrapped from the last hop outwards, of some requests (HASH_LANES at most) whose routes
   have the same length. */
static void wrap(build_request *const *requests, size_t count)
{
    uint8_t streams[HASH_LANES][MAX_HOPS][STREAM_BLOCKS * AES_BLOCK_LENGTH], macs[HASH_LANES][SHA256_LENGTH];
    const size_t last = requests[0]->hops - 1, filler_length = last * ROUTING_STEP_LENGTH;
    const uint8_t *keys[HASH_LANES], *routings[HASH_LANES];

    for (size_t i = last + 1; i-- > 0;) {
        for (size_t k = 0; k < count; k++) {
            const build_request *const request = requests[k];
            uint8_t *const routing = request->header + ROUTING_OFFSET;
            uint8_t *const filler = routing + ROUTING_LENGTH - filler_length;

            keys[k] = request->keys[i];
            routings[k] = routing;
            if (i < last) {
                memmove(routing + ROUTING_STEP_LENGTH, routing, ROUTING_LENGTH - ROUTING_STEP_LENGTH);
                memcpy(routing, request->metas + i * FORWARD_META_LENGTH, FORWARD_META_LENGTH);
                memcpy(routing + FORWARD_META_LENGTH, macs[k], MAC_LENGTH);
                xor_into(routing, streams[k][i], ROUTING_LENGTH);
                continue;
            }
            /* The filler: what the hops before the last will have appended by shifting in encrypted zeros. */
            memset(filler, 0, filler_length);
            for (size_t hop = 0; hop <= last; hop++) {
                const size_t length = (hop + 1) * ROUTING_STEP_LENGTH;

                aes128_stream(streams[k][hop], STREAM_BLOCKS, request->keys[hop]);
                if (hop < last) {
                    xor_into(filler, streams[k][hop] + ROUTING_STREAM_LENGTH - length, length);
                }
            }
            memcpy(routing, request->metas + last * FORWARD_META_LENGTH, FINAL_META_LENGTH);
            memcpy(routing + FINAL_META_LENGTH, request->padding, ROUTING_LENGTH - FINAL_META_LENGTH - filler_length);
            xor_into(routing, streams[k][last], ROUTING_LENGTH - filler_length);
        }
        compute_macs(macs, keys, routings, count);
    }
    for (size_t k = 0; k < count; k++) {
        memcpy(requests[k]->header + POINT_LENGTH, macs[k], MAC_LENGTH);
    }
    sodium_memzero(streams, sizeof streams);
}

static void encrypt_payload(build_request *request)
{
    uint8_t expanded[MAX_HOPS][PAYLOAD_KEY_LENGTH];
    const uint8_t *keys[MAX_HOPS] = {NULL};

    if (request->carried) {
        memcpy(request->payload + request->carried_at, request->carried, request->carried_length);
    }
    for (size_t i = 0; i < request->hops; i++) {
        keys[i] = request->keys[i] + PAYLOAD_KEY_OFFSET;
    }
    if (request->is_seeded) {
        expand_seeds(expanded, keys, request->hops);
    }
    for (size_t i = request->hops; i-- > 0;) {
        lioness_encrypt(request->payload, request->payload_length, request->is_seeded ? expanded[i] : keys[i]);
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
    for (size_t done = 0, now; done < count; done += now) {
        now = 1;
        while (now < HASH_LANES && done + now < count && requests[done + now]->hops == requests[done]->hops) {
            now++;
        }
        wrap(requests + done, now);
    }
    for (size_t i = 0; i < count; i++) {
        build_request *const request = requests[i];

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
    uint8_t expanded[MAX_HOPS][PAYLOAD_KEY_LENGTH];
    const uint8_t *keys[MAX_HOPS] = {NULL};

    for (size_t i = 0; i < hops; i++) {
        keys[i] = material + i * (is_seeded ? PAYLOAD_SEED_LENGTH : PAYLOAD_KEY_LENGTH);
    }
    if (is_seeded) {
        expand_seeds(expanded, keys, hops);
    }
    for (size_t i = hops; i-- > 0;) {
        lioness_encrypt(payload, length, is_seeded ? expanded[i] : keys[i]);
    }
    sodium_memzero(expanded, sizeof expanded);
}

void sphinx_unseal(uint8_t *payload, size_t length, const uint8_t *seeds, size_t hops)
{
    uint8_t expanded[1][PAYLOAD_KEY_LENGTH];
    const uint8_t *const last = seeds + (hops - 1) * PAYLOAD_SEED_LENGTH;

    sphinx_seal(payload, length, seeds, hops, 1);
    expand_seeds(expanded, &last, 1);
    lioness_decrypt(payload, length, expanded[0]);
    sodium_memzero(expanded, sizeof expanded);
}

/* Takes off a layer, given the expanded secret; the packet's alpha is the next hop's already. */
static void take_layer(node_packet *packet, const uint8_t *keys)
{
    uint8_t block[STREAM_BLOCKS * AES_BLOCK_LENGTH], expanded[1][PAYLOAD_KEY_LENGTH];
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
            expand_seeds(expanded, &payload_key, 1);
            payload_key = expanded[0];
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
    uint8_t results[LADDER_BATCH][32], macs[LADDER_BATCH][SHA256_LENGTH];
    const uint8_t *shared[LADDER_BATCH], *routings[LADDER_BATCH];
    uint8_t *expanded[LADDER_BATCH];
    node_packet *authentic[LADDER_BATCH];
    const uint8_t *authentic_keys[LADDER_BATCH];
    size_t authentic_count = 0;

    for (size_t i = 0; i < count; i++) {
        memcpy(secrets[i], secret, 32);
        memcpy(points[i], packets[i]->packet, POINT_LENGTH);
        shared[i] = results[i];
        expanded[i] = keys[i];
        routings[i] = packets[i]->packet + ROUTING_OFFSET;
    }
    ladder_x25519(results, secrets, points, count);
    for (size_t done = 0; done < count; done += HASH_LANES) {
        const size_t now = count - done < HASH_LANES ? count - done : HASH_LANES;

        expand_shared_secrets(expanded + done, EXPANDED_LENGTH, shared + done, now);
        compute_macs(macs + done, (const uint8_t *const *) expanded + done, routings + done, now);
    }
    for (size_t i = 0; i < count; i++) {
        node_packet *const packet = packets[i];
        const int is_zero = sodium_is_zero(results[i], sizeof results[i]);

        DECLASSIFY(&is_zero, sizeof is_zero);
        DECLASSIFY(macs[i], MAC_LENGTH); /* compared below in constant time all the same */
        if (is_zero || sodium_memcmp(macs[i], packet->packet + POINT_LENGTH, MAC_LENGTH) != 0) {
            packet->outcome = is_zero ? BAD_KEY : BAD_MAC;
            continue;
        }
        memcpy(packet->tag, keys[i] + REPLAY_TAG_OFFSET, REPLAY_TAG_LENGTH);
        memcpy(secrets[authentic_count], keys[i] + BLINDING_OFFSET, 32);
        memcpy(points[authentic_count], packet->packet, POINT_LENGTH);
        authentic_keys[authentic_count] = keys[i];
        authentic[authentic_count++] = packet;
    }
    ladder_x25519(results, secrets, points, authentic_count);
    for (size_t i = 0; i < authentic_count; i++) {
        memcpy(authentic[i]->packet, results[i], POINT_LENGTH);
        take_layer(authentic[i], authentic_keys[i]);
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
