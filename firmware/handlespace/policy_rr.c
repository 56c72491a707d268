/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Round Robin (RFC 5356, 4.1): a circular list whose head moves by one element with each answer. The list is
 * an array, so that an answer reads neighbours in memory and not the elements. An element that goes leaves a
 * hole, which keeps the turns of all others; a new one comes last in the array. Holes are closed when they
 * are a quarter.
 */
#include "handlespace/heap.h"
#include "handlespace/policy.h"

enum { HOLES_ALLOWED = 8 };

static bool resize(struct pool *p, uint32_t capacity)
{
    uint32_t *slots = heap_resize(p->turns.slots, capacity * sizeof *slots, &p->space->octets);
    if (!slots)
        return false;
    p->turns.slots = slots;
    p->turns.capacity = capacity;
    return true;
}

static void close_holes(struct pool *p)
{
    struct turns *t = &p->turns;
    uint32_t to = 0, head = 0;
    for (uint32_t from = 0; from < t->used; from++) {
        if (from == t->head)
            head = to;
        if (t->slots[from] == NO_SLOT)
            continue;
        t->slots[to] = t->slots[from];
        space_element(p->space, t->slots[to])->turn[0] = to;
        to++;
    }
    t->head = t->head < t->used ? head : to;
    t->used = to;
    t->holes = 0;
    if (t->used < t->capacity / 4)
        resize(p, t->used + t->used / 8 + 4); /* a larger array than needed is no harm */
}

static bool insert(struct pool *p, uint32_t slot)
{
    struct turns *t = &p->turns;
    if (t->used == t->capacity && !resize(p, t->capacity + t->capacity / 16 + 4))
        return false;
    space_element(p->space, slot)->turn[0] = t->used;
    t->slots[t->used++] = slot;
    return true;
}

static void remove_(struct pool *p, uint32_t slot)
{
    struct turns *t = &p->turns;
    t->slots[space_element(p->space, slot)->turn[0]] = NO_SLOT;
    t->holes++;
    if (t->holes > HOLES_ALLOWED && t->holes > t->used / 4)
        close_holes(p);
}

/* The next position with an element at or after the given one, around the end. */
static inline uint32_t occupied(const struct turns *t, uint32_t at)
{
    do {
        if (at >= t->used)
            at = 0;
    } while (t->slots[at] == NO_SLOT && ++at);
    return at;
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    struct turns *t = &p->turns;
    uint32_t at = occupied(t, t->head);
    t->head = at + 1;
    out[0] = space_element(p->space, t->slots[at]);
    for (size_t n = 1; n < k; n++) {
        at = occupied(t, at + 1);
        out[n] = space_element(p->space, t->slots[at]);
    }
    return k;
}

static void release(struct pool *p)
{
    heap_give(p->turns.slots, &p->space->octets);
}

const struct policy_operations policy_round_robin = {
    .insert = insert,
    .remove = remove_,
    .select = select_,
    .release = release,
};
