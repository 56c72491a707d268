/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random (RFC 5356, 4.3): drawing without replacement from the pool's array. A short answer draws positions
 * and draws again what it has, which reads the array only; a long one is the beginning of a shuffle, which
 * stays, since the order of the array means nothing.
 */
#include "handlespace/dense.h"
#include "handlespace/policy.h"
#include "handlespace/random.h"

enum { FEW = 8 };

static void draw_few(struct pool *p, size_t k, struct pool_element **out)
{
    const struct dense *d = &p->dense;
    for (size_t n = 0; n < k;) {
        out[n] = space_element(p->space, d->slots[random_below(&p->space->random, d->used)]);
        size_t same = 0;
        while (out[same] != out[n])
            same++;
        n += same == n;
    }
}

static void draw_many(struct pool *p, size_t k, struct pool_element **out)
{
    const struct dense *d = &p->dense;
    for (uint32_t n = 0; n < k; n++) {
        uint32_t at = n + (uint32_t)random_below(&p->space->random, d->used - n), slot = d->slots[at];
        dense_put(p, at, d->slots[n]);
        dense_put(p, n, slot);
        out[n] = space_element(p->space, slot);
    }
}

static size_t select_(struct pool *p, size_t k, struct pool_element **out)
{
    if (k <= FEW && k <= p->dense.used / 2)
        draw_few(p, k, out);
    else
        draw_many(p, k, out);
    return k;
}

static void release(struct pool *p)
{
    heap_give(p->dense.slots, &p->space->octets);
}

const struct policy_operations policy_random = {
    .insert = dense_add,
    .remove = dense_remove,
    .select = select_,
    .release = release,
};
