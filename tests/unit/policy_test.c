/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What each pool policy promises (RFC 5356, rsplib's combinations, draft-dreibholz-rserpool-delay): exact
 * turns, evenness, probabilities by chi-square with fixed seeds, order and rotation of ties, no element
 * twice; and all of them against naive models under random operations.
 */
#include "base/error.h"
#include "handlespace/agenda.h"
#include "handlespace/handlespace.h"
#include "handlespace/random.h"
#include "handlespace/sums.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define PERCENT (UINT32_MAX / 100)

enum { ANSWER_MAX = 256 };

static const uint32_t all_policies[] = {
    POLICY_RR,    POLICY_WRR,       POLICY_RAND,   POLICY_WRAND,   POLICY_PRIO, POLICY_LU,
    POLICY_LUD,   POLICY_PLU,       POLICY_RLU,    POLICY_RPLU,    POLICY_RLUD, POLICY_PLUD,
    POLICY_RPLUD, POLICY_WRAND_DPF, POLICY_LU_DPF, POLICY_LUD_DPF,
};
enum { POLICIES = sizeof all_policies / sizeof all_policies[0] };

static const uint8_t one_address[] = {0x00, 0x01, 0x00, 0x08, 10, 0, 0, 1};

static struct octets text(const char *s)
{
    return octets_of(s, strlen(s));
}

static uint32_t random_to(uint64_t *state, uint32_t below)
{
    return (uint32_t)(random_next(state) % below);
}

static struct handlespace *space(uint64_t seed)
{
    struct handlespace_options o = {.random_seed = seed};
    return handlespace_new(&o);
}

static struct pool_element *enrol_in(struct handlespace *h, const char *pool, uint32_t identifier,
                                     struct wire_policy policy)
{
    struct wire_pool_element e = {
        .identifier = identifier,
        .home_registrar = 1,
        .registration_life = 300,
        .user = {.type = WIRE_SCTP, .port = 7, .addresses = octets_of(one_address, sizeof one_address)},
        .policy = policy,
        .asap = {.type = WIRE_SCTP, .port = 3863, .addresses = octets_of(one_address, sizeof one_address)},
    };
    struct pool_element *out = NULL;
    CU_ASSERT_EQUAL_FATAL(handlespace_register(h, text(pool), &e, 1000, HANDLESPACE_REGISTERED, &out), 0);
    return out;
}

static struct pool_element *enrol(struct handlespace *h, uint32_t identifier, struct wire_policy policy)
{
    return enrol_in(h, "P", identifier, policy);
}

static void leave(struct handlespace *h, uint32_t identifier)
{
    struct pool *p = handlespace_find_pool(h, text("P"));
    handlespace_remove(h, handlespace_find(p, identifier), HANDLESPACE_DEREGISTERED);
}

/* Identifiers of one answer. */
static size_t choose(struct handlespace *h, size_t k, uint32_t *identifiers)
{
    struct pool_element *chosen[ANSWER_MAX];
    size_t n = handlespace_select(h, handlespace_find_pool(h, text("P")), k, chosen);
    for (size_t i = 0; i < n; i++)
        identifiers[i] = pool_element_identifier(chosen[i]);
    return n;
}

static uint32_t choose_one(struct handlespace *h)
{
    uint32_t identifier = UINT32_MAX;
    CU_ASSERT_EQUAL(choose(h, 1, &identifier), 1);
    return identifier;
}

/* The same as text, "1 2 3". */
static const char *answer(struct handlespace *h, size_t k)
{
    static char line[512];
    uint32_t identifiers[ANSWER_MAX];
    size_t n = choose(h, k, identifiers), used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, i ? " %u" : "%u", identifiers[i]);
    return line;
}

static bool all_differ(const uint32_t *identifiers, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (identifiers[i] == identifiers[j])
                return false;
    return true;
}

/* Chi-square: whether counts fit what was expected, at 4.5 deviations of the statistic. */
static bool fits(const uint32_t *counts, const double *expected, size_t n)
{
    double sum = 0;
    size_t cells = 0;
    for (size_t i = 0; i < n; i++) {
        if (expected[i] == 0) {
            if (counts[i])
                return false;
            continue;
        }
        sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
        cells++;
    }
    double freedom = (double)cells - 1;
    return sum < freedom + 4.5 * sqrt(2 * freedom);
}

/* --- all policies
 * --------------------------------------------------------------------------------------------- */

static void every_policy_is_known(void)
{
    for (unsigned i = 0; i < POLICIES; i++)
        CU_ASSERT_TRUE(handlespace_policy_known(all_policies[i]));
    CU_ASSERT_FALSE(handlespace_policy_known(0));
    CU_ASSERT_FALSE(handlespace_policy_known(0x40000005));
    CU_ASSERT_FALSE(handlespace_policy_known(0xb0002004));
}

static struct wire_policy usual(uint32_t type, uint32_t i)
{
    return (struct wire_policy){.type = type,
                                .weight = 1 + i % 7,
                                .priority = i % 7,
                                .load = i % 7 * PERCENT,
                                .degradation = i % 3 * PERCENT,
                                .load_dpf = PERCENT / 1000,
                                .weight_dpf = PERCENT / 1000,
                                .distance = i % 4 * 50};
}

static void one_element_is_the_answer_to_everything(void)
{
    for (unsigned i = 0; i < POLICIES; i++) {
        struct handlespace *h = space(i);
        enrol(h, 42, usual(all_policies[i], 1));
        for (size_t k = 1; k < 40; k++)
            CU_ASSERT_STRING_EQUAL(answer(h, k), "42");
        uint32_t none;
        CU_ASSERT_EQUAL(choose(h, 0, &none), 0);
        handlespace_free(h);
    }
}

static void no_element_is_twice_in_an_answer_and_all_are_in_a_long_one(void)
{
    for (unsigned i = 0; i < POLICIES; i++) {
        struct handlespace *h = space(i);
        uint32_t identifiers[ANSWER_MAX];
        for (uint32_t n = 1; n <= 60; n++) {
            enrol(h, n * 2654435761u, usual(all_policies[i], n));
            for (size_t k = 1; k <= 80; k += 1 + k / 8) {
                size_t got = choose(h, k, identifiers);
                CU_ASSERT_EQUAL(got, k < n ? k : n);
                CU_ASSERT_TRUE(all_differ(identifiers, got));
            }
        }
        handlespace_free(h);
    }
}

