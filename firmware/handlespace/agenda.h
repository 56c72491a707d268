/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who has the next turn: parties with shares of a common round get turns as evenly as possible. A party of
 * share s among parties whose shares add up to S gets its i-th turn in the window from i/s to (i+1)/s of a
 * round: among the parties whose window has begun, that one is next whose window ends first. So the turns
 * that a party has had never differ from its due by a whole one (the quota method of apportionment), and a
 * round of S turns gives every party exactly its share. Knows nothing of pools.
 *
 * A turn costs O(log n) in the number of parties, amortised over the windows that begin.
 */
#ifndef HANDLESPACE_AGENDA_H
#define HANDLESPACE_AGENDA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time in parts of a round, with what division has left over, so that no error adds up. */
struct agenda_time {
    uint64_t at, rest;
};

struct agenda_party {
    struct agenda_time begin; /* of the window of its next turn */
    uint64_t end;
    uint64_t share; /* 0: takes no part */
    bool begun;     /* as far as was looked */
};

struct agenda_node;

struct agenda {
    struct agenda_party *parties;
    struct agenda_node *nodes; /* a binary tree over blocks of parties; the first is not used */
    uint32_t capacity;         /* of parties */
    uint32_t blocks;           /* a power of two */
    uint64_t sum;              /* of the shares */
    struct agenda_time now;    /* when the next turn is over */
};

/* Room for parties 0 .. n - 1, more or fewer than before; those beyond have no share. False: out of memory,
 * nothing is changed. */
bool agenda_resize(struct agenda *a, uint32_t n, size_t *octets);
/* A party's share from now on; 0 ends its part. */
void agenda_set_share(struct agenda *a, uint32_t party, uint64_t share);
/* Gives the next turn; there has to be a share. */
uint32_t agenda_turn(struct agenda *a);
/* Takes back the last turn, which `party` had; no share has changed since. */
void agenda_take_back(struct agenda *a, uint32_t party);
void agenda_release(struct agenda *a, size_t *octets);

#endif
