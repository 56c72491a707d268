/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Least Used (RFC 5356, 5.1): an ordered map from each load to the ring of the elements that have it. An
 * answer takes rings from the lowest load on; each ring that it touches moves its head by one, which is the
 * round robin among equals. Costs the length of the answer, however many elements there are.
 */
#include "handlespace/policy.h"

enum { NEXT, PREVIOUS };  /* of turn[] */
enum { POLICY_LOAD = 8 }; /* offset in the policy parameter (RFC 5356, 5.1.4) */

static void ring_append(struct pool *p, uint32_t *head, uint32_t slot)
{
    struct pool_element *e = space_element(p->space, slot);
    if (*head == NO_SLOT) {
        e->turn[NEXT] = e->turn[PREVIOUS] = *head = slot;
        return;
    }
    struct pool_element *first = space_element(p->space, *head);
    e->turn[NEXT] = *head;
    e->turn[PREVIOUS] = first->turn[PREVIOUS];
    space_element(p->space, first->turn[PREVIOUS])->turn[NEXT] = slot;
    first->turn[PREVIOUS] = slot;
}

/* Makes sure that there is a ring for the load, perhaps empty for the moment. */
static bool ring_prepare(struct pool *p, uint32_t load)
{
    return index_find(&p->loads, load) || index_put(&p->loads, load, NO_SLOT, &p->space->octets);
}

static bool insert(struct pool *p, uint32_t slot, const struct wire_policy *policy)
{
    if (!ring_prepare(p, policy->load))
        return false;
    ring_append(p, index_find(&p->loads, policy->load), slot);
    return true;
}

static void remove_(struct pool *p, uint32_t slot)
{
    struct pool_element *e = space_element(p->space, slot);
    uint32_t load = octets_load32(element_policy(e) + POLICY_LOAD);
    if (e->turn[NEXT] == slot) {
        index_erase(&p->loads, load, &p->space->octets);
        return;
    }
    uint32_t *head = index_find(&p->loads, load);
    if (*head == slot)
        *head = e->turn[NEXT];
    space_element(p->space, e->turn[NEXT])->turn[PREVIOUS] = e->turn[PREVIOUS];
    space_element(p->space, e->turn[PREVIOUS])->turn[NEXT] = e->turn[NEXT];
}

static bool update(struct pool *p, uint32_t slot, const struct wire_policy *policy)
{
    if (octets_load32(element_policy(space_element(p->space, slot)) + POLICY_LOAD) == policy->load)
        return true;
    if (!ring_prepare(p, policy->load))
        return false;
    remove_(p, slot);
    ring_append(p, index_find(&p->loads, policy->load), slot);
    return true;
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    size_t n = 0;
    for (struct index_leaf *leaf = p->loads.first; leaf && n < k; leaf = leaf->next) {
        for (unsigned i = 0; i < leaf->n && n < k; i++) {
            uint32_t head = leaf->entries[i].value, slot = head;
            do {
                out[n] = space_element(p->space, slot);
                slot = out[n++]->turn[NEXT];
            } while (n < k && slot != head);
            leaf->entries[i].value = space_element(p->space, head)->turn[NEXT];
        }
    }
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