static void a_pool_of_100000_is_served_by_every_policy(void)
{
    enum { ANSWERS = 5000 };
    uint32_t elements = getenv("POOLWARD_TEST_QUICK") ? 5000 : 100000;
    for (unsigned i = 0; i < POLICIES; i++) {
        struct handlespace *h = space(i);
        uint32_t identifiers[ANSWER_MAX];
        for (uint32_t n = 0; n < elements; n++)
            enrol(h, n * 2654435761u, usual(all_policies[i], n));
        for (unsigned n = 0; n < ANSWERS; n++) {
            CU_ASSERT_EQUAL(choose(h, 5, identifiers), 5);
            CU_ASSERT_TRUE(all_differ(identifiers, 5));
        }
        for (uint32_t n = 0; n < elements - 2; n++)
            leave(h, n * 2654435761u);
        CU_ASSERT_EQUAL(choose(h, 5, identifiers), 2);
        handlespace_free(h);
    }
}

static void memory_of_what_is_gone_is_given_back(void)
{
    for (unsigned i = 0; i < POLICIES; i++) {
        struct handlespace *h = space(i);
        uint32_t identifiers[ANSWER_MAX];
        size_t after[3];
        for (unsigned round = 0; round < 3; round++) {
            for (uint32_t n = 0; n < 2000; n++) {
                struct wire_policy policy = usual(all_policies[i], n);
                policy.weight = policy.load = n * n + round;
                enrol(h, n, policy);
            }
            for (unsigned n = 0; n < 500; n++)
                choose(h, 1 + n % 20, identifiers);
            for (uint32_t n = 0; n < 2000; n++)
                leave(h, n);
            after[round] = handlespace_octets(h);
        }
        CU_ASSERT_EQUAL(after[0], after[1]);
        CU_ASSERT_EQUAL(after[1], after[2]);
        handlespace_free(h);
    }
}

/* Blocks of each length are kept apart; what is empty must not stay with its length. */
static void churn_through_all_lengths_does_not_grow(void)
{
    struct handlespace *h = space(1);
    static uint8_t opaque[1200];
    size_t most = 0;
    for (uint16_t length = 0; length < sizeof opaque; length = (uint16_t)(length + 12)) {
        struct wire_pool_element e = {
            .home_registrar = 1,
            .registration_life = 1,
            .user = {.type = WIRE_OPAQUE, .opaque = octets_of(opaque, length)},
            .policy = {.type = POLICY_RR},
        };
        for (e.identifier = 0; e.identifier < 300; e.identifier++)
            CU_ASSERT_EQUAL(handlespace_register(h, text("P"), &e, 0, HANDLESPACE_REGISTERED, NULL), 0);
        most = handlespace_octets(h) > most ? handlespace_octets(h) : most;
        for (uint32_t i = 0; i < 300; i++)
            leave(h, i);
    }
    CU_ASSERT(most < 300 * (sizeof opaque + 200) + 50000);
    handlespace_free(h);
}

/* --- Round Robin, Weighted Round Robin
 * ------------------------------------------------------------------------ */

static void round_robin_gives_exact_turns(void)
{
    struct handlespace *h = space(1);
    uint32_t counts[101] = {0}, identifiers[4];
    for (uint32_t i = 0; i < 101; i++)
        enrol(h, i, (struct wire_policy){.type = POLICY_RR});
    for (unsigned turn = 1; turn <= 101 * 20; turn++) {
        CU_ASSERT_EQUAL(choose(h, 4, identifiers), 4);
        for (unsigned i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(identifiers[i], (turn - 1 + i) % 101);
        counts[identifiers[0]]++;
    }
    for (unsigned i = 0; i < 101; i++)
        CU_ASSERT_EQUAL(counts[i], 20);
    handlespace_free(h);
}

static void wrr(struct handlespace *h, uint32_t identifier, uint32_t weight)
{
    enrol(h, identifier, (struct wire_policy){.type = POLICY_WRR, .weight = weight});
}

static void weighted_round_robin_with_equal_weights_is_round_robin(void)
{
    struct handlespace *h = space(1), *w = space(2);
    for (uint32_t i = 0; i < 50; i++) {
        enrol(h, i, (struct wire_policy){.type = POLICY_RR});
        wrr(w, i, 3);
    }
    for (unsigned i = 0; i < 300; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "%s", answer(h, 1 + i % 60));
        CU_ASSERT_STRING_EQUAL(answer(w, 1 + i % 60), expected);
    }
    handlespace_free(h);
    handlespace_free(w);
}

/* Turns of a pool: after every one, nobody is further from its due than one turn, and what its group of m
 * equal ones shares; after every round, everyone is exact. */
static void check_evenness(const uint32_t *weights, uint32_t n, unsigned rounds, uint64_t most)
{
    struct handlespace *h = space(n);
    uint32_t *counts = calloc(n, sizeof *counts);
    uint64_t sum = 0, turn = 0;
    unsigned uneven = 0, inexact = 0;
    for (uint32_t i = 0; i < n; i++) {
        wrr(h, i, weights[i]);
        sum += weights[i];
    }
    while (turn < sum * rounds && turn < most) {
        counts[choose_one(h)]++;
        turn++;
        for (uint32_t i = 0; i < n; i++) {
            uint32_t equal = 0;
            for (uint32_t j = 0; j < n; j++)
                equal += weights[j] == weights[i];
            double due = (double)turn * weights[i] / (double)sum;
            uneven += fabs(counts[i] - due) > 1 + (equal > 1 ? 1.0 / equal : 0) + 1e-9;
            inexact += turn % sum == 0 && counts[i] != turn / sum * weights[i];
        }
    }
    CU_ASSERT_EQUAL(uneven, 0);
    CU_ASSERT_EQUAL(inexact, 0);
    free(counts);
    handlespace_free(h);
}

