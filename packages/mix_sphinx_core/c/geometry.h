/* Every length of a Sphinx packet in bytes, derived from a handful of choices (Nym spec, Sphinx packet format). */
#ifndef GEOMETRY_H
#define GEOMETRY_H

#define MAX_HOPS 5
#define POINT_LENGTH 32
#define STREAM_KEY_LENGTH 16
#define MAC_KEY_LENGTH 16
#define MAC_LENGTH 16
#define REPLAY_TAG_LENGTH 32
#define PAYLOAD_SEED_LENGTH 16

#define META_LENGTH (1 + 3)                                    /* flag, version */
#define FORWARD_META_LENGTH (META_LENGTH + 32 + 8)             /* node address, delay */
#define FINAL_META_LENGTH (META_LENGTH + 32 + 16)              /* destination, SURB identifier */
#define ROUTING_STEP_LENGTH (FORWARD_META_LENGTH + MAC_LENGTH)
#define ROUTING_LENGTH (MAX_HOPS * ROUTING_STEP_LENGTH)
#define ROUTING_STREAM_LENGTH (ROUTING_LENGTH + ROUTING_STEP_LENGTH)
#define ROUTING_OFFSET (POINT_LENGTH + MAC_LENGTH)
#define HEADER_LENGTH (ROUTING_OFFSET + ROUTING_LENGTH)

/* LIONESS: four round keys, for ChaCha20, BLAKE2b, ChaCha20, BLAKE2b. */
#define LEFT_LENGTH 32
#define HASH_KEY_LENGTH 64
#define PAYLOAD_KEY_LENGTH (2 * (LEFT_LENGTH + HASH_KEY_LENGTH))

/* What a shared secret expands to: stream key, MAC key, payload key, blinding factor, replay tag. */
#define MAC_KEY_OFFSET STREAM_KEY_LENGTH
#define PAYLOAD_KEY_OFFSET (MAC_KEY_OFFSET + MAC_KEY_LENGTH)
#define BLINDING_OFFSET (PAYLOAD_KEY_OFFSET + PAYLOAD_KEY_LENGTH)
#define REPLAY_TAG_OFFSET (BLINDING_OFFSET + POINT_LENGTH)
#define EXPANDED_LENGTH (REPLAY_TAG_OFFSET + REPLAY_TAG_LENGTH)

/* A payload is a message between 16 zeros and a marker. */
#define PAYLOAD_OVERHEAD (16 + 1)
#define REGULAR_LENGTH (2048 + PAYLOAD_OVERHEAD)
#define ACK_LENGTH (16 + 5 + PAYLOAD_OVERHEAD)
#define EXTENDED_8_LENGTH (8 * 1024 + PAYLOAD_OVERHEAD)
#define EXTENDED_16_LENGTH (16 * 1024 + PAYLOAD_OVERHEAD)
#define EXTENDED_32_LENGTH (32 * 1024 + PAYLOAD_OVERHEAD)
#define MAX_PAYLOAD_LENGTH EXTENDED_32_LENGTH

#endif
