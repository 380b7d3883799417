/*
 * The tables of the points that were used last. Whoever holds the interpreter's lock may call these functions; a table
 * that is held stays valid without it, also when it is forgotten meanwhile.
 */
#ifndef TABLE_CACHE_H
#define TABLE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "curve.h"

typedef struct cached_table {
    struct cached_table *newer, *older, *next_in_bucket;
    size_t holders;
    int is_usable; /* 0 for a point on the twist or of low order: that is kept as well */
    uint8_t u[32];
    curve_table table;
} cached_table;

#define TABLE_BUCKETS 256

typedef struct {
    cached_table *newest, *oldest, *buckets[TABLE_BUCKETS];
    size_t count, limit;
} table_cache;

void table_cache_init(table_cache *cache, size_t limit);
void table_cache_limit(table_cache *cache, size_t limit);
void table_cache_clear(table_cache *cache);

/* The table of a point, held for the caller; NULL if there is none. */
cached_table *table_cache_find(table_cache *cache, const uint8_t u[32]);

/* A table on its way to the cache: filled without the lock, then added. NULL if memory is short. */
cached_table *table_new(const uint8_t u[32]);
int table_fill(cached_table *table);
void table_cache_add(table_cache *cache, cached_table *table);

void table_release(cached_table *table);

#endif