static void weighted_round_robin_is_exact_over_a_round_and_even_within_it(void)
{
    static const uint32_t simple[] = {5, 1, 1}, primes[] = {2, 3, 5, 7, 11, 13, 17, 19, 23},
                          gap[] = {1, 1000, 0, 1}, huge[] = {UINT32_MAX, UINT32_MAX - 1, 1, 12345};
    check_evenness(simple, 3, 30, UINT64_MAX);
    check_evenness(primes, 9, 20, UINT64_MAX);
    check_evenness(gap, 4, 4, UINT64_MAX);
    check_evenness(huge, 4, 1, 20000);
    uint32_t heavy_and_light[101] = {100}, ascending[40], any[60];
    uint64_t random = 7;
    for (unsigned i = 0; i < 100; i++)
        heavy_and_light[i + 1] = 1;
    for (unsigned i = 0; i < 40; i++)
        ascending[i] = i + 1;
    check_evenness(heavy_and_light, 101, 3, UINT64_MAX);
    check_evenness(ascending, 40, 3, UINT64_MAX);
    for (unsigned round = 0; round < 20; round++) {
        uint32_t n = 2 + random_to(&random, 58), range = 1 + random_to(&random, 90);
        for (unsigned i = 0; i < n; i++)
            any[i] = 1 + random_to(&random, range);
        check_evenness(any, n, 3, 3000);
    }
}

static void weighted_round_robin_alternates_heavy_and_light(void)
{
    struct handlespace *h = space(1);
    wrr(h, 1, 3);
    for (uint32_t i = 2; i <= 4; i++)
        wrr(h, i, 1);
    uint32_t last = 0;
    for (unsigned i = 0; i < 600; i++) {
        uint32_t next = choose_one(h);
        CU_ASSERT((next == 1) != (last == 1) || i == 0);
        last = next;
    }
    handlespace_free(h);
}

/* RFC 5356, 4.2.2: as with RR, an answer is the list from the head on, and the head moves by one. */
static void weighted_round_robin_answers_show_the_list_from_its_head(void)
{
    enum { TURNS = 400, ELEMENTS = 12 };
    struct handlespace *h = space(1), *again = space(1);
    uint32_t heads[TURNS], identifiers[ANSWER_MAX];
    for (uint32_t i = 0; i < ELEMENTS; i++) {
        wrr(h, i, 1 + i % 4);
        wrr(again, i, 1 + i % 4);
    }
    for (unsigned i = 0; i < TURNS; i++)
        heads[i] = choose_one(h);
    for (unsigned i = 0; i + 100 < TURNS; i++) {
        size_t k = 1 + i % 5, found = 0;
        CU_ASSERT_EQUAL(choose(again, k, identifiers), k);
        for (unsigned at = i; found < k; at++) {
            bool shown = false;
            for (size_t j = 0; j < found; j++)
                shown = shown || identifiers[j] == heads[at];
            if (!shown) {
                CU_ASSERT_EQUAL_FATAL(identifiers[found], heads[at]);
                found++;
            }
        }
    }
    handlespace_free(h);
    handlespace_free(again);
}

static void weighted_round_robin_never_gives_a_turn_to_weight_0(void)
{
    struct handlespace *h = space(1);
    uint32_t identifiers[8];
    wrr(h, 1, 0);
    CU_ASSERT_EQUAL(choose(h, 3, identifiers), 0);
    wrr(h, 2, 4);
    wrr(h, 3, 0);
    for (unsigned i = 0; i < 20; i++)
        CU_ASSERT_STRING_EQUAL(answer(h, 5), "2");
    wrr(h, 2, 0);
    CU_ASSERT_EQUAL(choose(h, 3, identifiers), 0);
    wrr(h, 1, 1);
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "1");
    leave(h, 1);
    CU_ASSERT_EQUAL(choose(h, 3, identifiers), 0);
    leave(h, 3);
    wrr(h, 2, 1);
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2");
    handlespace_free(h);
}

/* A re-registration with the same weight between two answers changes no turn. */
static void weighted_round_robin_keeps_its_turns_over_a_re_registration(void)
{
    struct handlespace *h = space(1), *disturbed = space(1);
    for (uint32_t i = 0; i < 9; i++) {
        wrr(h, i, 1 + i);
        wrr(disturbed, i, 1 + i);
    }
    for (uint32_t i = 0; i < 500; i++) {
        char expected[512];
        snprintf(expected, sizeof expected, "%s", answer(h, 3));
        CU_ASSERT_STRING_EQUAL(answer(disturbed, 3), expected);
        wrr(disturbed, i % 9, 1 + i % 9);
    }
    handlespace_free(h);
    handlespace_free(disturbed);
}

/* Elements that come, go and change in the middle of a round: from then on, a round is exact up to one turn.
 */
static void weighted_round_robin_is_fair_from_any_change_on(void)
{
    struct handlespace *h = space(1);
    uint64_t random = 3;
    uint32_t weights[30] = {0};
    for (unsigned change = 0; change < 300; change++) {
        uint32_t i = random_to(&random, 30);
        if (weights[i] && random_to(&random, 3) == 0) {
            leave(h, i);
            weights[i] = 0;
        } else {
            weights[i] = 1 + random_to(&random, 9);
            wrr(h, i, weights[i]);
        }
        uint32_t sum = 0, counts[30] = {0};
        for (unsigned j = 0; j < 30; j++)
            sum += weights[j];
        for (unsigned turn = 0; turn < sum; turn++) {
            uint32_t identifiers[3];
            choose(h, 1 + turn % 3, identifiers);
            counts[identifiers[0]]++;
        }
        for (unsigned j = 0; j < 30; j++)
            CU_ASSERT(counts[j] + 2 >= weights[j] && counts[j] <= weights[j] + 2);
        unsigned extra = random_to(&random, 20);
        for (unsigned turn = 0; sum && turn < extra; turn++)
            choose_one(h);
    }
    handlespace_free(h);
}

static void agenda_never_leaves_the_quota(void)
{
    size_t octets = 0;
    for (unsigned round = 0; round < 40; round++) {
        struct agenda a = {0};
        uint64_t random = round, shares[200], sum = 0;
        uint32_t n = 1 + random_to(&random, 200), counts[200] = {0};
        CU_ASSERT_TRUE_FATAL(agenda_resize(&a, n, &octets));
        for (uint32_t i = 0; i < n; i++) {
            uint32_t size = 1 + random_to(&random, 20);
            shares[i] = 1 + random_to(&random, 1u << size);
            agenda_set_share(&a, i, shares[i]);
            sum += shares[i];
        }
        unsigned outside = 0;
        for (uint64_t turn = 1; turn <= 2000; turn++) {
            counts[agenda_turn(&a)]++;
            if (turn % 7 == 0) { /* turns that are taken back come again */
                uint32_t given[5];
                for (unsigned i = 0; i < 5; i++)
                    given[i] = agenda_turn(&a);
                for (unsigned i = 5; i-- > 0;)
                    agenda_take_back(&a, given[i]);
            }
            for (uint32_t i = 0; i < n; i++)
                outside += fabs(counts[i] - (double)turn * (double)shares[i] / (double)sum) > 1 + 1e-9;
        }
        CU_ASSERT_EQUAL(outside, 0);
        agenda_release(&a, &octets);
    }
    CU_ASSERT_EQUAL(octets, 0);
}

