/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of agenda.h. A node knows of the parties below it the earliest end of those windows that are known
 * to have begun, and of the others the earliest beginning and the earliest end. Before a turn, windows that
 * have begun meanwhile are looked for only where one of them could end first; each is found once.
 */
#include "handlespace/agenda.h"

#include "handlespace/heap.h"

#include <string.h>

enum { BLOCK_BITS = 2, BLOCK = 1 << BLOCK_BITS };
#define ROUND  (UINT64_C(1) << 56)
#define LATEST (UINT64_C(1) << 62) /* then all times are set back */
#define NEVER  UINT64_MAX

struct agenda_node {
    uint64_t begun_end;
    uint64_t waiting_begin, waiting_end;
};

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static struct agenda_time later(struct agenda_time t, uint64_t share)
{
    t.at += ROUND / share;
    t.rest += ROUND % share;
    if (t.rest >= share) {
        t.rest -= share;
        t.at++;
    }
    return t;
}

static struct agenda_time sooner(struct agenda_time t, uint64_t share)
{
    t.at -= ROUND / share;
    if (t.rest < ROUND % share) {
        t.rest += share;
        t.at--;
    }
    t.rest -= ROUND % share;
    return t;
}

/* --- the tree
 * -------------------------------------------------------------------------------------------------- */

static struct agenda_node summary(const struct agenda *a, uint32_t block)
{
    struct agenda_node node = {NEVER, NEVER, NEVER};
    const struct agenda_party *parties = a->parties + ((size_t)block << BLOCK_BITS);
    bool there = block < a->capacity >> BLOCK_BITS;
    for (unsigned i = 0; there && i < BLOCK; i++) {
        if (!parties[i].share)
            continue;
        if (parties[i].begun) {
            node.begun_end = least(node.begun_end, parties[i].end);
        } else {
            node.waiting_begin = least(node.waiting_begin, parties[i].begin.at);
            node.waiting_end = least(node.waiting_end, parties[i].end);
        }
    }
    return node;
}

static void join(struct agenda *a, uint32_t node)
{
    const struct agenda_node *left = &a->nodes[2 * node], *right = left + 1;
    a->nodes[node] = (struct agenda_node){least(left->begun_end, right->begun_end),
                                          least(left->waiting_begin, right->waiting_begin),
                                          least(left->waiting_end, right->waiting_end)};
}

static void sum_up(struct agenda *a, uint32_t party)
{
    uint32_t block = party >> BLOCK_BITS;
    a->nodes[a->blocks + block] = summary(a, block);
    for (uint32_t node = (a->blocks + block) / 2; node > 0; node /= 2)
        join(a, node);
}

static void sum_up_all(struct agenda *a)
{
    for (uint32_t block = 0; block < a->blocks; block++)
        a->nodes[a->blocks + block] = summary(a, block);
    for (uint32_t node = a->blocks - 1; node > 0; node--)
        join(a, node);
}

static bool concerns(const struct agenda *a, uint32_t node, uint64_t end)
{
    return a->nodes[node].waiting_begin < a->now.at && a->nodes[node].waiting_end < end;
}

/* Finds windows that have begun and end before `end`; returns the earliest end there is. */
static uint64_t wake(struct agenda *a, uint32_t node, uint64_t end)
{
    if (!concerns(a, node, end))
        return end;
    if (node >= a->blocks) {
        uint32_t block = node - a->blocks;
        struct agenda_party *parties = a->parties + ((size_t)block << BLOCK_BITS);
        for (unsigned i = 0; i < BLOCK; i++)
            if (parties[i].share && parties[i].begin.at < a->now.at)
                parties[i].begun = true;
        a->nodes[node] = summary(a, block);
        return least(end, a->nodes[node].begun_end);
    }
    uint32_t child = 2 * node + (a->nodes[2 * node + 1].waiting_end < a->nodes[2 * node].waiting_end);
    end = wake(a, child, end);
    end = wake(a, child ^ 1, end);
    join(a, node);
    return end;
}

static uint32_t ending_first(const struct agenda *a)
{
    uint64_t end = a->nodes[1].begun_end;
    uint32_t node = 1;
    while (node < a->blocks)
        node = 2 * node + (a->nodes[2 * node].begun_end != end);
    uint32_t party = (node - a->blocks) << BLOCK_BITS;
    while (!a->parties[party].share || !a->parties[party].begun || a->parties[party].end != end)
        party++;
    return party;
}

