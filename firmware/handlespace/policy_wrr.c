/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Weighted Round Robin (RFC 5356, 4.2): the circular list that has each element as often as its weight says,
 * as evenly as possible, without the list. Elements of equal weight are a ring that shares the turns of its
 * group; the agenda gives turns to groups. An element of weight 0 has no turn (RFC 5356, 3.2).
 *
 * An answer shows the list from its head on, each element once, and moves the head by one turn (4.1.2). What
 * it shows beyond the head are turns that are planned ahead, and taken back when an element comes, goes or
 * changes.
 */
#include "handlespace/agenda.h"
#include "handlespace/heap.h"
#include "handlespace/policy.h"
#include "handlespace/ring.h"

enum { PLANNED_MAX = 32 }; /* a power of two */
enum { NO_GROUP = UINT32_MAX };

struct group {
    uint32_t weight, members;
    uint32_t head; /* slot whose turn is next in the ring; of a free group: the next free one */
};

struct turn {
    uint32_t group, slot;
};

struct wrr {
    struct index by_weight; /* -> number of the group, which is its number in the agenda */
    struct agenda agenda;
    struct group *groups;
    uint32_t used, capacity, free;
    uint32_t planned, first; /* turns; the first of them */
    struct turn turns[PLANNED_MAX];
};

static struct turn *planned_turn(struct wrr *w, uint32_t i)
{
    return &w->turns[(w->first + i) % PLANNED_MAX];
}

static struct turn *plan_turn(struct pool *p)
{
    struct wrr *w = p->wrr;
    uint32_t n = agenda_turn(&w->agenda);
    struct turn *turn = planned_turn(w, w->planned++);
    *turn = (struct turn){n, w->groups[n].head};
    w->groups[n].head = space_element(p->space, turn->slot)->turn[RING_NEXT];
    __builtin_prefetch(
        space_element(p->space, w->groups[n].head)); /* for its turn, which other groups' precede */
    return turn;
}

static void take_plan_back(struct pool *p)
{
    struct wrr *w = p->wrr;
    while (w && w->planned) {
        const struct turn *turn = planned_turn(w, --w->planned);
        agenda_take_back(&w->agenda, turn->group);
        w->groups[turn->group].head = turn->slot;
    }
}

/* --- groups
 * ---------------------------------------------------------------------------------------------------- */

static bool grow(struct pool *p)
{
    struct wrr *w = p->wrr;
    uint32_t capacity = w->capacity + w->capacity / 8 + 4;
    if (!agenda_resize(&w->agenda, capacity, &p->space->octets))
        return false;
    struct group *groups = heap_resize(w->groups, capacity * sizeof *groups, &p->space->octets);
    if (!groups)
        return false;
    w->groups = groups;
    w->capacity = capacity;
    return true;
}

static bool reserve(struct pool *p)
{
    if (!p->wrr) {
        struct wrr *w = heap_take(sizeof *w, &p->space->octets);
        if (!w)
            return false;
        *w = (struct wrr){.free = NO_GROUP};
        p->wrr = w;
    }
    return p->wrr->free != NO_GROUP || p->wrr->used < p->wrr->capacity || grow(p);
}

/* The group of a weight, perhaps a new one without members; NO_GROUP when out of memory. */
static uint32_t group_of(struct pool *p, uint32_t weight)
{
    if (!reserve(p))
        return NO_GROUP;
    struct wrr *w = p->wrr;
    uint32_t *place = index_place(&w->by_weight, weight, NO_GROUP, &p->space->octets);
    if (!place)
        return NO_GROUP;
    if (*place == NO_GROUP) {
        *place = w->free != NO_GROUP ? w->free : w->used++;
        if (w->free != NO_GROUP)
            w->free = w->groups[w->free].head;
        w->groups[*place] = (struct group){.weight = weight, .head = NO_SLOT};
    }
    return *place;
}

static void resize_group(struct wrr *w, uint32_t n, uint32_t members)
{
    w->groups[n].members = members;
    agenda_set_share(&w->agenda, n, (uint64_t)w->groups[n].weight * members);
}