/* Shares so large that a turn is a few units of time: what division leaves over must not add up. */
static void agenda_does_not_drift(void)
{
    static const uint64_t shares[] = {(UINT64_C(1) << 53) + 12345, (UINT64_C(1) << 53) - 1,
                                      UINT64_C(1) << 51};
    double sum = (double)(shares[0] + shares[1] + shares[2]);
    size_t octets = 0;
    uint32_t counts[3] = {0};
    struct agenda a = {0};
    CU_ASSERT_TRUE_FATAL(agenda_resize(&a, 3, &octets));
    for (uint32_t i = 0; i < 3; i++)
        agenda_set_share(&a, i, shares[i]);
    for (unsigned turn = 1; turn <= 300000; turn++)
        counts[agenda_turn(&a)]++;
    for (uint32_t i = 0; i < 3; i++)
        CU_ASSERT(fabs(counts[i] - 300000 * (double)shares[i] / sum) < 3);
    agenda_release(&a, &octets);
}

static void agenda_lets_a_party_that_grows_wait_less(void)
{
    size_t octets = 0;
    uint32_t turns = 0;
    struct agenda a = {0};
    CU_ASSERT_TRUE_FATAL(agenda_resize(&a, 21, &octets));
    for (uint32_t i = 0; i < 21; i++)
        agenda_set_share(&a, i, 1);
    uint32_t grows = agenda_turn(&a); /* and would wait for a whole round */
    agenda_set_share(&a, grows, 1000);
    for (unsigned i = 0; i < 20; i++)
        turns += agenda_turn(&a) == grows;
    CU_ASSERT(turns >= 18);
    agenda_release(&a, &octets);
}

/* --- Random, Weighted Random
 * ---------------------------------------------------------------------------------- */

/* With a bound this large, what is thrown away is a quarter; without that every third number came twice as
 * often. */
static void random_numbers_are_exactly_uniform(void)
{
    static const double expected[] = {20000, 20000, 20000};
    uint64_t state = 1;
    uint32_t counts[3] = {0};
    for (unsigned i = 0; i < 60000; i++)
        counts[random_below(&state, UINT64_C(3) << 62) % 3]++;
    CU_ASSERT_TRUE(fits(counts, expected, 3));
    CU_ASSERT_EQUAL(random_below(&state, 1), 0);
}

static void random_answers_are_uniform_permutations(void)
{
    struct handlespace *h = space(11);
    uint32_t counts[256] = {0}, identifiers[4];
    double expected[256] = {0};
    for (uint32_t i = 0; i < 4; i++)
        enrol(h, i, (struct wire_policy){.type = POLICY_RAND});
    for (unsigned i = 0; i < 24000; i++) {
        CU_ASSERT_EQUAL(choose(h, 9, identifiers), 4);
        counts[identifiers[0] << 6 | identifiers[1] << 4 | identifiers[2] << 2 | identifiers[3]]++;
    }
    for (unsigned i = 0; i < 256; i++) {
        uint32_t order[] = {i >> 6, i >> 4 & 3, i >> 2 & 3, i & 3};
        expected[i] = all_differ(order, 4) ? 1000 : 0;
    }
    CU_ASSERT_TRUE(fits(counts, expected, 256));
    handlespace_free(h);
}

/* Answers of two and of forty, which are drawn in two ways. */
static void random_is_uniform_while_elements_come_and_go(void)
{
    enum { ELEMENTS = 50, ANSWERS = 245000 };
    for (size_t k = 2; k <= 40; k += 38) {
        struct handlespace *h = space(k);
        static uint32_t counts[ELEMENTS * ELEMENTS];
        static double expected[ELEMENTS * ELEMENTS];
        uint32_t identifiers[ELEMENTS];
        memset(counts, 0, sizeof counts);
        for (uint32_t i = 0; i < ELEMENTS; i++)
            enrol(h, i, (struct wire_policy){.type = POLICY_RAND});
        for (unsigned i = 0; i < ANSWERS; i++) {
            uint32_t moves = i % ELEMENTS;
            choose(h, k, identifiers);
            counts[identifiers[0] * ELEMENTS + identifiers[1]]++;
            leave(h, moves);
            enrol(h, moves, (struct wire_policy){.type = POLICY_RAND});
        }
        for (unsigned i = 0; i < ELEMENTS * ELEMENTS; i++)
            expected[i] = i / ELEMENTS == i % ELEMENTS ? 0 : (double)ANSWERS / (ELEMENTS * (ELEMENTS - 1));
        CU_ASSERT_TRUE(fits(counts, expected, ELEMENTS * ELEMENTS));
        handlespace_free(h);
    }
}

/* How often which two are first and second of an answer when they are drawn by weights without replacement.
 */
static void expect_pairs(double *expected, double answers, const double *weights, uint32_t n)
{
    double sum = 0;
    for (uint32_t i = 0; i < n; i++)
        sum += weights[i];
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            expected[i * n + j] = i == j ? 0 : answers * weights[i] / sum * weights[j] / (sum - weights[i]);
}

/* n is at most 24. */
static void check_weights(struct handlespace *h, const double *weights, uint32_t n, size_t k)
{
    enum { ANSWERS = 200000 };
    uint32_t counts[24 * 24] = {0}, identifiers[ANSWER_MAX], with_weight = 0;
    double expected[24 * 24], wrong[24];
    for (uint32_t i = 0; i < n; i++)
        with_weight += weights[i] > 0;
    for (unsigned i = 0; i < ANSWERS; i++) {
        CU_ASSERT_EQUAL(choose(h, k, identifiers), k < with_weight ? k : with_weight);
        counts[identifiers[0] * n + identifiers[1]]++;
    }
    expect_pairs(expected, ANSWERS, weights, n);
    CU_ASSERT_TRUE(fits(counts, expected, n * n));
    /* and the test would see it, if the first element had only 9/10 of its weight */
    memcpy(wrong, weights, n * sizeof wrong[0]);
    wrong[0] *= 0.9;
    expect_pairs(expected, ANSWERS, wrong, n);
    CU_ASSERT_FALSE(fits(counts, expected, n * n));
}

