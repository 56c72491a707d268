/* SPDX-License-Identifier: BSD-3-Clause */
/* Where elements lie: chunks of cache lines, given out by slot. Freed slots are used again; chunks stay for
 * the next peak. */
#include "handlespace/heap.h"
#include "handlespace/space.h"

static bool add_chunk(struct handlespace *h)
{
    if (h->n_chunks == h->chunk_capacity) {
        uint32_t capacity = h->chunk_capacity + h->chunk_capacity / 2 + 8;
        void *chunks = heap_resize(h->chunks, capacity * sizeof h->chunks[0], &h->octets);
        if (!chunks)
            return false;
        h->chunks = chunks;
        h->chunk_capacity = capacity;
    }
    struct pool_element *chunk = aligned_alloc(sizeof *chunk, CHUNK_ELEMENTS * sizeof *chunk);
    if (!chunk)
        return false;
    h->octets += heap_block(chunk);
    h->chunks[h->n_chunks++] = chunk;
    return true;
}

uint32_t elements_take(struct handlespace *h)
{
    uint32_t slot = h->free_slot;
    if (slot != NO_SLOT) {
        h->free_slot = space_element(h, slot)->owner_next;
        return slot;
    }
    if (h->fresh_slots == h->n_chunks << CHUNK_BITS && !add_chunk(h))
        return NO_SLOT;
    return h->fresh_slots++;
}

void elements_give(struct handlespace *h, uint32_t slot)
{
    struct pool_element *e = space_element(h, slot);
    e->parameter = NULL;
    e->owner_next = h->free_slot;
    h->free_slot = slot;
}

void elements_release(struct handlespace *h)
{
    for (uint32_t slot = 0; slot < h->fresh_slots; slot++) {
        const struct pool_element *e = space_element(h, slot);
        if (e->parameter)
            parameters_give(h, e->pool->policy, e->parameter);
    }
    for (uint32_t i = 0; i < h->n_chunks; i++)
        heap_give(h->chunks[i], &h->octets);
    heap_give(h->chunks, &h->octets);
}