static void join(struct pool *p, uint32_t n, uint32_t slot)
{
    ring_append(p->space, &p->wrr->groups[n].head, slot);
    resize_group(p->wrr, n, p->wrr->groups[n].members + 1);
}

static void leave(struct pool *p, uint32_t weight, uint32_t slot)
{
    struct wrr *w = p->wrr;
    if (!weight)
        return;
    uint32_t n = *index_find(&w->by_weight, weight), next = ring_unlink(p->space, slot);
    if (w->groups[n].head == slot)
        w->groups[n].head = next;
    resize_group(w, n, w->groups[n].members - 1);
    if (w->groups[n].members)
        return;
    index_erase(&w->by_weight, weight, &p->space->octets);
    w->groups[n].head = w->free;
    w->free = n;
}

/* --- the operations
 * -------------------------------------------------------------------------------------------- */

static bool insert(struct pool *p, uint32_t slot)
{
    uint32_t weight = policy_value(p, space_element(p->space, slot));
    if (!weight)
        return true;
    take_plan_back(p);
    uint32_t n = group_of(p, weight);
    if (n == NO_GROUP)
        return false;
    join(p, n, slot);
    return true;
}

static void remove_(struct pool *p, uint32_t slot)
{
    take_plan_back(p);
    leave(p, policy_value(p, space_element(p->space, slot)), slot);
}

static bool update(struct pool *p, uint32_t slot, const uint8_t *policy)
{
    uint32_t old = policy_value(p, space_element(p->space, slot)), new = p->policy->value(policy, 0);
    if (old == new)
        return true;
    take_plan_back(p);
    uint32_t n = new ? group_of(p, new) : NO_GROUP;
    if (new &&n == NO_GROUP)
        return false;
    leave(p, old, slot);
    if (new)
        join(p, n, slot);
    return true;
}

static bool contains(struct pool_element *const *out, size_t n, const struct pool_element *e)
{
    for (size_t i = 0; i < n; i++)
        if (out[i] == e)
            return true;
    return false;
}

/* Those that have no turn for long, group by group: for a pool user that asks for more than what comes soon.
 */
static size_t add_others(struct pool *p, size_t soon, size_t k, struct pool_element **out)
{
    struct wrr *w = p->wrr;
    size_t n = soon;
    for (const struct index_leaf *leaf = w->by_weight.first; leaf && n < k; leaf = leaf->next) {
        for (unsigned i = 0; i < leaf->n && n < k; i++) {
            const struct group *g = &w->groups[leaf->entries[i].value];
            uint32_t slot = g->head;
            do {
                struct pool_element *e = space_element(p->space, slot);
                if (!contains(out, soon, e))
                    out[n++] = e;
                slot = e->turn[RING_NEXT];
            } while (n < k && slot != g->head);
        }
    }
    return n;
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    struct wrr *w = p->wrr;
    size_t n = 0;
    if (!w || !w->agenda.sum)
        return 0;
    for (uint32_t i = 0; n < k && i < PLANNED_MAX; i++) {
        const struct turn *turn = i < w->planned ? planned_turn(w, i) : plan_turn(p);
        struct pool_element *e = space_element(p->space, turn->slot);
        if (!contains(out, n, e))
            out[n++] = e;
    }
    w->first = (w->first + 1) % PLANNED_MAX;
    w->planned--;
    return n < k ? add_others(p, n, k, out) : n;
}

static void release(struct pool *p)
{
    struct wrr *w = p->wrr;
    if (!w)
        return;
    index_release(&w->by_weight, &p->space->octets);
    agenda_release(&w->agenda, &p->space->octets);
    heap_give(w->groups, &p->space->octets);
    heap_give(w, &p->space->octets);
}

const struct policy_operations policy_weighted_round_robin = {
    .insert = insert,
    .update = update,
    .remove = remove_,
    .select = select_,
    .release = release,
};