static void weighted_random_draws_by_weight_without_replacement(void)
{
    static const double weights[] = {8, 5, 1, 0, 2, 9, 1, 0, 3, 3, 3, 7, 6, 1, 2, 2, 2, 4, 4, 0, 1, 5, 5, 1};
    static const size_t lengths[] = {2, 16, 17, 24}; /* short answers and long ones are drawn in two ways */
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct handlespace *h = space(20 + i);
        for (uint32_t n = 0; n < 24; n++)
            enrol(h, n, (struct wire_policy){.type = POLICY_WRAND, .weight = (uint32_t)weights[n]});
        check_weights(h, weights, 24, lengths[i]);
        handlespace_free(h);
    }
}

static void weighted_random_follows_re_registration_and_removal(void)
{
    static const double weights[] = {8, 5, 1, 1};
    struct handlespace *h = space(30);
    for (uint32_t n = 0; n < 40; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_WRAND, .weight = 1000 + n});
    for (uint32_t n = 0; n < 4; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_WRAND, .weight = (uint32_t)weights[n]});
    for (uint32_t n = 4; n < 40; n++)
        leave(h, n);
    check_weights(h, weights, 4, 3);
    handlespace_free(h);
}

static void weighted_random_never_chooses_weight_0(void)
{
    struct handlespace *h = space(31);
    uint32_t identifiers[64];
    for (uint32_t n = 0; n < 40; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_WRAND});
    CU_ASSERT_EQUAL(choose(h, 3, identifiers), 0);
    CU_ASSERT_EQUAL(choose(h, 40, identifiers), 0);
    enrol(h, 7, (struct wire_policy){.type = POLICY_WRAND, .weight = UINT32_MAX});
    enrol(h, 9, (struct wire_policy){.type = POLICY_WRAND, .weight = 1});
    for (unsigned i = 0; i < 100; i++) {
        CU_ASSERT_EQUAL(choose(h, 40 - i % 38, identifiers), 2);
        CU_ASSERT_EQUAL(identifiers[0] + identifiers[1], 16);
    }
    handlespace_free(h);
}

static void weighted_random_is_fair_among_100000(void)
{
    enum { ELEMENTS = 100000, CLASSES = 50, ANSWERS = 300000 };
    struct handlespace *h = space(32);
    uint32_t counts[CLASSES] = {0}, identifiers[3];
    double expected[CLASSES], sum = 0;
    for (uint32_t n = 0; n < ELEMENTS; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_WRAND, .weight = n % CLASSES * 1000});
    for (unsigned i = 0; i < ANSWERS; i++) {
        choose(h, 3, identifiers);
        for (unsigned j = 0; j < 3; j++)
            counts[identifiers[j] % CLASSES]++;
    }
    for (unsigned i = 0; i < CLASSES; i++)
        sum += i;
    for (unsigned i = 0; i < CLASSES; i++)
        expected[i] = 3.0 * ANSWERS * i / sum;
    CU_ASSERT_TRUE(fits(counts, expected, CLASSES));
    handlespace_free(h);
}

static void distance_takes_away_weight(void)
{
    /* 1/1000 of the weight a millisecond */
    static const double weights[] = {1000, 950, 500, 200, 1};
    static const uint32_t distances[] = {0, 50, 500, 800, 2000};
    struct handlespace *h = space(33);
    for (uint32_t n = 0; n < 5; n++)
        enrol(h, n,
              (struct wire_policy){.type = POLICY_WRAND_DPF,
                                   .weight = 1000,
                                   .weight_dpf = UINT32_MAX / 1000,
                                   .distance = distances[n]});
    check_weights(h, weights, 5, 2);
    enrol(h, 0, (struct wire_policy){.type = POLICY_WRAND_DPF});
    uint32_t identifiers[5];
    CU_ASSERT_EQUAL(choose(h, 5, identifiers), 4);
    handlespace_free(h);
}

/* --- Randomized Least Used and its kin
 * ------------------------------------------------------------------------ */

static void randomized_least_used_draws_by_what_is_free(void)
{
    static const double free_load[] = {100, 75, 40, 10, 0};
    struct handlespace *h = space(40);
    for (uint32_t n = 0; n < 5; n++)
        enrol(h, n,
              (struct wire_policy){.type = POLICY_RLU,
                                   .load = free_load[n] > 0 ? (uint32_t)(100 - free_load[n]) * PERCENT
                                                            : UINT32_MAX});
    uint32_t identifiers[5];
    CU_ASSERT_EQUAL(choose(h, 5, identifiers), 5);
    CU_ASSERT_EQUAL(identifiers[4], 4); /* what is at 100 % comes when nothing else is left */
    leave(h, 4);
    check_weights(h, free_load, 4, 2);
    handlespace_free(h);
}

static void a_pool_at_100_percent_still_answers(void)
{
    struct handlespace *h = space(41);
    uint32_t counts[4] = {0};
    static const double expected[] = {10000, 10000, 10000, 10000};
    for (uint32_t n = 0; n < 4; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_RLU, .load = UINT32_MAX});
    for (unsigned i = 0; i < 40000; i++)
        counts[choose_one(h)]++;
    CU_ASSERT_TRUE(fits(counts, expected, 4));
    handlespace_free(h);
}

static void randomized_priority_least_used_counts_the_next_user(void)
{
    static const double free_load[] = {90, 50, 20};
    struct handlespace *h = space(42);
    for (uint32_t n = 0; n < 3; n++)
        enrol(h, n,
              (struct wire_policy){.type = POLICY_RPLU,
                                   .load = 5 * PERCENT,
                                   .degradation = (uint32_t)(95 - free_load[n]) * PERCENT});
    check_weights(h, free_load, 3, 2);
    handlespace_free(h);
}

