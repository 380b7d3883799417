/* Sphinx packets: built by senders, processed by nodes. Many at once, so that they share divisions. */
#ifndef SPHINX_H
#define SPHINX_H

#include <stddef.h>
#include <stdint.h>

#include "curve.h"
#include "geometry.h"

/* One header to build, or one packet if there is a payload. */
typedef struct {
    size_t hops;
    const curve_table *tables[MAX_HOPS]; /* of the nodes' keys */
    uint8_t metas[(MAX_HOPS - 1) * FORWARD_META_LENGTH + FINAL_META_LENGTH];
    uint8_t secret[POINT_LENGTH];
    uint8_t padding[ROUTING_LENGTH - FINAL_META_LENGTH];
    uint8_t *header;                     /* out: HEADER_LENGTH bytes */
    uint8_t *seeds;                      /* out: PAYLOAD_SEED_LENGTH bytes a hop; or NULL */
    uint8_t *payload;                    /* padded, encrypted in place; or NULL */
    size_t payload_length;
    int is_seeded;                       /* whether the payload's keys come from seeds */
    uint8_t *carried;                    /* another packet that is built before this one, and is put into the */
    size_t carried_length, carried_at;   /* payload there before that is encrypted; or NULL */
    /* While it is being built: */
    uint8_t scalar[32];                  /* what the next hop's point is multiplied by */
    uint8_t keys[MAX_HOPS][EXPANDED_LENGTH]; /* a multiple of 32, as the hashes write whole digests */
} build_request;

/* Builds them all, in their order; 0 if memory was short. */
int sphinx_build(build_request *const *requests, size_t count);

/* material: a seed or a whole payload key a hop, in the order of the route. */
void sphinx_seal(uint8_t *payload, size_t length, const uint8_t *material, size_t hops, int is_seeded);

/* Puts the layers back on that the hops have taken off a sealed reply, and takes off the last hop's. */
void sphinx_unseal(uint8_t *payload, size_t length, const uint8_t *seeds, size_t hops);

/* One key agreement with a point that has a table. */
typedef struct {
    const curve_table *table;
    uint8_t secret[POINT_LENGTH];
    uint8_t public[POINT_LENGTH]; /* out */
    uint8_t shared[POINT_LENGTH]; /* out */
} agreement;

/* 0 if memory was short. */
int sphinx_agree(agreement *const *agreements, size_t count);

/* What stands in a routing block's first byte, and what else may become of a packet. */
typedef enum { FORWARD = 1, FINAL = 2, UNKNOWN_FLAG = 3, BAD_LENGTH = 4, BAD_KEY = 5, BAD_MAC = 6 } packet_outcome;

/* A packet for a node: it is processed in place, to the packet for the next hop, or to the payload of the last. */
typedef struct {
    uint8_t *packet;
    size_t length;
    packet_outcome outcome;
    uint8_t tag[REPLAY_TAG_LENGTH];
    uint8_t meta[FINAL_META_LENGTH];     /* of a forward block, FORWARD_META_LENGTH bytes count */
} node_packet;

void sphinx_process(node_packet *packets, size_t count, const uint8_t secret[32]);

/* Whether a payload of this length exists. */
int sphinx_is_payload_length(size_t length);

/* Overwrites what secrets the functions above may have left on the stack. */
void sphinx_burn_stack(void);

#endif
