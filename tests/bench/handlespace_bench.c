/* SPDX-License-Identifier: BSD-3-Clause */
/* How fast the handlespace is, and how large: registrations, re-registrations and answers a second; octets an
 * element. */
#include "base/clock.h"
#include "handlespace/handlespace.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const uint8_t address[] = {0x00, 0x01, 0x00, 0x08, 10, 0, 0, 1};
static const char pool_name[] = "BenchmarkPool";

static uint32_t scatter(uint32_t i)
{
    return (i ^ 0x5bd1e995) * 2654435761u; /* one to one, so that identifiers look random and are different */
}

static struct wire_pool_element element(uint32_t i, uint32_t policy, uint32_t load)
{
    return (struct wire_pool_element){
        .identifier = scatter(i),
        .home_registrar = 1,
        .registration_life = 300,
        .user = {.type = WIRE_SCTP, .port = 7, .addresses = octets_of(address, sizeof address)},
        .policy = {.type = policy, .load = load},
        .asap = {.type = WIRE_SCTP, .port = 3863, .addresses = octets_of(address, sizeof address)},
    };
}

static void print(const char *what, uint32_t n, uint64_t operations, uint64_t us)
{
    printf("handlespace  %-40s of %-7u %7.2f M/s\n", what, n, (double)operations / (double)(us ? us : 1));
}

static uint64_t enrol(struct handlespace *h, uint32_t n, uint32_t policy, bool spread, uint32_t round)
{
    uint64_t start = clock_us();
    for (uint32_t i = 0; i < n; i++) {
        struct wire_pool_element e = element(i, policy, spread ? scatter(i + round) : 0);
        if (handlespace_register(h, octets_of(pool_name, sizeof pool_name - 1), &e, round,
                                 HANDLESPACE_REGISTERED, NULL) != 0)
            abort();
    }
    return clock_us() - start;
}

static void run(const char *name, uint32_t policy, bool spread, uint32_t n)
{
    enum { SELECTIONS = 3000000, ROUNDS = 2000000 };
    char what[64];
    struct mallinfo2 before = mallinfo2();
    struct handlespace *h = handlespace_new(NULL);
    size_t empty = handlespace_octets(h);
    uint64_t us = enrol(h, n, policy, spread, 0);
    struct mallinfo2 after = mallinfo2();
    snprintf(what, sizeof what, "%s: register", name);
    print(what, n, n, us);

    us = 0;
    uint32_t rounds = ROUNDS / n;
    for (uint32_t r = 1; r <= rounds; r++)
        us += enrol(h, n, policy, spread, 0);
    snprintf(what, sizeof what, "%s: re-register the same", name);
    print(what, n, (uint64_t)rounds * n, us);
    if (spread) {
        us = 0;
        for (uint32_t r = 1; r <= rounds; r++)
            us += enrol(h, n, policy, true, r * 77);
        snprintf(what, sizeof what, "%s: re-register another load", name);
        print(what, n, (uint64_t)rounds * n, us);
    }

    struct pool *p = handlespace_pool_next(h, NULL);
    struct pool_element *chosen[3];
    uint64_t sum = 0, start = clock_us();
    for (uint32_t i = 0; i < SELECTIONS; i++) {
        handlespace_select(h, p, 3, chosen);
        sum += (uintptr_t)chosen[0] ^ (uintptr_t)chosen[1] ^ (uintptr_t)chosen[2];
    }
    us = clock_us() - start;
    snprintf(what, sizeof what, "%s: select 3", name);
    print(what, n, SELECTIONS, us + (sum == 0));
    printf("handlespace  %-40s of %-7u %7.1f octets (%.1f by mallinfo2)\n",
           "element, one IPv4 each transport", n, (double)(handlespace_octets(h) - empty) / n,
           (double)(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd) / n);
    handlespace_free(h);
}

int main(void)
{
    static const uint32_t sizes[] = {10000, 100000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        run("RR", POLICY_RR, false, sizes[i]);
        run("LU, loads differ", POLICY_LU, true, sizes[i]);
        run("LU, loads equal", POLICY_LU, false, sizes[i]);
    }
    return 0;
}