/* One selection fills an element; so each comes once, until it registers again. */
static void randomized_degradation_lasts_until_re_registration(void)
{
    static const uint32_t types[] = {POLICY_RLUD, POLICY_RPLUD};
    for (unsigned t = 0; t < 2; t++) {
        struct handlespace *h = space(43 + t);
        uint32_t step = t ? UINT32_MAX / 2 : UINT32_MAX, identifiers[60];
        for (uint32_t n = 0; n < 60; n++)
            enrol(h, n, (struct wire_policy){.type = types[t], .degradation = step});
        for (unsigned i = 0; i < 60; i += 3)
            choose(h, 3, identifiers + i);
        CU_ASSERT_TRUE(all_differ(identifiers, 60));
        enrol(h, 17, (struct wire_policy){.type = types[t], .degradation = step}); /* the same as before */
        CU_ASSERT_EQUAL(choose_one(h), 17);
        CU_ASSERT_NOT_EQUAL(choose_one(h), 17);
        handlespace_free(h);
    }
}

/* RLUD by numbers: with both at 0 and a step of 25 %, the odds of the second answer are 3 to 4. */
static void randomized_degradation_changes_the_odds(void)
{
    uint32_t counts[2] = {0};
    struct handlespace *h = space(45);
    for (unsigned i = 0; i < 70000; i++) {
        for (uint32_t n = 0; n < 2; n++)
            enrol(h, n, (struct wire_policy){.type = POLICY_RLUD, .degradation = 25 * PERCENT});
        uint32_t first = choose_one(h);
        counts[choose_one(h) == first]++;
    }
    static const double expected[] = {40000, 30000};
    CU_ASSERT_TRUE(fits(counts, expected, 2));
    handlespace_free(h);
}

/* --- Priority, Least Used and its kin
 * ------------------------------------------------------------------------- */

static void priority_goes_from_the_highest_down(void)
{
    static const uint32_t priorities[] = {0, 7, UINT32_MAX, 7, 100};
    struct handlespace *h = space(50);
    for (uint32_t n = 0; n < 5; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_PRIO, .priority = priorities[n]});
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2 4 1 3 0");
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2 4 3 1 0");
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2");
    enrol(h, 2, (struct wire_policy){.type = POLICY_PRIO, .priority = 1});
    CU_ASSERT_STRING_EQUAL(answer(h, 9), "4 1 3 2 0");
    handlespace_free(h);
}

/* The example of RFC 5356, 5.3.1. */
static void priority_least_used_adds_the_next_user(void)
{
    struct handlespace *h = space(51);
    enrol(h, 1, (struct wire_policy){.type = POLICY_PLU, .load = 50 * PERCENT, .degradation = 50 * PERCENT});
    enrol(h, 2, (struct wire_policy){.type = POLICY_PLU, .load = 50 * PERCENT, .degradation = 10 * PERCENT});
    enrol(h, 3, (struct wire_policy){.type = POLICY_PLU, .load = 60 * PERCENT});
    CU_ASSERT_STRING_EQUAL(answer(h, 3), "2 3 1");
    CU_ASSERT_STRING_EQUAL(answer(h, 3), "3 2 1"); /* 60 % both: in turn */
    enrol(h, 4, (struct wire_policy){.type = POLICY_PLU, .load = UINT32_MAX, .degradation = UINT32_MAX});
    enrol(h, 5, (struct wire_policy){.type = POLICY_PLU, .load = UINT32_MAX});
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2 3 1 4 5"); /* no overflow: full is full */
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "3 2 1 5 4");
    handlespace_free(h);
}

static void degradation_adds_up_until_re_registration(void)
{
    struct handlespace *h = space(52);
    enrol(h, 1, (struct wire_policy){.type = POLICY_LUD, .load = 10, .degradation = 20});
    enrol(h, 2, (struct wire_policy){.type = POLICY_LUD, .load = 15, .degradation = 5});
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "1");   /* 30 15 */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2");   /* 30 20 */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2");   /* 30 25 */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2");   /* 30 30: 2 came last */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "1");   /* 50 30 */
    CU_ASSERT_STRING_EQUAL(answer(h, 2), "2 1"); /* 70 35: both were returned */
    enrol(h, 1, (struct wire_policy){.type = POLICY_LUD, .load = 10, .degradation = 20});
    CU_ASSERT_STRING_EQUAL(answer(h, 2), "1 2"); /* 30 40 */
    enrol(h, 2, (struct wire_policy){.type = POLICY_LUD, .load = 29, .degradation = 5});
    CU_ASSERT_STRING_EQUAL(answer(h, 2), "2 1");
    handlespace_free(h);
}

static void degradation_stops_at_100_percent(void)
{
    struct handlespace *h = space(53);
    for (uint32_t n = 1; n <= 3; n++)
        enrol(h, n, (struct wire_policy){.type = POLICY_PLUD, .load = n, .degradation = UINT32_MAX / 2});
    for (unsigned i = 0; i < 20; i++)
        answer(h, 3);
    uint32_t turns[6]; /* all are full */
    for (unsigned i = 0; i < 6; i++)
        turns[i] = choose_one(h);
    CU_ASSERT_TRUE(all_differ(turns, 3));
    CU_ASSERT_EQUAL(memcmp(turns, turns + 3, 3 * sizeof turns[0]), 0);
    enrol(h, 2, (struct wire_policy){.type = POLICY_PLUD, .load = 2, .degradation = UINT32_MAX / 2});
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2");
    handlespace_free(h);
}

static void distance_adds_load(void)
{
    struct handlespace *h = space(54);
    enrol(h, 1, (struct wire_policy){.type = POLICY_LU_DPF, .load = 300, .load_dpf = 10, .distance = 0});
    enrol(h, 2, (struct wire_policy){.type = POLICY_LU_DPF, .load = 100, .load_dpf = 3, .distance = 50});
    enrol(h, 3, (struct wire_policy){.type = POLICY_LU_DPF, .load = 100, .load_dpf = 10, .distance = 50});
    enrol(h, 4,
          (struct wire_policy){.type = POLICY_LU_DPF, .load = 0, .load_dpf = UINT32_MAX, .distance = 2});
    enrol(h, 5,
          (struct wire_policy){.type = POLICY_LU_DPF, .load = UINT32_MAX, .load_dpf = 0, .distance = 9});
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2 1 3 4 5"); /* 250 300 600 full full */
    CU_ASSERT_STRING_EQUAL(answer(h, 5), "2 1 3 5 4");
    handlespace_free(h);
}

