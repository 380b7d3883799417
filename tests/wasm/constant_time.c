/*
 * Runs the Sphinx core under valgrind's memcheck with all secrets marked as undefined memory: a branch or an index that
 * depends on one is reported, and so is any wrong access. (The method is that of Adam Langley's ctgrind.)
 *
 *   constant_time 2|4        with vectors of so many lanes
 *   constant_time leak       branches on a secret, which must be reported
 *
 * Compiled with PORTABLE, nothing of processor.c is used.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>

#include "private/implementations.h"
#include "runtime.h"

#include "aes.h"
#include "hash.h"
#include "processor.h"
#include "sphinx.h"

#ifdef PORTABLE
int processor_has_avx512(void)
{
    return 0;
}

void (*processor_sha256(void))(uint32_t (*states)[8], const uint8_t *const *data, size_t blocks, size_t count)
{
    return NULL;
}

void (*processor_aes128(void))(uint8_t *out, size_t blocks, const uint8_t key[16])
{
    return NULL;
}
#endif

#define REQUESTS 3

static uint64_t seed = 88172645463325252u;

static void fill(uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        out[i] = (uint8_t) (seed >> 24);
    }
}

static void hide(void *memory, size_t length)
{
    VALGRIND_MAKE_MEM_UNDEFINED(memory, length);
}

static void show(void *memory, size_t length)
{
    VALGRIND_MAKE_MEM_DEFINED(memory, length);
}

static void check(int is_right, const char *what)
{
    if (!is_right) {
        printf("wrong: %s\n", what);
        exit(2);
    }
}

int main(int count, char **arguments)
{
    static curve_table tables[MAX_HOPS], own;
    static uint8_t secrets[MAX_HOPS][32], points[MAX_HOPS][32], packets[REQUESTS][HEADER_LENGTH + REGULAR_LENGTH];
    static uint8_t payload[REGULAR_LENGTH], seeds[MAX_HOPS * PAYLOAD_SEED_LENGTH], keys[2 * PAYLOAD_KEY_LENGTH];
    static build_request requests[REQUESTS];
    build_request *pointers[REQUESTS];
    agreement agreements[MAX_HOPS], *agreement_pointers[MAX_HOPS];
    const int is_leak = count > 1 && strcmp(arguments[1], "leak") == 0;

    _sodium_runtime_get_cpu_features();
    _crypto_stream_chacha20_pick_best_implementation();
    hash_init();
    aes_init();
    check(curve_init(count > 1 && arguments[1][0] == '4' ? &lanes_of_4 : &lanes_of_2), "memory");

    /* Nodes' keys: the secrets are hidden while the keys are made, then both are public. */
    fill(secrets[0], sizeof secrets);
    for (int i = 0; i < MAX_HOPS; i++) {
        static const uint8_t base[32] = {9};

        check(i || curve_build_table(own, base) == 1, "base point");
        agreements[i].table = &own;
        memcpy(agreements[i].secret, secrets[i], 32);
        hide(agreements[i].secret, 32);
        agreement_pointers[i] = &agreements[i];
    }
    check(sphinx_agree(agreement_pointers, MAX_HOPS), "memory");
    for (int i = 0; i < MAX_HOPS; i++) {
        show(&agreements[i], sizeof agreements[i]);
        check(memcmp(agreements[i].public, agreements[i].shared, 32) == 0, "a key in two ways");
        memcpy(points[i], agreements[i].public, 32);
        check(curve_build_table(tables[i], points[i]) == 1, "a table");
    }

    /* A sender. */
    for (int i = 0; i < REQUESTS; i++) {
        build_request *const request = &requests[i];
        const size_t hops = i == 2 ? 2 : MAX_HOPS;

        request->hops = hops;
        for (size_t hop = 0; hop < hops; hop++) {
            request->tables[hop] = &tables[hop];
        }
        fill(request->metas, sizeof request->metas);
        for (size_t hop = 0; hop < hops; hop++) {
            request->metas[hop * FORWARD_META_LENGTH] = hop + 1 < hops ? FORWARD : FINAL;
            memcpy(request->metas + hop * FORWARD_META_LENGTH + 1, i == 1 ? "\0\1\2" : "\0\1\3", 3);
        }
        fill(request->secret, sizeof request->secret);
        fill(request->padding, sizeof request->padding);
        fill(packets[i], sizeof packets[i]);
        request->header = packets[i];
        request->payload = packets[i] + HEADER_LENGTH;
        request->payload_length = i ? REGULAR_LENGTH : ACK_LENGTH;
        request->is_seeded = i != 1;
        if (i) {
            request->carried = packets[0];
            request->carried_length = HEADER_LENGTH + ACK_LENGTH;
            request->carried_at = 16;
        }
        memcpy(payload, request->payload, request->payload_length);
        hide(request->metas, sizeof request->metas);
        hide(request->secret, sizeof request->secret);
        hide(request->padding, sizeof request->padding);
        hide(packets[i], sizeof packets[i]);
        pointers[i] = request;
    }
    check(sphinx_build(pointers, REQUESTS), "memory");

    /* The nodes: packets are public, secrets are not. */
    show(packets, sizeof packets);
    for (int hop = 0; hop < MAX_HOPS; hop++) {
        node_packet batch[REQUESTS];
        const size_t left = hop < 2 ? REQUESTS : REQUESTS - 1;
        uint8_t secret[32];

        for (size_t i = 0; i < left; i++) {
            batch[i].packet = packets[i];
            batch[i].length = HEADER_LENGTH + requests[i].payload_length;
        }
        memcpy(secret, secrets[hop], sizeof secret);
        hide(secret, sizeof secret);
        sphinx_process(batch, left, secret);
        for (size_t i = 0; i < left; i++) {
            show(packets[i], sizeof packets[i]);
            check(batch[i].outcome == (hop + 1u < requests[i].hops ? FORWARD : FINAL), "a packet's way");
        }
    }
    check(memcmp(payload, packets[2] + HEADER_LENGTH, 16) == 0, "a payload");

    /* Payloads of SURBs. */
    fill(seeds, sizeof seeds);
    fill(keys, sizeof keys);
    hide(seeds, sizeof seeds);
    hide(keys, sizeof keys);
    hide(payload, sizeof payload);
    sphinx_seal(payload, REGULAR_LENGTH, seeds, MAX_HOPS, 1);
    sphinx_seal(payload, REGULAR_LENGTH, keys, 2, 0);
    sphinx_unseal(payload, REGULAR_LENGTH, seeds, MAX_HOPS);
    if (is_leak && payload[0] & 1) {
        puts("odd");
    }
    puts("done");
    return 0;
}
