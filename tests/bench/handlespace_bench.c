/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast the handlespace is, and how large, for each policy and beside rsplib's in the same run:
 * registrations, re-registrations and answers a second; octets a pool element. `handlespace POLICY` measures
 * that one only.
 */
#include "base/clock.h"
#include "handlespace/handlespace.h"
#include "tests/bench/rsplib_handlespace.h"

#include <malloc.h>
#include <stdlib.h>

enum { REGISTRATIONS = 400000, CHANGES = 600000, SELECTIONS = 1000000, WANTED = 3 };

static const uint8_t address[] = {0x00, 0x01, 0x00, 0x08, 10, 0, 0, 1};
static const char pool_name[] = "BenchmarkPool";

/* Million a second, and octets. */
struct figures {
    double enrol, again, changed, select, octets;
};

struct subject {
    const char *name;
    uint32_t policy;
    uint32_t values; /* how many different loads, weights or priorities there are */
    bool degrades; /* all that is chosen (RFC 5356, 5.2.2), by rsplib's increment; else it moves the first one
                      on */
};

static uint32_t scatter(uint32_t i)
{
    return (i ^ 0x5bd1e995) * 2654435761u; /* one to one, so that identifiers look random and are different */
}

/* The value of element i; another one in each round. */
static uint32_t value(const struct subject *s, uint32_t i, uint32_t round)
{
    uint32_t v = scatter(i + round * 77) >> 1;
    return s->values == UINT32_MAX ? v : 1 + v % s->values;
}

static uint32_t step(const struct subject *s)
{
    return s->values == UINT32_MAX ? UINT32_MAX / 1000 : 1;
}

static double rate(uint64_t operations, uint64_t us)
{
    return (double)operations / (double)(us ? us : 1);
}

static double heap_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)(info.uordblks + info.hblkhd);
}

/* --- ours
 * ------------------------------------------------------------------------------------------------------ */

static uint64_t enrol(struct handlespace *h, const struct subject *s, uint32_t n, uint32_t round)
{
    uint64_t start = clock_us();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = value(s, i, round);
        struct wire_pool_element e = {
            .identifier = scatter(i),
            .home_registrar = 1,
            .registration_life = 300,
            .user = {.type = WIRE_SCTP, .port = 7, .addresses = octets_of(address, sizeof address)},
            .policy = {.type = s->policy,
                       .weight = v,
                       .priority = v,
                       .load = v,
                       .degradation = step(s),
                       .load_dpf = step(s) / 50,
                       .weight_dpf = UINT32_MAX / 1000,
                       .distance = i % 4 * 50},
            .asap = {.type = WIRE_SCTP, .port = 3863, .addresses = octets_of(address, sizeof address)},
        };
        if (handlespace_register(h, octets_of(pool_name, sizeof pool_name - 1), &e, round,
                                 HANDLESPACE_REGISTERED, NULL) != 0)
            abort();
    }
    return clock_us() - start;
}

static struct figures ours(const struct subject *s, uint32_t n)
{
    struct figures f = {0};
    struct handlespace *h = NULL;
    uint64_t us = 0, sum = 0;
    double before = 0;
    for (uint32_t i = 0; i < REGISTRATIONS / n; i++) {
        handlespace_free(h);
        before = heap_in_use();
        h = handlespace_new(NULL);
        us += enrol(h, s, n, 0);
    }
    f.enrol = rate(REGISTRATIONS / n * n, us);
    f.octets = (heap_in_use() - before) / n;
    us = 0;
    for (uint32_t i = 0; i < CHANGES / n; i++)
        us += enrol(h, s, n, 0);
    f.again = rate(CHANGES / n * n, us);

    struct pool *p = handlespace_pool_next(h, NULL);
    struct pool_element *chosen[WANTED];
    uint64_t start = clock_us();
    for (uint32_t i = 0; i < SELECTIONS; i++) {
        handlespace_select(h, p, WANTED, chosen);
        sum += (uintptr_t)chosen[0] ^ (uintptr_t)chosen[1] ^ (uintptr_t)chosen[2];
    }
    us = clock_us() - start;
    f.select = rate(SELECTIONS, us + (sum == 0));

    us = 0;
    for (uint32_t i = 1; i <= CHANGES / n; i++)
        us += enrol(h, s, n, i);
    f.changed = rate(CHANGES / n * n, us);
    handlespace_free(h);
    return f;
}

/* --- rsplib's
 * -------------------------------------------------------------------------------------------------- */

static uint64_t rsplib_enrol(struct rsplib *r, const struct subject *s, uint32_t n, uint32_t round)
{
    uint64_t start = clock_us();
    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = value(s, i, round);
        /* it keeps a priority where it keeps a weight */
        struct rsplib_policy policy = {.type = s->policy,
                                       .weight = v,
                                       .load = v,
                                       .degradation = step(s),
                                       .load_dpf = step(s) / 50,
                                       .weight_dpf = UINT32_MAX / 1000,
                                       .distance = i % 4 * 50};
        void *out = NULL;
        if (r->enrol(r->space, r->handle, 1, scatter(i), 300000, &policy, r->transport, r->transport, -1, 0,
                     round, &out) != 0 ||
            !out)
            abort();
    }
    return clock_us() - start;
}