static void distance_and_degradation_add_load(void)
{
    struct handlespace *h = space(55);
    enrol(h, 1,
          (struct wire_policy){
              .type = POLICY_LUD_DPF, .load = 10, .degradation = 100, .load_dpf = 2, .distance = 50});
    enrol(h, 2,
          (struct wire_policy){
              .type = POLICY_LUD_DPF, .load = 150, .degradation = 30, .load_dpf = 1, .distance = 0});
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "1"); /* 110, then 210; 150 */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2"); /* 180 */
    CU_ASSERT_STRING_EQUAL(answer(h, 1), "2"); /* 210: 2 came last */
    CU_ASSERT_STRING_EQUAL(answer(h, 2), "1 2");
    handlespace_free(h);
}

/* --- against naive models
 * ------------------------------------------------------------------------------------- */

enum { MODEL_ELEMENTS = 40 };

/* Elements in the order in which equals have their turns. */
struct model {
    uint32_t n;
    struct model_element {
        uint32_t identifier;
        struct wire_policy policy;
        uint32_t degradation;
    } elements[MODEL_ELEMENTS];
};

static uint32_t capped(uint64_t load)
{
    return load < UINT32_MAX ? (uint32_t)load : UINT32_MAX;
}

/* What the policy sorts by, or 0 where it doesn't. */
static uint32_t model_value(const struct model_element *e)
{
    const struct wire_policy *p = &e->policy;
    uint64_t far = capped((uint64_t)p->load_dpf * p->distance);
    switch (p->type) {
    case POLICY_PRIO:
        return UINT32_MAX - p->priority;
    case POLICY_LU:
        return p->load;
    case POLICY_LUD:
        return capped((uint64_t)p->load + e->degradation);
    case POLICY_PLU:
        return capped((uint64_t)p->load + p->degradation);
    case POLICY_PLUD:
        return capped((uint64_t)p->load + p->degradation + e->degradation);
    case POLICY_LU_DPF:
        return capped(p->load + far);
    case POLICY_LUD_DPF:
        return capped((uint64_t)p->load + e->degradation + far);
    }
    return 0;
}

static bool model_sorts(uint32_t type)
{
    return type == POLICY_PRIO || type == POLICY_LU || type == POLICY_LUD || type == POLICY_PLU ||
           type == POLICY_PLUD || type == POLICY_LU_DPF || type == POLICY_LUD_DPF;
}

static bool model_has_weight(const struct model_element *e)
{
    uint32_t type = e->policy.type;
    return (type != POLICY_WRR && type != POLICY_WRAND && type != POLICY_WRAND_DPF) || e->policy.weight > 0;
}

static size_t model_find(const struct model *m, uint32_t identifier)
{
    size_t i = 0;
    while (i < m->n && m->elements[i].identifier != identifier)
        i++;
    return i;
}

static struct model_element model_take(struct model *m, size_t i)
{
    struct model_element e = m->elements[i];
    memmove(&m->elements[i], &m->elements[i + 1], (--m->n - i) * sizeof e);
    return e;
}

static void model_enrol(struct model *m, uint32_t identifier, const struct wire_policy *policy)
{
    struct model_element e = {identifier, *policy, 0};
    size_t i = model_find(m, identifier);
    if (i < m->n && model_value(&m->elements[i]) == model_value(&e)) {
        m->elements[i] = e;
        return;
    }
    if (i < m->n)
        model_take(m, i);
    m->elements[m->n++] = e;
}

/* The answer of a sorting policy: first the order, then the heads that move on, then the degradation. */
static size_t model_choose(struct model *m, size_t k, uint32_t *identifiers)
{
    uint32_t heads[MODEL_ELEMENTS];
    size_t n = 0, moved = 0;
    while (n < k && n < m->n) {
        struct model_element *best = NULL;
        for (size_t i = 0; i < m->n; i++) {
            bool taken = false;
            for (size_t j = 0; j < n; j++)
                taken = taken || identifiers[j] == m->elements[i].identifier;
            if (!taken && (!best || model_value(&m->elements[i]) < model_value(best)))
                best = &m->elements[i];
        }
        if (n == 0 || model_value(best) != model_value(&m->elements[model_find(m, identifiers[n - 1])]))
            heads[moved++] = best->identifier;
        identifiers[n++] = best->identifier;
    }
    for (size_t i = 0; i < moved; i++) {
        struct model_element e = model_take(m, model_find(m, heads[i]));
        m->elements[m->n++] = e;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = model_find(m, identifiers[i]);
        uint32_t type = m->elements[at].policy.type, before = model_value(&m->elements[at]);
        if (type == POLICY_LUD || type == POLICY_PLUD || type == POLICY_LUD_DPF)
            m->elements[at].degradation =
                capped((uint64_t)m->elements[at].degradation + m->elements[at].policy.degradation);
        if (model_value(&m->elements[at]) != before) {
            struct model_element e = model_take(m, at);
            m->elements[m->n++] = e;
        }
    }
    return n;
}

/* Few values, so that there are ties; now and then an extreme one. */
static uint32_t any_value(uint64_t *random)
{
    static const uint32_t extremes[] = {0, 1, UINT32_MAX, UINT32_MAX - 1, UINT32_MAX / 2};
    uint64_t r = random_next(random);
    return r % 8 == 0 ? extremes[(r >> 8) % 5] : (uint32_t)((r >> 8) % 6) * 1000;
}

static struct wire_policy any_policy(uint32_t type, uint64_t *random)
{
    uint32_t v[8];
    for (unsigned i = 0; i < 8; i++)
        v[i] = any_value(random);
    struct wire_policy p = {.type = type};
    struct wire_policy full = {type, v[0], v[1], v[2], v[3], v[4], v[5], v[6] % 4 * 50, {0}};
    if (type == POLICY_WRR || type == POLICY_WRAND || type == POLICY_WRAND_DPF)
        p.weight = full.weight;
    else if (type == POLICY_PRIO)
        p.priority = full.priority;
    else if (type != POLICY_RR && type != POLICY_RAND)
        p.load = full.load;
    if (type == POLICY_LUD || type == POLICY_PLU || type == POLICY_PLUD || type == POLICY_LUD_DPF ||
        type == POLICY_RPLU || type == POLICY_RLUD || type == POLICY_RPLUD)
        p.degradation = full.degradation;
    if (type == POLICY_LU_DPF || type == POLICY_LUD_DPF)
        p.load_dpf = full.load_dpf;
    if (type == POLICY_WRAND_DPF)
        p.weight_dpf = full.weight_dpf;
    if (type == POLICY_LU_DPF || type == POLICY_LUD_DPF || type == POLICY_WRAND_DPF)
        p.distance = full.distance;
    return p;
}

