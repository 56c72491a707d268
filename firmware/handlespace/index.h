/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An ordered map from 32-bit keys to 32-bit values: a B+tree with linked leaves, about 12 octets an entry.
 * Our own, because a pointer-based tree of <sys/tree.h> costs twice that an element and a cache miss a level.
 */
#ifndef HANDLESPACE_INDEX_H
#define HANDLESPACE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct index_entry {
    uint32_t key;
    uint32_t value;
};

struct index_leaf {
    struct index_leaf *next, *previous;
    uint16_t n, capacity;
    struct index_entry entries[];
};

struct index {
    void *root;               /* NULL when empty */
    struct index_leaf *first; /* leaf of the smallest key */
    uint32_t height;          /* 0: the root is a leaf */
};

/* octets: the account of heap in use that allocations are booked to. */
/* Adds, or replaces the value; false when out of memory, and nothing is changed. */
bool index_put(struct index *x, uint32_t key, uint32_t value, size_t *octets);
/* The value's place, valid until the next put, place or erase; a key that was not there is added with the
 * value `fresh`. NULL when out of memory, and nothing is changed. */
uint32_t *index_place(struct index *x, uint32_t key, uint32_t fresh, size_t *octets);
/* Likewise; NULL when the key is not there. */
uint32_t *index_find(const struct index *x, uint32_t key);
/* The entry of the smallest key greater than the given one; NULL at the end. */
const struct index_entry *index_after(const struct index *x, uint32_t key);
bool index_erase(struct index *x, uint32_t key, size_t *octets);
void index_release(struct index *x, size_t *octets);

#endif
