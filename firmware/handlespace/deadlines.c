/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One queue for all deadlines: an element is in it once, by the earlier of its two. A deadline that is put
 * off (what each re-registration does) leaves the queue alone: the element is moved when its old time comes
 * up.
 */
#include "handlespace/heap.h"
#include "handlespace/space.h"

enum { CHILDREN = 4 };

static uint64_t earliest(const struct pool_element *e)
{
    uint64_t life = e->life_at ? e->life_at : UINT64_MAX;
    uint64_t keep_alive = e->keep_alive_at ? e->keep_alive_at : UINT64_MAX;
    return life < keep_alive ? life : keep_alive;
}

static void place(const struct handlespace *h, uint32_t position, uint64_t at, uint32_t slot)
{
    h->deadlines.at[position] = at;
    h->deadlines.slots[position] = slot;
    space_element(h, slot)->deadline_position = position;
}

static void sift_up(const struct handlespace *h, uint32_t position, uint64_t at, uint32_t slot)
{
    const struct deadline_queue *q = &h->deadlines;
    while (position > 0) {
        uint32_t parent = (position - 1) / CHILDREN;
        if (q->at[parent] <= at)
            break;
        place(h, position, q->at[parent], q->slots[parent]);
        position = parent;
    }
    place(h, position, at, slot);
}

static void sift_down(const struct handlespace *h, uint32_t position, uint64_t at, uint32_t slot)
{
    const struct deadline_queue *q = &h->deadlines;
    for (;;) {
        uint64_t first = (uint64_t)position * CHILDREN + 1;
        if (first >= q->used)
            break;
        uint32_t end = first + CHILDREN < q->used ? (uint32_t)first + CHILDREN : q->used,
                 least = (uint32_t)first;
        for (uint32_t child = least + 1; child < end; child++)
            if (q->at[child] < q->at[least])
                least = child;
        if (q->at[least] >= at)
            break;
        place(h, position, q->at[least], q->slots[least]);
        position = least;
    }
    place(h, position, at, slot);
}

bool deadlines_reserve(struct handlespace *h)
{
    struct deadline_queue *q = &h->deadlines;
    if (h->n_elements < q->capacity) /* each element is in the queue once at most */
        return true;
    uint32_t capacity = q->capacity + q->capacity / 16 + 16;
    uint64_t *at = heap_resize(q->at, capacity * sizeof *at, &h->octets);
    if (!at)
        return false;
    q->at = at;
    uint32_t *slots = heap_resize(q->slots, capacity * sizeof *slots, &h->octets);
    if (!slots)
        return false;
    q->slots = slots;
    q->capacity = capacity;
    return true;
}

void deadlines_update(struct handlespace *h, uint32_t slot)
{
    struct deadline_queue *q = &h->deadlines;
    struct pool_element *e = space_element(h, slot);
    uint64_t at = earliest(e);
    if (e->deadline_position != NO_SLOT) {
        if (at < q->at[e->deadline_position])
            sift_up(h, e->deadline_position, at, slot);
    } else if (at != UINT64_MAX) {
        sift_up(h, q->used++, at, slot);
    }
}

static void remove_at(struct handlespace *h, uint32_t position)
{
    struct deadline_queue *q = &h->deadlines;
    space_element(h, q->slots[position])->deadline_position = NO_SLOT;
    uint32_t last = --q->used;
    if (position == last)
        return;
    uint64_t at = q->at[last];
    if (position > 0 && at < q->at[(position - 1) / CHILDREN])
        sift_up(h, position, at, q->slots[last]);
    else
        sift_down(h, position, at, q->slots[last]);
}

void deadlines_remove(struct handlespace *h, struct pool_element *e)
{
    if (e->deadline_position != NO_SLOT)
        remove_at(h, e->deadline_position);
}

/* Brings those that were put off to their true place, until the first one is true. */
static void settle(struct handlespace *h)
{
    struct deadline_queue *q = &h->deadlines;
    while (q->used) {
        uint64_t at = earliest(space_element(h, q->slots[0]));
        if (at == q->at[0])
            return;
        if (at == UINT64_MAX)
            remove_at(h, 0);
        else
            sift_down(h, 0, at, q->slots[0]);
    }
}

uint64_t handlespace_next_deadline(const struct handlespace *h)
{
    /* Settling changes the order of the queue only, nothing that can be seen. */
    settle((struct handlespace *)h);
    return h->deadlines.used ? h->deadlines.at[0] : UINT64_MAX;
}

struct pool_element *handlespace_due(struct handlespace *h, uint64_t now_ms, enum handlespace_deadline *kind)
{
    if (handlespace_next_deadline(h) > now_ms)
        return NULL;
    struct pool_element *e = space_element(h, h->deadlines.slots[0]);
    if (e->life_at && (!e->keep_alive_at || e->life_at <= e->keep_alive_at)) {
        *kind = DEADLINE_REGISTRATION;
        e->life_at = HANDLESPACE_NEVER;
    } else {
        *kind = e->keep_alive_is_timeout ? DEADLINE_KEEP_ALIVE_TIMEOUT : DEADLINE_KEEP_ALIVE;
        e->keep_alive_at = HANDLESPACE_NEVER;
    }
    return e;
}

void deadlines_release(struct handlespace *h)
{
    heap_give(h->deadlines.at, &h->octets);
    heap_give(h->deadlines.slots, &h->octets);
}