static struct figures rsplib(struct rsplib *r, const struct subject *s, uint32_t n)
{
    struct figures f = {0};
    uint64_t us = 0, sum = 0;
    double before = 0;
    for (uint32_t i = 0; i < REGISTRATIONS / n; i++) {
        if (i > 0)
            r->delete (r->space);
        before = heap_in_use();
        r->new (r->space, 1, NULL, NULL, NULL);
        us += rsplib_enrol(r, s, n, 0);
    }
    f.enrol = rate(REGISTRATIONS / n * n, us);
    f.octets = (heap_in_use() - before) / n;
    us = 0;
    for (uint32_t i = 0; i < CHANGES / n; i++)
        us += rsplib_enrol(r, s, n, 0);
    f.again = rate(CHANGES / n * n, us);

    void *chosen[WANTED];
    uint64_t start = clock_us();
    for (uint32_t i = 0; i < SELECTIONS / 5; i++) {
        size_t got = WANTED;
        if (r->resolve(r->space, r->handle, chosen, &got, WANTED, s->degrades ? WANTED : 1) != 0 ||
            got != WANTED)
            abort();
        sum += (uintptr_t)chosen[0] ^ (uintptr_t)chosen[1] ^ (uintptr_t)chosen[2];
    }
    us = clock_us() - start;
    f.select = rate(SELECTIONS / 5, us + (sum == 0));

    us = 0;
    for (uint32_t i = 1; i <= CHANGES / n; i++)
        us += rsplib_enrol(r, s, n, i);
    f.changed = rate(CHANGES / n * n, us);
    r->delete (r->space);
    return f;
}

/* ------------------------------------------------------------------------------------------------------------
 */

static void run(struct rsplib *r, const struct subject *s, uint32_t n)
{
    struct figures a = ours(s, n), b = {0};
    if (r)
        b = rsplib(r, s, n);
    printf("handlespace  %-16s %7u  %6.2f /%5.2f  %6.2f /%5.2f  %6.2f /%5.2f  %7.2f /%5.2f  %6.1f /%6.1f\n",
           s->name, n, a.enrol, b.enrol, a.again, b.again, a.changed, b.changed, a.select, b.select, a.octets,
           b.octets);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static const uint32_t sizes[] = {10000, 100000};
    static const struct subject subjects[] = {
        {"RR", POLICY_RR, 1, false},
        {"WRR, 1 to 100", POLICY_WRR, 100, false},
        {"WRR, all differ", POLICY_WRR, UINT32_MAX, false},
        {"RAND", POLICY_RAND, 1, false},
        {"WRAND", POLICY_WRAND, 100, false},
        {"WRAND-DPF", POLICY_WRAND_DPF, 100, false},
        {"PRIO, 1 to 100", POLICY_PRIO, 100, false},
        {"LU", POLICY_LU, UINT32_MAX, false},
        {"LU, loads equal", POLICY_LU, 1, false},
        {"LU-DPF", POLICY_LU_DPF, UINT32_MAX, false},
        {"LUD", POLICY_LUD, UINT32_MAX, true},
        {"LUD, loads equal", POLICY_LUD, 1, true},
        {"LUD-DPF", POLICY_LUD_DPF, UINT32_MAX, true},
        {"PLU", POLICY_PLU, UINT32_MAX, false},
        {"PLUD", POLICY_PLUD, UINT32_MAX, true},
        {"RLU", POLICY_RLU, UINT32_MAX, false},
        {"RLUD", POLICY_RLUD, UINT32_MAX, true},
        {"RPLU", POLICY_RPLU, UINT32_MAX, false},
        {"RPLUD", POLICY_RPLUD, UINT32_MAX, true},
    };
    static struct rsplib library;
    struct rsplib *r = rsplib_load(&library) ? &library : NULL;
    if (!r)
        printf(
            "handlespace  librsphsmgt.so.3 (Debian's librsplib3) is not installed: no figures of rsplib\n");
    printf("handlespace  ours / rsplib's, million a second; heap octets of an element with one IPv4 address "
           "for each "
           "transport\n");
    printf("handlespace  %-16s %7s  %-13s  %-13s  %-13s  %-14s  %s\n", "policy", "of", "register",
           "the same again", "with new value", "choose 3", "octets");
    for (unsigned i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
        for (unsigned j = 0; j < sizeof sizes / sizeof sizes[0]; j++)
            if (argc < 2 || strcmp(argv[1], wire_policy_short_name(subjects[i].policy)) == 0)
                run(r, &subjects[i], sizes[j]);
    return 0;
}
