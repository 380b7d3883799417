#include "table_cache.h"

#include <stdlib.h>
#include <string.h>

void table_cache_init(table_cache *cache, size_t limit)
{
    memset(cache, 0, sizeof *cache);
    cache->limit = limit;
}

/* A node's key is its own choice: who makes keys that share a bucket makes the list of one bucket long, no more. */
static cached_table **bucket_of(table_cache *cache, const uint8_t u[32])
{
    uint32_t hash = 2166136261u;

    for (int i = 0; i < 32; i++) {
        hash = (hash ^ u[i]) * 16777619u;
    }
    return &cache->buckets[hash % TABLE_BUCKETS];
}

static void unlink_table(table_cache *cache, cached_table *table)
{
    *(table->newer ? &table->newer->older : &cache->newest) = table->older;
    *(table->older ? &table->older->newer : &cache->oldest) = table->newer;
}

static void put_first(table_cache *cache, cached_table *table)
{
    table->newer = NULL;
    table->older = cache->newest;
    *(cache->newest ? &cache->newest->newer : &cache->oldest) = table;
    cache->newest = table;
}

static void forget_oldest(table_cache *cache)
{
    cached_table *const table = cache->oldest;
    cached_table **link = bucket_of(cache, table->u);

    while (*link != table) {
        link = &(*link)->next_in_bucket;
    }
    *link = table->next_in_bucket;
    unlink_table(cache, table);
    cache->count--;
    table_release(table);
}

void table_cache_limit(table_cache *cache, size_t limit)
{
    cache->limit = limit;
    while (cache->count > limit) {
        forget_oldest(cache);
    }
}

void table_cache_clear(table_cache *cache)
{
    table_cache_limit(cache, 0);
}

cached_table *table_cache_find(table_cache *cache, const uint8_t u[32])
{
    for (cached_table *table = *bucket_of(cache, u); table; table = table->next_in_bucket) {
        if (memcmp(table->u, u, sizeof table->u) == 0) {
            unlink_table(cache, table);
            put_first(cache, table);
            table->holders++;
            return table;
        }
    }
    return NULL;
}

cached_table *table_new(const uint8_t u[32])
{
    cached_table *const table = malloc(sizeof *table);

    if (table) {
        table->holders = 1;
        memcpy(table->u, u, sizeof table->u);
    }
    return table;
}

int table_fill(cached_table *table)
{
    const int outcome = curve_build_table(table->table, table->u);

    table->is_usable = outcome == 1;
    return outcome >= 0;
}

void table_cache_add(table_cache *cache, cached_table *table)
{
    cached_table **const bucket = bucket_of(cache, table->u);

    if (cache->limit == 0) {
        return;
    }
    for (cached_table *other = *bucket; other; other = other->next_in_bucket) {
        if (memcmp(other->u, table->u, sizeof other->u) == 0) {
            return; /* another thread was faster */
        }
    }
    while (cache->count >= cache->limit) {
        forget_oldest(cache);
    }
    table->next_in_bucket = *bucket;
    *bucket = table;
    put_first(cache, table);
    cache->count++;
    table->holders++;
}

void table_release(cached_table *table)
{
    if (--table->holders == 0) {
        free(table);
    }
}
