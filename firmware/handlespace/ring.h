/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of elements that are alike to a policy, linked by turn[]; its head is the element whose turn is
 * next. */
#ifndef HANDLESPACE_RING_H
#define HANDLESPACE_RING_H

#include "handlespace/space.h"

enum { RING_NEXT, RING_PREVIOUS }; /* of turn[] */

/* Last in turn. *head is NO_SLOT when the ring is empty. */
static inline void ring_append(const struct handlespace *h, uint32_t *head, uint32_t slot)
{
    struct pool_element *e = space_element(h, slot);
    if (*head == NO_SLOT) {
        e->turn[RING_NEXT] = e->turn[RING_PREVIOUS] = *head = slot;
        return;
    }
    struct pool_element *first = space_element(h, *head);
    e->turn[RING_NEXT] = *head;
    e->turn[RING_PREVIOUS] = first->turn[RING_PREVIOUS];
    space_element(h, first->turn[RING_PREVIOUS])->turn[RING_NEXT] = slot;
    first->turn[RING_PREVIOUS] = slot;
}

/* Takes the slot out; returns the one that came after it, which is itself when it was alone. The head is the
 * caller's to move. */
static inline uint32_t ring_unlink(const struct handlespace *h, uint32_t slot)
{
    const struct pool_element *e = space_element(h, slot);
    space_element(h, e->turn[RING_NEXT])->turn[RING_PREVIOUS] = e->turn[RING_PREVIOUS];
    space_element(h, e->turn[RING_PREVIOUS])->turn[RING_NEXT] = e->turn[RING_NEXT];
    return e->turn[RING_NEXT];
}

#endif
