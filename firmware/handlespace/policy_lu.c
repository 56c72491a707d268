/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Least Used and its kin, and Priority (RFC 5356, 4.5 and 5.1 to 5.3): an ordered map from each value to the
 * ring of the elements that have it. An answer takes rings from the lowest value on; each ring that it
 * touches moves its head by one, which is the round robin among equals. Costs the length of the answer,
 * however many elements there are. With degradation the elements of an answer then move on to the rings of
 * their new loads.
 */
#include "handlespace/policy.h"
#include "handlespace/ring.h"

static bool insert(struct pool *p, uint32_t slot)
{
    uint32_t value = policy_value(p, space_element(p->space, slot));
    uint32_t *head = index_place(&p->loads, value, NO_SLOT, &p->space->octets);
    if (head)
        ring_append(p->space, head, slot);
    return head != NULL;
}

/* The slot is unlinked from the ring of the value; `next` came after it, or is itself when it was alone. */
static void close_ring(struct pool *p, uint32_t value, uint32_t slot, uint32_t next)
{
    if (next == slot) {
        index_erase(&p->loads, value, &p->space->octets);
        return;
    }
    uint32_t *head = index_find(&p->loads, value);
    if (*head == slot)
        *head = next;
}

/* False: out of memory, the element is where it was. */
static bool move(struct pool *p, uint32_t slot, uint32_t from, uint32_t to)
{
    if (from == to)
        return true;
    uint32_t *head = index_place(&p->loads, to, NO_SLOT, &p->space->octets);
    if (!head)
        return false;
    uint32_t next = ring_unlink(p->space, slot);
    ring_append(p->space, head, slot);
    close_ring(p, from, slot, next);
    return true;
}

static bool update(struct pool *p, uint32_t slot, const uint8_t *policy)
{
    struct pool_element *e = space_element(p->space, slot);
    if (!move(p, slot, policy_value(p, e), p->policy->value(policy, 0)))
        return false;
    if (p->policy->degrades)
        *element_degradation(e) = 0;
    return true;
}

static void remove_(struct pool *p, uint32_t slot)
{
    uint32_t value = policy_value(p, space_element(p->space, slot));
    close_ring(p, value, slot, ring_unlink(p->space, slot));
}

/* RFC 5356, 5.2.2: the counter of every entry that is returned. Without memory for a ring the load stays. */
static void degrade(struct pool *p, size_t n, struct pool_element **chosen)
{
    policy_fetch(n, chosen);
    for (size_t i = 0; i < n; i++) {
        struct pool_element *e = chosen[i];
        uint32_t slot = space_element(p->space, e->turn[RING_NEXT])->turn[RING_PREVIOUS];
        uint32_t after = policy_degraded(e);
        if (move(p, slot, policy_value(p, e), p->policy->value(element_policy(e), after)))
            *element_degradation(e) = after;
    }
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    size_t n = 0;
    for (struct index_leaf *leaf = p->loads.first; leaf && n < k; leaf = leaf->next) {
        for (unsigned i = 0; i < leaf->n && n < k; i++) {
            uint32_t head = leaf->entries[i].value, slot = head;
            do {
                out[n] = space_element(p->space, slot);
                slot = out[n++]->turn[RING_NEXT];
            } while (n < k && slot != head);
            leaf->entries[i].value = space_element(p->space, head)->turn[RING_NEXT];
        }
    }
    if (p->policy->degrades)
        degrade(p, n, out);
    return n;
}

static void release(struct pool *p)
{
    index_release(&p->loads, &p->space->octets);
}

const struct policy_operations policy_least_used = {
    .insert = insert,
    .update = update,
    .remove = remove_,
    .select = select_,
    .release = release,
};
