/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An array of weights with sums over it: finds the weight into which a number falls, in steps of eight, a
 * cache line each. About five octets a weight. Knows nothing of pools.
 */
#ifndef HANDLESPACE_SUMS_H
#define HANDLESPACE_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sums {
    uint32_t *weights; /* capacity of them, 0 where nothing was set */
    uint64_t *levels;  /* sums of 16 weights, then of 8 sums each, as often as more than 8 are left */
    uint64_t total;
    uint32_t capacity;
};

/* Room for n weights, more or less than there was; those beyond n have to be 0. False: out of memory, all is
 * as it was. */
bool sums_resize(struct sums *s, uint32_t n, size_t *octets);
void sums_set(struct sums *s, uint32_t i, uint32_t weight);
/* The i for which the sum of the weights before it, which becomes *before, is at most number, and that with
 * it is greater. number is below the total. */
uint32_t sums_find(const struct sums *s, uint64_t number, uint64_t *before);
void sums_release(struct sums *s, size_t *octets);

#endif