static void model_check(struct handlespace *h, struct model *m, size_t k)
{
    uint32_t got[ANSWER_MAX], expected[ANSWER_MAX];
    size_t n = choose(h, k, got), able = 0;
    if (model_sorts(m->elements[0].policy.type)) {
        CU_ASSERT_EQUAL(n, model_choose(m, k, expected));
        CU_ASSERT_EQUAL(memcmp(got, expected, n * sizeof got[0]), 0);
        return;
    }
    for (size_t i = 0; i < m->n; i++)
        able += model_has_weight(&m->elements[i]);
    CU_ASSERT_EQUAL(n, k < able ? k : able);
    CU_ASSERT_TRUE(all_differ(got, n));
    for (size_t i = 0; i < n; i++) {
        size_t at = model_find(m, got[i]);
        CU_ASSERT_FATAL(at < m->n);
        CU_ASSERT_TRUE(model_has_weight(&m->elements[at]));
    }
}

static void random_operations_agree_with_naive_models(void)
{
    enum { OPERATIONS = 12000 };
    for (unsigned i = 0; i < POLICIES; i++) {
        struct handlespace *h = space(i);
        struct model m = {0};
        uint64_t random = i;
        /* Q keeps what P loses: elements of both lie among each other */
        for (unsigned op = 0; op < OPERATIONS; op++) {
            uint32_t identifier = random_to(&random, MODEL_ELEMENTS) * 2654435761u;
            uint32_t most = random_to(&random, 4) ? 4 : 60, k = 1 + random_to(&random, most);
            switch (random_to(&random, 6)) {
            case 0:
            case 1: {
                struct wire_policy policy = any_policy(all_policies[i], &random);
                enrol(h, identifier, policy);
                model_enrol(&m, identifier, &policy);
                enrol_in(h, "Q", identifier, policy);
                break;
            }
            case 2:
                if (model_find(&m, identifier) < m.n && random_to(&random, 2)) {
                    leave(h, identifier);
                    model_take(&m, model_find(&m, identifier));
                }
                break;
            default:
                if (m.n)
                    model_check(h, &m, k);
            }
            CU_ASSERT_EQUAL(m.n ? pool_elements(handlespace_find_pool(h, text("P"))) : 0, m.n);
        }
        handlespace_free(h);
    }
}

static void sums_agree_with_an_array(void)
{
    enum { MOST = 3000 };
    static uint32_t weights[MOST];
    uint64_t random = 9;
    size_t octets = 0;
    struct sums s = {0};
    uint32_t n = 0;
    for (unsigned op = 0; op < 6000; op++) {
        if (random_to(&random, 40) == 0) {
            uint32_t most = random_to(&random, 2) ? MOST : 30, size = 1 + random_to(&random, most);
            for (; n > size; weights[n] = 0)
                sums_set(&s, --n, 0);
            n = size;
            CU_ASSERT_TRUE_FATAL(sums_resize(&s, n, &octets));
        } else if (n) {
            uint32_t i = random_to(&random, n);
            weights[i] = random_to(&random, 3) ? (uint32_t)random_next(&random) : 0;
            sums_set(&s, i, weights[i]);
        }
        uint64_t sum = 0, before = 0, found = 0, number = s.total ? random_next(&random) % s.total : 0;
        uint32_t expected = UINT32_MAX;
        for (uint32_t i = 0; i < n; i++) {
            if (expected == UINT32_MAX && sum + weights[i] > number) {
                expected = i;
                before = sum;
            }
            sum += weights[i];
        }
        CU_ASSERT_EQUAL(s.total, sum);
        if (!sum)
            continue;
        CU_ASSERT_EQUAL(sums_find(&s, number, &found), expected);
        CU_ASSERT_EQUAL(found, before);
    }
    sums_release(&s, &octets);
    CU_ASSERT_EQUAL(octets, 0);
}

#define TEST(function)                                                                                       \
    {                                                                                                        \
#function, function                                                                                  \
    }

static const struct unit_test tests[] = {
    TEST(every_policy_is_known),
    TEST(one_element_is_the_answer_to_everything),
    TEST(no_element_is_twice_in_an_answer_and_all_are_in_a_long_one),
    TEST(a_pool_of_100000_is_served_by_every_policy),
    TEST(memory_of_what_is_gone_is_given_back),
    TEST(churn_through_all_lengths_does_not_grow),
    TEST(round_robin_gives_exact_turns),
    TEST(weighted_round_robin_with_equal_weights_is_round_robin),
    TEST(weighted_round_robin_is_exact_over_a_round_and_even_within_it),
    TEST(weighted_round_robin_alternates_heavy_and_light),
    TEST(weighted_round_robin_answers_show_the_list_from_its_head),
    TEST(weighted_round_robin_never_gives_a_turn_to_weight_0),
    TEST(weighted_round_robin_keeps_its_turns_over_a_re_registration),
    TEST(weighted_round_robin_is_fair_from_any_change_on),
    TEST(agenda_never_leaves_the_quota),
    TEST(agenda_does_not_drift),
    TEST(agenda_lets_a_party_that_grows_wait_less),
    TEST(random_numbers_are_exactly_uniform),
    TEST(random_answers_are_uniform_permutations),
    TEST(random_is_uniform_while_elements_come_and_go),
    TEST(weighted_random_draws_by_weight_without_replacement),
    TEST(weighted_random_follows_re_registration_and_removal),
    TEST(weighted_random_never_chooses_weight_0),
    TEST(weighted_random_is_fair_among_100000),
    TEST(distance_takes_away_weight),
    TEST(randomized_least_used_draws_by_what_is_free),
    TEST(a_pool_at_100_percent_still_answers),
    TEST(randomized_priority_least_used_counts_the_next_user),
    TEST(randomized_degradation_lasts_until_re_registration),
    TEST(randomized_degradation_changes_the_odds),
    TEST(priority_goes_from_the_highest_down),
    TEST(priority_least_used_adds_the_next_user),
    TEST(degradation_adds_up_until_re_registration),
    TEST(degradation_stops_at_100_percent),
    TEST(distance_adds_load),
    TEST(distance_and_degradation_add_load),
    TEST(random_operations_agree_with_naive_models),
    TEST(sums_agree_with_an_array),
};

UNIT_MAIN("policy", tests)