/* --- the operations
 * -------------------------------------------------------------------------------------------- */

bool agenda_resize(struct agenda *a, uint32_t n, size_t *octets)
{
    uint32_t blocks = 1;
    while ((uint64_t)blocks << BLOCK_BITS < n)
        blocks *= 2;
    uint32_t capacity = (n + BLOCK - 1) & ~(uint32_t)(BLOCK - 1);
    size_t length = sizeof *a->nodes * 2 * blocks;
    struct agenda_node *nodes = blocks == a->blocks ? a->nodes : heap_take(length, octets);
    if (!nodes)
        return false;
    struct agenda_party *parties = heap_resize(a->parties, capacity * sizeof *parties, octets);
    if (!parties) {
        if (nodes != a->nodes)
            heap_give(nodes, octets);
        return false;
    }
    if (capacity > a->capacity)
        memset(parties + a->capacity, 0, (capacity - a->capacity) * sizeof *parties);
    a->parties = parties;
    a->capacity = capacity;
    if (nodes == a->nodes)
        return true;
    heap_give(a->nodes, octets);
    a->nodes = nodes;
    a->blocks = blocks;
    sum_up_all(a);
    return true;
}

void agenda_set_share(struct agenda *a, uint32_t party, uint64_t share)
{
    struct agenda_party *p = &a->parties[party];
    uint64_t old = p->share, now = a->sum ? sooner(a->now, a->sum).at : a->now.at;
    a->sum += share - old; /* modulo 2^64 */
    a->now = (struct agenda_time){.at = now};
    if (a->sum)
        a->now = later(a->now, a->sum);
    p->share = share;
    if (share) {
        /* A newcomer begins now; what another still has to wait shrinks or grows with its window. */
        uint64_t begin = !old ? now : p->begin.at;
        if (old && begin > now)
            begin = now + (uint64_t)((unsigned __int128)(begin - now) * old / share);
        p->begin = (struct agenda_time){.at = begin};
        p->end = later(p->begin, share).at;
        p->begun = false;
    }
    sum_up(a, party);
}

static uint64_t set_back(uint64_t time, uint64_t by)
{
    return time > by ? time - by : 0;
}

/* Times stay far from overflow, however long turns are given. */
static void set_back_all(struct agenda *a)
{
    uint64_t by = a->now.at - 4 * ROUND;
    for (uint32_t i = 0; i < a->capacity; i++) {
        struct agenda_party *p = &a->parties[i];
        p->begin.at = set_back(p->begin.at, by);
        p->end = set_back(p->end, by);
    }
    a->now.at -= by;
    sum_up_all(a);
}

/* Nothing has begun: those that went have left a gap in time. */
static void skip_gap(struct agenda *a)
{
    uint64_t begin = a->nodes[1].waiting_begin;
    a->now = later((struct agenda_time){.at = begin}, a->sum);
    if (a->now.at == begin)
        a->now.at++;
}

uint32_t agenda_turn(struct agenda *a)
{
    if (a->now.at >= LATEST)
        set_back_all(a);
    uint32_t party;
    for (;;) {
        if (wake(a, 1, a->nodes[1].begun_end) == NEVER) {
            skip_gap(a);
            continue;
        }
        party = ending_first(a);
        if (a->parties[party].begin.at < a->now.at)
            break;
        a->parties[party].begun =
            false; /* a turn that was taken back, or a larger sum, has turned time back */
        sum_up(a, party);
    }
    struct agenda_party *p = &a->parties[party];
    p->begin = later(p->begin, p->share);
    p->end = later(p->begin, p->share).at;
    p->begun = false;
    a->now = later(a->now, a->sum);
    sum_up(a, party);
    return party;
}

void agenda_take_back(struct agenda *a, uint32_t party)
{
    struct agenda_party *p = &a->parties[party];
    p->begin = sooner(p->begin, p->share);
    p->end = later(p->begin, p->share).at;
    p->begun = true;
    a->now = sooner(a->now, a->sum);
    sum_up(a, party);
}

void agenda_release(struct agenda *a, size_t *octets)
{
    heap_give(a->parties, octets);
    heap_give(a->nodes, octets);
    *a = (struct agenda){0};
}
