/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of pools: a hash by pool handle under a secret key, and the order by number that walks follow.
 */
#include "base/error.h"
#include "handlespace/heap.h"
#include "handlespace/policy.h"
#include "handlespace/siphash.h"

enum { BUCKETS_MIN = 16, HOLES_ALLOWED = 16 };

uint32_t pools_hash(const struct handlespace *h, struct octets handle)
{
    return (uint32_t)siphash(h->options.hash_key, handle.data, handle.length, 1, 3);
}

struct pool *pools_find(const struct handlespace *h, struct octets handle, uint32_t hash)
{
    if (!h->buckets)
        return NULL;
    for (uint32_t i = hash & h->bucket_mask; h->buckets[i].pool; i = (i + 1) & h->bucket_mask) {
        struct pool *p = h->buckets[i].pool;
        if (h->buckets[i].hash == hash && octets_equal(handle, octets_of(p->handle, p->handle_length)))
            return p;
    }
    return NULL;
}

static void bucket_put(struct pool_bucket *buckets, uint32_t mask, struct pool *p)
{
    uint32_t i = p->hash & mask;
    while (buckets[i].pool)
        i = (i + 1) & mask;
    buckets[i] = (struct pool_bucket){p, p->hash};
}

static bool buckets_reserve(struct handlespace *h)
{
    uint32_t size = h->buckets ? h->bucket_mask + 1 : 0;
    if (h->n_pools < size / 4 * 3)
        return true;
    uint32_t larger = size ? size * 2 : BUCKETS_MIN;
    struct pool_bucket *buckets = heap_take(larger * sizeof *buckets, &h->octets);
    if (!buckets)
        return false;
    memset(buckets, 0, larger * sizeof *buckets);
    for (uint32_t i = 0; i < size; i++)
        if (h->buckets[i].pool)
            bucket_put(buckets, larger - 1, h->buckets[i].pool);
    heap_give(h->buckets, &h->octets);
    h->buckets = buckets;
    h->bucket_mask = larger - 1;
    return true;
}

/* Takes a bucket out and moves up those that it had pushed away, so that no search meets a grave. */
static void bucket_remove(struct handlespace *h, const struct pool *p)
{
    uint32_t mask = h->bucket_mask, hole = p->hash & mask;
    while (h->buckets[hole].pool != p)
        hole = (hole + 1) & mask;
    for (uint32_t i = (hole + 1) & mask; h->buckets[i].pool; i = (i + 1) & mask) {
        uint32_t home = h->buckets[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            h->buckets[hole] = h->buckets[i];
            hole = i;
        }
    }
    h->buckets[hole] = (struct pool_bucket){0};
}

static bool order_resize(struct handlespace *h, uint32_t capacity)
{
    struct pool_order *o = &h->order;
    uint32_t *numbers = heap_resize(o->numbers, capacity * sizeof *numbers, &h->octets);
    if (!numbers)
        return false;
    o->numbers = numbers;
    struct pool **pools = heap_resize(o->pools, capacity * sizeof(struct pool *), &h->octets);
    if (!pools)
        return false;
    o->pools = pools;
    o->capacity = capacity;
    return true;
}

static void order_close_holes(struct pool_order *o)
{
    uint32_t to = 0;
    for (uint32_t from = 0; from < o->used; from++) {
        if (!o->pools[from])
            continue;
        o->numbers[to] = o->numbers[from];
        o->pools[to] = o->pools[from];
        o->pools[to]->position = to;
        to++;
    }
    o->used = to;
    o->holes = 0;
}

struct pool *pools_add(struct handlespace *h, struct octets handle, uint32_t hash)
{
    struct pool_order *o = &h->order;
    if (!buckets_reserve(h) ||
        (o->used == o->capacity && !order_resize(h, o->capacity + o->capacity / 2 + 8)))
        return NULL;
    struct pool *p = heap_take(sizeof *p + handle.length, &h->octets);
    if (!p)
        return NULL;
    memset(p, 0, sizeof *p);
    p->space = h;
    p->number = ++h->last_pool_number;
    p->position = o->used;
    p->hash = hash;
    p->checksum_share = wire_checksum_of_handle(handle);
    p->handle_length = (uint16_t)handle.length;
    memcpy(p->handle, handle.data, handle.length);
    bucket_put(h->buckets, h->bucket_mask, p);
    o->numbers[o->used] = p->number;
    o->pools[o->used++] = p;
    h->n_pools++;
    return p;
}

void pools_remove(struct handlespace *h, struct pool *p)
{
    struct pool_order *o = &h->order;
    bucket_remove(h, p);
    o->pools[p->position] = NULL;
    o->holes++;
    h->n_pools--;
    if (o->holes > HOLES_ALLOWED && o->holes > o->used / 4)
        order_close_holes(o);
}

void pools_free(struct handlespace *h, struct pool *p)
{
    if (p->policy)
        p->policy->operations->release(p);
    index_release(&p->elements, &h->octets);
    heap_give(p, &h->octets);
}

void pools_release(struct handlespace *h)
{
    for (uint32_t i = 0; i < h->order.used; i++)
        if (h->order.pools[i])
            pools_free(h, h->order.pools[i]);
    heap_give(h->order.numbers, &h->octets);
    heap_give(h->order.pools, &h->octets);
    heap_give(h->buckets, &h->octets);
}

struct pool *handlespace_pool_after(const struct handlespace *h, uint32_t index)
{
    const struct pool_order *o = &h->order;
    uint32_t low = 0, high = o->used;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (o->numbers[middle] <= index)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < o->used && !o->pools[low])
        low++;
    return low < o->used ? o->pools[low] : NULL;
}

struct pool *handlespace_pool_next(const struct handlespace *h, const struct pool *p)
{
    return handlespace_pool_after(h, p ? p->number : 0);
}
