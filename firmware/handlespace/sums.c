/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of sums.h. All levels stand in one block, from the lowest to the highest, each padded to whole
 * cache lines by zeros, which no number falls into. */
#include "handlespace/sums.h"

#include "handlespace/heap.h"

#include <string.h>

enum { LEAF_BITS = 4, LEAF = 1 << LEAF_BITS, NODE_BITS = 3, NODE = 1 << NODE_BITS };
enum { LEVELS_MAX = 10 }; /* 2^32 weights */

/* Where each level begins; returns their number. offsets[number] is the length of the block. */
static unsigned layout(uint32_t capacity, uint32_t offsets[LEVELS_MAX + 1])
{
    uint32_t n = (uint32_t)(((uint64_t)capacity + LEAF - 1) >> LEAF_BITS);
    unsigned levels = 0;
    offsets[0] = 0;
    while (n > 1) {
        uint32_t nodes = (n + NODE - 1) >> NODE_BITS;
        offsets[levels + 1] = offsets[levels] + (nodes << NODE_BITS);
        levels++;
        n = nodes;
    }
    return levels;
}

static void add_up(const uint32_t *weights, uint32_t n, uint64_t *levels)
{
    uint32_t offsets[LEVELS_MAX + 1];
    unsigned count = layout(n, offsets);
    for (uint32_t i = 0; count && i < n; i++)
        levels[i >> LEAF_BITS] += weights[i];
    for (unsigned level = 1; level < count; level++)
        for (uint32_t i = 0; i < offsets[level] - offsets[level - 1]; i++)
            levels[offsets[level] + (i >> NODE_BITS)] += levels[offsets[level - 1] + i];
}

bool sums_resize(struct sums *s, uint32_t n, size_t *octets)
{
    uint32_t offsets[LEVELS_MAX + 1];
    uint32_t capacity = n > LEAF ? (n + LEAF - 1) & ~(uint32_t)(LEAF - 1) : n;
    uint32_t length = offsets[layout(capacity, offsets)];
    uint64_t *levels = NULL;
    if (length && !(levels = heap_take(length * sizeof *levels, octets)))
        return false;
    uint32_t *weights = heap_resize(s->weights, capacity * sizeof *weights, octets);
    if (!weights) {
        heap_give(levels, octets);
        return false;
    }
    if (capacity > s->capacity)
        memset(weights + s->capacity, 0, (capacity - s->capacity) * sizeof *weights);
    if (length)
        memset(levels, 0, length * sizeof *levels);
    add_up(weights, capacity, levels);
    heap_give(s->levels, octets);
    s->weights = weights;
    s->levels = levels;
    s->capacity = capacity;
    return true;
}

void sums_set(struct sums *s, uint32_t i, uint32_t weight)
{
    uint32_t offsets[LEVELS_MAX + 1];
    unsigned count = layout(s->capacity, offsets);
    uint64_t more = (uint64_t)weight - s->weights[i]; /* modulo 2^64 */
    s->weights[i] = weight;
    s->total += more;
    i >>= LEAF_BITS;
    for (unsigned level = 0; level < count; level++, i >>= NODE_BITS)
        s->levels[offsets[level] + i] += more;
}

uint32_t sums_find(const struct sums *s, uint64_t number, uint64_t *before)
{
    uint32_t offsets[LEVELS_MAX + 1], at = 0;
    uint64_t reached = 0;
    /* How many of a node's sums lie at or below the number: added up without a branch to mispredict. */
    for (unsigned level = layout(s->capacity, offsets); level-- > 0;) {
        const uint64_t *node = s->levels + offsets[level] + (at <<= NODE_BITS);
        uint64_t sum = reached;
        for (unsigned i = 0; i < NODE; i++) {
            sum += node[i];
            at += sum <= number;
            reached = sum <= number ? sum : reached;
        }
    }
    const uint32_t *leaf = s->weights + (at <<= LEAF_BITS);
    uint32_t n = s->capacity - at < LEAF ? s->capacity - at : LEAF;
    uint64_t sum = reached;
    for (uint32_t i = 0; i < n; i++) {
        sum += leaf[i];
        at += sum <= number;
        reached = sum <= number ? sum : reached;
    }
    *before = reached;
    return at;
}

void sums_release(struct sums *s, size_t *octets)
{
    heap_give(s->weights, octets);
    heap_give(s->levels, octets);
    *s = (struct sums){0};
}
