/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who owns what (RFC 5353, 3.6): for each home registrar the list of its elements, their number and their
 * checksum, kept up with every change so that a presence message costs nothing. A registrar without elements
 * is forgotten.
 */
#include "handlespace/heap.h"
#include "handlespace/siphash.h"
#include "handlespace/space.h"

enum { BUCKETS_MIN = 8 };

static uint32_t hash(const struct handlespace *h, uint32_t identifier)
{
    uint64_t x = (identifier ^ siphash_word(h->options.hash_key)) * 0x9e3779b97f4a7c15;
    x = (x ^ x >> 32 ^ siphash_word(h->options.hash_key + 8)) * 0xd6e8feb86659fd93;
    return (uint32_t)(x >> 32);
}

/* The registrar's bucket, or the free one where it would be. */
static struct owner *bucket(const struct handlespace *h, uint32_t identifier)
{
    uint32_t i = hash(h, identifier) & h->owners.mask;
    while (h->owners.buckets[i].count && h->owners.buckets[i].identifier != identifier)
        i = (i + 1) & h->owners.mask;
    return &h->owners.buckets[i];
}

const struct owner *owners_find(const struct handlespace *h, uint32_t identifier)
{
    if (!h->owners.buckets)
        return NULL;
    const struct owner *o = bucket(h, identifier);
    return o->count ? o : NULL;
}

bool owners_reserve(struct handlespace *h)
{
    struct owner_table old = h->owners;
    uint32_t size = old.buckets ? old.mask + 1 : 0;
    if (old.used < size / 2)
        return true;
    uint32_t larger = size ? size * 2 : BUCKETS_MIN;
    struct owner *buckets = heap_take(larger * sizeof *buckets, &h->octets);
    if (!buckets)
        return false;
    memset(buckets, 0, larger * sizeof *buckets);
    h->owners.buckets = buckets;
    h->owners.mask = larger - 1;
    for (uint32_t i = 0; i < size; i++)
        if (old.buckets[i].count)
            *bucket(h, old.buckets[i].identifier) = old.buckets[i];
    heap_give(old.buckets, &h->octets);
    return true;
}

void owners_add(struct handlespace *h, uint32_t slot)
{
    struct pool_element *e = space_element(h, slot);
    uint32_t identifier = pool_element_owner(e);
    struct owner *o = bucket(h, identifier);
    if (!o->count) {
        *o = (struct owner){.identifier = identifier, .first = NO_SLOT};
        h->owners.used++;
    }
    e->owner_next = o->first;
    e->owner_previous = NO_SLOT;
    if (o->first != NO_SLOT)
        space_element(h, o->first)->owner_previous = slot;
    o->first = slot;
    o->count++;
    wire_checksum_add(&o->checksum, e->pool->checksum_share, pool_element_identifier(e));
}

static void forget(struct handlespace *h, struct owner *o)
{
    struct owner *buckets = h->owners.buckets;
    uint32_t mask = h->owners.mask, hole = (uint32_t)(o - buckets);
    for (uint32_t i = (hole + 1) & mask; buckets[i].count; i = (i + 1) & mask) {
        uint32_t home = hash(h, buckets[i].identifier) & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            buckets[hole] = buckets[i];
            hole = i;
        }
    }
    buckets[hole] = (struct owner){0};
    h->owners.used--;
}

void owners_remove(struct handlespace *h, uint32_t slot)
{
    struct pool_element *e = space_element(h, slot);
    struct owner *o = bucket(h, pool_element_owner(e));
    if (e->owner_previous == NO_SLOT)
        o->first = e->owner_next;
    else
        space_element(h, e->owner_previous)->owner_next = e->owner_next;
    if (e->owner_next != NO_SLOT)
        space_element(h, e->owner_next)->owner_previous = e->owner_previous;
    wire_checksum_remove(&o->checksum, e->pool->checksum_share, pool_element_identifier(e));
    if (--o->count == 0)
        forget(h, o);
}

void owners_release(struct handlespace *h)
{
    heap_give(h->owners.buckets, &h->octets);
}

struct pool_element *handlespace_owned_next(const struct handlespace *h, uint32_t registrar,
                                            const struct pool_element *e)
{
    uint32_t slot;
    if (e) {
        slot = e->owner_next;
    } else {
        const struct owner *o = owners_find(h, registrar);
        slot = o ? o->first : NO_SLOT;
    }
    return slot != NO_SLOT ? space_element(h, slot) : NULL;
}

uint32_t handlespace_owned(const struct handlespace *h, uint32_t registrar)
{
    const struct owner *o = owners_find(h, registrar);
    return o ? o->count : 0;
}

uint16_t handlespace_checksum(const struct handlespace *h, uint32_t registrar)
{
    static const struct wire_checksum none;
    const struct owner *o = owners_find(h, registrar);
    return wire_checksum_value(o ? &o->checksum : &none);
}
