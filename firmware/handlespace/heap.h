/* SPDX-License-Identifier: BSD-3-Clause */
/* malloc with an account: what handlespace_octets() reports is the sum of the blocks as the allocator holds
 * them. */
#ifndef HANDLESPACE_HEAP_H
#define HANDLESPACE_HEAP_H

#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>

/* glibc keeps one word before each block. */
static inline size_t heap_block(void *p)
{
    return p ? malloc_usable_size(p) + sizeof(size_t) : 0;
}

static inline void *heap_take(size_t size, size_t *octets)
{
    void *p = malloc(size);
    *octets += heap_block(p);
    return p;
}

/* NULL when out of memory: the old block stays. */
static inline void *heap_resize(void *old, size_t size, size_t *octets)
{
    size_t before = heap_block(old);
    void *p = realloc(old, size);
    if (p)
        *octets += heap_block(p) - before;
    return p;
}

static inline void heap_give(void *p, size_t *octets)
{
    *octets -= heap_block(p);
    free(p);
}

#endif
