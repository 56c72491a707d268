/* SPDX-License-Identifier: BSD-3-Clause */
/* The elements of a pool as an array without holes, from which the random policies draw; turn[0] is the
 * position. An element that goes is replaced by the last one: positions mean nothing. */
#ifndef HANDLESPACE_DENSE_H
#define HANDLESPACE_DENSE_H

#include "handlespace/heap.h"
#include "handlespace/space.h"

static inline bool dense_resize(struct pool *p, uint32_t capacity)
{
    uint32_t *slots = heap_resize(p->dense.slots, capacity * sizeof *slots, &p->space->octets);
    if (!slots)
        return false;
    p->dense.slots = slots;
    p->dense.capacity = capacity;
    return true;
}

static inline void dense_put(struct pool *p, uint32_t position, uint32_t slot)
{
    p->dense.slots[position] = slot;
    space_element(p->space, slot)->turn[0] = position;
}

static inline bool dense_add(struct pool *p, uint32_t slot)
{
    struct dense *d = &p->dense;
    if (d->used == d->capacity && !dense_resize(p, d->capacity + d->capacity / 16 + 4))
        return false;
    dense_put(p, d->used++, slot);
    return true;
}

static inline void dense_remove(struct pool *p, uint32_t slot)
{
    struct dense *d = &p->dense;
    dense_put(p, space_element(p->space, slot)->turn[0], d->slots[--d->used]);
    if (d->used < d->capacity / 4)
        dense_resize(p, d->used + d->used / 8 + 4); /* a larger array than needed is no harm */
}

#endif
