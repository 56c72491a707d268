/* SPDX-License-Identifier: BSD-3-Clause */
/* The handlespace's own random numbers: one word of state that is seeded by the caller, so that a test can
 * repeat them. Good enough to spread load; nothing here has to be a secret. */
#ifndef HANDLESPACE_RANDOM_H
#define HANDLESPACE_RANDOM_H

#include <stdint.h>

/* SplitMix64. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* One of 0 .. bound - 1, all exactly as likely (Lemire's way: the high half of a product; few are thrown
 * away). */
static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
    unsigned __int128 product = (unsigned __int128)random_next(state) * bound;
    if ((uint64_t)product < bound) {
        uint64_t unfair = -bound % bound;
        while ((uint64_t)product < unfair)
            product = (unsigned __int128)random_next(state) * bound;
    }
    return (uint64_t)(product >> 64);
}

#endif
