/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Weighted Random and Randomized Least Used, with their kin (RFC 5356, 4.4 and 5.4): a number below the sum
 * of all weights is drawn, and the element into whose weight it falls is chosen. Elements are drawn without
 * replacement: a short answer steps over the weights of what it has, a long one takes them out of the sums
 * until it is done. An element of weight 0 is never chosen (RFC 5356, 3.2).
 */
#include "handlespace/dense.h"
#include "handlespace/policy.h"
#include "handlespace/random.h"

enum { STEPS_MAX = 16 };

static bool insert(struct pool *p, uint32_t slot)
{
    struct dense *d = &p->dense;
    if (d->used == d->capacity && !dense_resize(p, d->capacity + d->capacity / 16 + 4))
        return false;
    if (p->sums.capacity < d->capacity && !sums_resize(&p->sums, d->capacity, &p->space->octets))
        return false;
    dense_put(p, d->used++, slot);
    sums_set(&p->sums, d->used - 1, policy_value(p, space_element(p->space, slot)));
    return true;
}

static bool update(struct pool *p, uint32_t slot, const uint8_t *policy)
{
    struct pool_element *e = space_element(p->space, slot);
    sums_set(&p->sums, e->turn[0], p->policy->value(policy, 0));
    if (p->policy->degrades)
        *element_degradation(e) = 0;
    return true;
}

static void remove_(struct pool *p, uint32_t slot)
{
    struct sums *s = &p->sums;
    uint32_t at = space_element(p->space, slot)->turn[0], last = p->dense.used - 1;
    sums_set(s, at, s->weights[last]);
    sums_set(s, last, 0);
    dense_remove(p, slot);
    if (p->dense.capacity < s->capacity / 2)
        sums_resize(s, p->dense.capacity, &p->space->octets);
}

/* What is chosen already, in the order of the array: its intervals of numbers are stepped over. */
struct steps {
    uint64_t before[STEPS_MAX];
    uint32_t weight[STEPS_MAX];
};

static void step_insert(struct steps *steps, size_t n, uint64_t before, uint32_t weight)
{
    for (; n > 0 && steps->before[n - 1] > before; n--) {
        steps->before[n] = steps->before[n - 1];
        steps->weight[n] = steps->weight[n - 1];
    }
    steps->before[n] = before;
    steps->weight[n] = weight;
}

static size_t draw_few(struct pool *p, size_t k, struct pool_element **out)
{
    struct steps steps;
    uint64_t left = p->sums.total, before;
    size_t n = 0;
    for (; n < k && left > 0; n++) {
        uint64_t number = random_below(&p->space->random, left);
        for (size_t i = 0; i < n && number >= steps.before[i]; i++)
            number += steps.weight[i];
        uint32_t at = sums_find(&p->sums, number, &before), weight = p->sums.weights[at];
        step_insert(&steps, n, before, weight);
        left -= weight;
        out[n] = space_element(p->space, p->dense.slots[at]);
        __builtin_prefetch(out[n]);
    }
    return n;
}

static size_t draw_many(struct pool *p, size_t k, struct pool_element **out)
{
    uint64_t before;
    size_t n = 0;
    for (; n < k && p->sums.total > 0; n++) {
        uint32_t at = sums_find(&p->sums, random_below(&p->space->random, p->sums.total), &before);
        sums_set(&p->sums, at, 0);
        out[n] = space_element(p->space, p->dense.slots[at]);
    }
    for (size_t i = 0; i < n; i++)
        sums_set(&p->sums, out[i]->turn[0], policy_value(p, out[i]));
    return n;
}

static void degrade(struct pool *p, size_t n, struct pool_element **chosen)
{
    policy_fetch(n, chosen);
    for (size_t i = 0; i < n; i++) {
        *element_degradation(chosen[i]) = policy_degraded(chosen[i]);
        sums_set(&p->sums, chosen[i]->turn[0], policy_value(p, chosen[i]));
    }
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    size_t n = k <= STEPS_MAX ? draw_few(p, k, out) : draw_many(p, k, out);
    if (p->policy->degrades)
        degrade(p, n, out);
    return n;
}

static void release(struct pool *p)
{
    sums_release(&p->sums, &p->space->octets);
    heap_give(p->dense.slots, &p->space->octets);
}

const struct policy_operations policy_weighted_random = {
    .insert = insert,
    .update = update,
    .remove = remove_,
    .select = select_,
    .release = release,
};
