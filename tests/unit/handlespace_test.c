/* SPDX-License-Identifier: BSD-3-Clause */
/* The handlespace against what RFC 5352, 5353 and 5356 promise, and against a naive model under random
 * operations. */
#include "base/error.h"
#include "handlespace/handlespace.h"
#include "handlespace/heap.h"
#include "handlespace/index.h"
#include "handlespace/siphash.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

enum { OWN = 0x11111111, PEER = 0x22222222 };

static struct octets text(const char *s)
{
    return octets_of(s, strlen(s));
}

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static const uint8_t one_address[] = {0x00, 0x01, 0x00, 0x08, 10, 0, 0, 1};
static const uint8_t two_addresses[] = {0x00, 0x01, 0x00, 0x08, 10, 0, 0, 1,
                                        0x00, 0x01, 0x00, 0x08, 10, 0, 1, 1};

static struct wire_pool_element element(uint32_t identifier, uint32_t policy, uint32_t load)
{
    return (struct wire_pool_element){
        .identifier = identifier,
        .home_registrar = OWN,
        .registration_life = 300,
        .user = {.type = WIRE_SCTP, .port = 7, .addresses = octets_of(one_address, sizeof one_address)},
        .policy = {.type = policy, .load = load},
        .asap = {.type = WIRE_SCTP, .port = 3863, .addresses = octets_of(one_address, sizeof one_address)},
    };
}

static struct pool_element *enrol(struct handlespace *h, const char *pool, uint32_t identifier,
                                  uint32_t policy, uint32_t load)
{
    struct wire_pool_element e = element(identifier, policy, load);
    struct pool_element *out = NULL;
    CU_ASSERT_EQUAL_FATAL(handlespace_register(h, text(pool), &e, 1000, HANDLESPACE_REGISTERED, &out), 0);
    return out;
}

/* The identifiers of one answer as text, "1 2 3". */
static const char *answer(struct handlespace *h, const char *pool, size_t k)
{
    static char line[512];
    struct pool_element *chosen[32];
    size_t n = handlespace_select(h, handlespace_find_pool(h, text(pool)), k, chosen), used = 0;
    line[0] = '\0';
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, i ? " %u" : "%u",
                                 pool_element_identifier(chosen[i]));
    return line;
}

/* --- registration
 * ------------------------------------------------------------------------------------------------- */

static void first_element_makes_the_pool(void)
{
    struct handlespace *h = handlespace_new(NULL);
    CU_ASSERT_PTR_NULL(handlespace_find_pool(h, text("Echo")));
    struct pool_element *e = enrol(h, "Echo", 9, POLICY_LU, 5);
    struct pool *p = handlespace_find_pool(h, text("Echo"));
    CU_ASSERT_PTR_EQUAL(pool_element_pool(e), p);
    CU_ASSERT_EQUAL(pool_policy(p), POLICY_LU);
    CU_ASSERT_EQUAL(pool_transport(p), WIRE_SCTP);
    CU_ASSERT(octets_equal(pool_handle(p), text("Echo")));
    struct wire_pool_element back;
    pool_element_decode(e, &back);
    CU_ASSERT_EQUAL(back.identifier, 9);
    CU_ASSERT_EQUAL(back.home_registrar, OWN);
    CU_ASSERT_EQUAL(back.policy.load, 5);
    CU_ASSERT_EQUAL(back.user.port, 7);
    CU_ASSERT_EQUAL(back.asap.port, 3863);
    CU_ASSERT_EQUAL(back.registration_life, 300);
    handlespace_remove(h, e, HANDLESPACE_DEREGISTERED);
    CU_ASSERT_PTR_NULL(handlespace_find_pool(h, text("Echo")));
    CU_ASSERT_EQUAL(handlespace_pools(h) + handlespace_elements(h), 0);
    handlespace_free(h);
}

static void element_has_to_fit_the_pool(void)
{
    struct handlespace *h = handlespace_new(NULL);
    enrol(h, "Echo", 1, POLICY_RR, 0);
    for (uint32_t identifier = 1; identifier <= 2; identifier++) {
        struct wire_pool_element e = element(identifier, POLICY_LU, 0);
        CU_ASSERT_EQUAL(handlespace_register(h, text("Echo"), &e, 0, HANDLESPACE_REGISTERED, NULL),
                        ERR_POLICY);
        e = element(identifier, POLICY_RR, 0);
        e.user.type = WIRE_TCP;
        CU_ASSERT_EQUAL(handlespace_register(h, text("Echo"), &e, 0, HANDLESPACE_REGISTERED, NULL),
                        ERR_TRANSPORT);
        e = element(identifier, POLICY_RR, 0);
        e.user.use = WIRE_USE_DATA_PLUS_CONTROL;
        CU_ASSERT_EQUAL(handlespace_register(h, text("Echo"), &e, 0, HANDLESPACE_REGISTERED, NULL),
                        ERR_TRANSPORT_USE);
    }
    struct wire_pool_element e = element(1, 0x7777, 0);
    CU_ASSERT_EQUAL(handlespace_register(h, text("New"), &e, 0, HANDLESPACE_REGISTERED, NULL), ERR_POLICY);
    CU_ASSERT_FALSE(handlespace_policy_known(0x7777));
    CU_ASSERT_TRUE(handlespace_policy_known(POLICY_RR));
    CU_ASSERT_EQUAL(handlespace_pools(h), 1);
    CU_ASSERT_EQUAL(handlespace_elements(h), 1);
    handlespace_free(h);
}

static void limits_hold_and_change_nothing(void)
{
    struct handlespace_options o = {.max_pools = 2, .max_elements = 3, .max_handle_size = 8};
    struct handlespace *h = handlespace_new(&o);
    struct wire_pool_element e = element(1, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_register(h, text("ninechars"), &e, 0, HANDLESPACE_REGISTERED, NULL),
                    ERR_TOO_LONG);
    CU_ASSERT_EQUAL(handlespace_register(h, text(""), &e, 0, HANDLESPACE_REGISTERED, NULL), ERR_ARGUMENT);
    enrol(h, "A", 1, POLICY_RR, 0);
    enrol(h, "B", 1, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_register(h, text("C"), &e, 0, HANDLESPACE_REGISTERED, NULL), ERR_LIMIT);
    enrol(h, "B", 2, POLICY_RR, 0);
    e = element(2, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_register(h, text("A"), &e, 0, HANDLESPACE_REGISTERED, NULL), ERR_LIMIT);
    enrol(h, "B", 2, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_pools(h), 2);
    CU_ASSERT_EQUAL(handlespace_elements(h), 3);
    handlespace_free(h);
}

static void re_registration_replaces_attributes_in_place(void)
{
    struct handlespace *h = handlespace_new(NULL);
    struct pool_element *e = enrol(h, "Echo", 1, POLICY_LU, 5), *again;
    pool_element_set_reports(e, 3);
    struct wire_pool_element w = element(1, POLICY_LU, 6);
    w.user.addresses = octets_of(two_addresses, sizeof two_addresses);
    w.registration_life = 10;
    CU_ASSERT_EQUAL(handlespace_register(h, text("Echo"), &w, 5000, HANDLESPACE_REGISTERED, &again), 0);
    CU_ASSERT_PTR_EQUAL(again, e);
    CU_ASSERT_EQUAL(pool_element_reports(e), 0);
    CU_ASSERT_EQUAL(pool_element_deadline(e, DEADLINE_REGISTRATION), 15000);
    struct wire_pool_element back;
    pool_element_decode(e, &back);
    CU_ASSERT_EQUAL(back.policy.load, 6);
    CU_ASSERT(octets_equal(back.user.addresses, w.user.addresses));
    CU_ASSERT_EQUAL(back.registration_life, 10);
    handlespace_free(h);
}

static void large_opaque_transport_is_kept(void)
{
    static uint8_t large[60000];
    memset(large, 0xa5, sizeof large);
    struct handlespace *h = handlespace_new(NULL);
    struct wire_pool_element e = element(1, POLICY_LU, 1), back;
    e.user = (struct wire_transport){.type = WIRE_OPAQUE, .opaque = octets_of(large, sizeof large)};
    struct pool_element *out;
    CU_ASSERT_EQUAL_FATAL(handlespace_register(h, text("Big"), &e, 0, HANDLESPACE_REGISTERED, &out), 0);
    pool_element_decode(out, &back);
    CU_ASSERT(octets_equal(back.user.opaque, e.user.opaque));
    e.policy.load = 2;
    CU_ASSERT_EQUAL(handlespace_register(h, text("Big"), &e, 0, HANDLESPACE_REGISTERED, &out), 0);
    CU_ASSERT_STRING_EQUAL(answer(h, "Big", 2), "1");
    handlespace_free(h);
}

struct journal {
    char line[256];
};

static void write_journal(void *context, const struct handlespace_event *event)
{
    static const char *const names[] = {"P+", "P-", "E+", "E!", "E=", "EO", "E-"};
    struct journal *j = context;
    size_t used = strlen(j->line);
    snprintf(j->line + used, sizeof j->line - used, "%s%.*s%s ", names[event->change],
             (int)pool_handle(event->pool).length, (const char *)pool_handle(event->pool).data,
             event->element && pool_element_identifier(event->element) == 7 ? "7" : "");
}

static void each_change_is_told_once_and_in_order(void)
{
    struct journal j = {""};
    struct handlespace_options o = {.changed = write_journal, .context = &j};
    struct handlespace *h = handlespace_new(&o);
    struct pool_element *e = enrol(h, "A", 7, POLICY_LU, 1);
    enrol(h, "A", 7, POLICY_LU, 1);
    enrol(h, "A", 7, POLICY_LU, 2);
    handlespace_set_owner(h, e, PEER);
    handlespace_set_owner(h, e, PEER);
    enrol(h, "A", 7, POLICY_LU, 2);
    handlespace_remove(h, e, HANDLESPACE_EXPIRED);
    CU_ASSERT_STRING_EQUAL(j.line, "P+A E+A7 E=A7 E!A7 EOA7 EOA7 E=A7 E-A7 P-A ");
    handlespace_free(h);
}

static void indices_are_never_used_again(void)
{
    struct handlespace *h = handlespace_new(NULL);
    uint32_t pool = 0, last = 0;
    enrol(h, "Stays", 1, POLICY_RR, 0);
    for (int i = 0; i < 1000; i++) {
        struct pool_element *e = enrol(h, "Comes", 1, POLICY_RR, 0), *f = enrol(h, "Stays", 2, POLICY_RR, 0);
        CU_ASSERT(pool_index(pool_element_pool(e)) > pool);
        CU_ASSERT(pool_element_index(f) > last);
        pool = pool_index(pool_element_pool(e));
        last = pool_element_index(f);
        handlespace_remove(h, e, HANDLESPACE_DEREGISTERED);
        handlespace_remove(h, f, HANDLESPACE_DEREGISTERED);
    }
    handlespace_free(h);
}

static void walks_are_ordered_and_survive_removal(void)
{
    struct handlespace *h = handlespace_new(NULL);
    char name[16];
    for (uint32_t i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "p%u", i);
        enrol(h, name, 3, POLICY_RR, 0);
        enrol(h, "All", (i * 7919) % 500, POLICY_RR, 0);
    }
    uint32_t index = 0, pools = 0;
    for (struct pool *p; (p = handlespace_pool_after(h, index)); pools++) {
        CU_ASSERT(pool_index(p) > index);
        index = pool_index(p);
        if (pool_elements(p) == 1)
            handlespace_remove(h, handlespace_find(p, 3), HANDLESPACE_ADMIN);
    }
    CU_ASSERT_EQUAL(pools, 501);
    CU_ASSERT_EQUAL(handlespace_pools(h), 1);
    struct pool *all = handlespace_pool_next(h, NULL);
    CU_ASSERT_PTR_NULL(handlespace_pool_next(h, all));
    uint32_t expected = 0;
    for (struct pool_element *e = NULL; (e = handlespace_element_next(all, e)); expected++)
        CU_ASSERT_EQUAL(pool_element_identifier(e), expected);
    CU_ASSERT_EQUAL(expected, 500);
    CU_ASSERT_PTR_NULL(handlespace_element_after(all, UINT32_MAX));
    handlespace_free(h);
}

/* --- policies
 * ------------------------------------------------------------------------------------------------------ */

static void round_robin_moves_its_head_by_one(void)
{
    struct handlespace *h = handlespace_new(NULL);
    for (uint32_t i = 1; i <= 4; i++)
        enrol(h, "P", i, POLICY_RR, 0);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 3), "1 2 3");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 3), "2 3 4");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "3");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 32), "4 1 2 3");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 4), "1 2 3 4");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 0), "");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "2");
    handlespace_free(h);
}

static void round_robin_keeps_turns_when_elements_come_and_go(void)
{
    struct handlespace *h = handlespace_new(NULL);
    for (uint32_t i = 1; i <= 40; i++)
        enrol(h, "P", i, POLICY_RR, 0);
    struct pool *p = handlespace_find_pool(h, text("P"));
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "1");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "2");
    handlespace_remove(h, handlespace_find(p, 1), HANDLESPACE_DEREGISTERED);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "3");
    handlespace_remove(h, handlespace_find(p, 4), HANDLESPACE_DEREGISTERED);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "5");
    enrol(h, "P", 99, POLICY_RR, 0);
    for (uint32_t i = 6; i <= 30; i++) /* enough for the holes to be closed on the way */
        handlespace_remove(h, handlespace_find(p, i), HANDLESPACE_DEREGISTERED);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 2), "31 32");
    for (uint32_t i = 32; i <= 40; i++)
        CU_ASSERT_EQUAL(atoi(answer(h, "P", 1)), i);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 4), "99 2 3 5");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "2");
    handlespace_free(h);
}

static void least_used_goes_by_load_and_rotates_ties(void)
{
    struct handlespace *h = handlespace_new(NULL);
    enrol(h, "P", 1, POLICY_LU, 50);
    enrol(h, "P", 2, POLICY_LU, 10);
    enrol(h, "P", 3, POLICY_LU, 50);
    enrol(h, "P", 4, POLICY_LU, 50);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 1), "2");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 3), "2 1 3");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 3), "2 3 4");
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 9), "2 4 1 3");
    enrol(h, "P", 2, POLICY_LU, 50);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 9), "1 3 4 2");
    enrol(h, "P", 3, POLICY_LU, 0);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 9), "3 4 2 1");
    enrol(h, "P", 4, POLICY_LU, UINT32_MAX);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 9), "3 2 1 4");
    handlespace_remove(h, handlespace_find(handlespace_find_pool(h, text("P")), 1), HANDLESPACE_DEREGISTERED);
    CU_ASSERT_STRING_EQUAL(answer(h, "P", 9), "3 2 4");
    CU_ASSERT_EQUAL(pool_selections(handlespace_find_pool(h, text("P"))), 26);
    handlespace_free(h);
}

/* --- ownership, deadlines
 * ------------------------------------------------------------------------------------------ */

static void checksum_is_that_of_the_test_vectors(void)
{
    struct handlespace *h = handlespace_new(NULL);
    CU_ASSERT_EQUAL(handlespace_checksum(h, OWN), 0xffff);
    struct pool_element *e = enrol(h, "CalcAppPool", 0x5562e917, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_checksum(h, OWN), 0x8490);
    handlespace_remove(h, e, HANDLESPACE_DEREGISTERED);
    CU_ASSERT_EQUAL(handlespace_checksum(h, OWN), 0xffff);
    e = enrol(h, "EchoPool", 0xaabbccdd, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_checksum(h, OWN), 0x1ab8);
    enrol(h, "Odd", 0x01020304, POLICY_RR, 0);
    CU_ASSERT_EQUAL(handlespace_checksum(h, OWN), 0x634d);
    handlespace_set_owner(h, e, PEER);
    CU_ASSERT_EQUAL(handlespace_checksum(h, PEER), 0x1ab8);
    CU_ASSERT_EQUAL(handlespace_owned(h, OWN), 1);
    CU_ASSERT_PTR_EQUAL(handlespace_owned_next(h, PEER, NULL), e);
    CU_ASSERT_PTR_NULL(handlespace_owned_next(h, PEER, e));
    handlespace_free(h);
}

static void deadlines_come_in_order_and_once(void)
{
    struct handlespace *h = handlespace_new(NULL);
    enum handlespace_deadline kind;
    CU_ASSERT_EQUAL(handlespace_next_deadline(h), UINT64_MAX);
    struct pool_element *a = enrol(h, "P", 1, POLICY_RR, 0), *b = enrol(h, "P", 2, POLICY_RR, 0);
    pool_element_set_deadline(h, a, DEADLINE_REGISTRATION, 500);
    pool_element_set_deadline(h, b, DEADLINE_REGISTRATION, 400);
    pool_element_set_deadline(h, b, DEADLINE_KEEP_ALIVE, 300);
    pool_element_set_deadline(h, b, DEADLINE_KEEP_ALIVE_TIMEOUT, 600);
    CU_ASSERT_EQUAL(pool_element_deadline(b, DEADLINE_KEEP_ALIVE), HANDLESPACE_NEVER);
    CU_ASSERT_EQUAL(pool_element_deadline(b, DEADLINE_KEEP_ALIVE_TIMEOUT), 600);
    CU_ASSERT_EQUAL(handlespace_next_deadline(h), 400);
    CU_ASSERT_PTR_NULL(handlespace_due(h, 399, &kind));
    CU_ASSERT_PTR_EQUAL(handlespace_due(h, 1000, &kind), b);
    CU_ASSERT_EQUAL(kind, DEADLINE_REGISTRATION);
    CU_ASSERT_PTR_EQUAL(handlespace_due(h, 1000, &kind), a);
    CU_ASSERT_PTR_EQUAL(handlespace_due(h, 1000, &kind), b);
    CU_ASSERT_EQUAL(kind, DEADLINE_KEEP_ALIVE_TIMEOUT);
    CU_ASSERT_PTR_NULL(handlespace_due(h, UINT64_MAX - 1, &kind));
    struct wire_pool_element e = element(3, POLICY_RR, 0);
    e.registration_life = WIRE_LIFE_FOREVER;
    struct pool_element *c;
    CU_ASSERT_EQUAL(handlespace_register(h, text("P"), &e, 0, HANDLESPACE_REGISTERED, &c), 0);
    CU_ASSERT_EQUAL(handlespace_next_deadline(h), UINT64_MAX);
    pool_element_set_deadline(h, c, DEADLINE_KEEP_ALIVE, 77);
    CU_ASSERT_EQUAL(handlespace_next_deadline(h), 77);
    handlespace_remove(h, c, HANDLESPACE_DEREGISTERED);
    CU_ASSERT_EQUAL(handlespace_next_deadline(h), UINT64_MAX);
    handlespace_free(h);
}

static void all_memory_is_accounted_for(void)
{
    struct handlespace *h = handlespace_new(NULL);
    size_t empty = handlespace_octets(h), peak = 0;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 5000; i++)
            enrol(h, i & 1 ? "RR" : "LU", i * 2654435761u, i & 1 ? POLICY_RR : POLICY_LU, i);
        if (round == 0)
            peak = handlespace_octets(h);
        CU_ASSERT(handlespace_octets(h) <= peak + peak / 16);
        while (handlespace_elements(h))
            handlespace_remove(h, handlespace_owned_next(h, OWN, NULL), HANDLESPACE_DEREGISTERED);
    }
    CU_ASSERT(peak > empty + 5000 * 128);
    handlespace_free(h);
}

/* --- the parts
 * ------------------------------------------------------------------------------------------------------ */

static void siphash_gives_the_published_vectors(void)
{
    uint8_t key[16], data[15];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        data[i] = i;
    CU_ASSERT_EQUAL(siphash(key, data, 15, 2, 4), 0xa129ca6149be45e5);
    CU_ASSERT_EQUAL(siphash(key, data, 0, 2, 4), 0x726fdb47dd0e0e31);
}

static void index_check(const struct index *x, const uint32_t *values, uint32_t range)
{
    const struct index_entry *entry = x->first ? &x->first->entries[0] : NULL;
    for (uint32_t key = 0; key < range; key++) {
        const uint32_t *found = index_find(x, key);
        CU_ASSERT_EQUAL_FATAL(found != NULL, values[key] != 0);
        if (!found)
            continue;
        CU_ASSERT_EQUAL_FATAL(*found, values[key]);
        CU_ASSERT_FATAL(entry && entry->key == key);
        entry = index_after(x, key);
    }
    CU_ASSERT_PTR_NULL(entry);
}

static void index_agrees_with_an_array(void)
{
    enum { RANGE = 40000 };
    uint32_t *values = calloc(RANGE, sizeof *values);
    struct index x = {0};
    size_t octets = 0;
    uint64_t seed = 5;
    for (int phase = 0; phase < 8; phase++) { /* grows, shrinks, grows ... with runs and with chance */
        for (uint32_t i = 0; i < RANGE; i++) {
            uint32_t key = phase & 2 ? i : (uint32_t)(random_next(&seed) % RANGE), value = i + 1;
            if (phase & 1) {
                key = phase & 2 ? i : i * 7919 % RANGE; /* each once */
                if (i % (RANGE / 16) == 0)
                    index_check(&x, values, RANGE);
                CU_ASSERT_EQUAL_FATAL(index_erase(&x, key, &octets), values[key] != 0);
                values[key] = 0;
            } else {
                CU_ASSERT_FATAL(index_put(&x, key, value, &octets));
                values[key] = value;
            }
        }
        index_check(&x, values, RANGE);
    }
    CU_ASSERT_PTR_NULL(x.root);
    CU_ASSERT_EQUAL(octets, 0);
    for (uint32_t round = 0; round < 400; round++) { /* runs that come and go, with single keys in between */
        uint32_t from = (uint32_t)(random_next(&seed) % RANGE),
                 length = (uint32_t)(random_next(&seed) % 6000);
        bool put = round % 3 != 1;
        for (uint32_t key = from; key < from + length && key < RANGE;
             key += 1 + (put && round % 2 ? key % 50 : 0)) {
            values[key] = put ? key + 1 : 0;
            CU_ASSERT_FATAL(put ? index_put(&x, key, key + 1, &octets)
                                : index_erase(&x, key, &octets) || true);
        }
        if (round % 10 == 0)
            index_check(&x, values, RANGE);
    }
    index_check(&x, values, RANGE);
    index_release(&x, &octets);
    CU_ASSERT_EQUAL(octets, 0);
    index_put(&x, UINT32_MAX, 1, &octets);
    CU_ASSERT_PTR_NOT_NULL(index_find(&x, UINT32_MAX));
    index_release(&x, &octets);
    CU_ASSERT_EQUAL(octets, 0);
    free(values);
}

/* --- random operations against a model
 * ------------------------------------------------------------------------------ */

enum { MODEL_POOLS = 6, MODEL_IDENTIFIERS = 150, MODEL_OWNERS = 5 };

struct model_element {
    bool present;
    uint32_t owner, load;
    uint64_t life_at, keep_alive_at;
    bool timeout;
};

struct model_pool {
    struct model_element elements[MODEL_IDENTIFIERS];
    uint32_t order[MODEL_IDENTIFIERS]; /* RR: the circle; LU: by load, each group from its head */
    uint32_t n, head;
};

struct model {
    struct handlespace *h;
    struct model_pool pools[MODEL_POOLS];
    uint64_t now, seed;
};

static uint32_t dice(struct model *m, uint32_t sides)
{
    return (uint32_t)(random_next(&m->seed) % sides);
}

static struct octets model_handle(uint32_t pool)
{
    static const char *const names[MODEL_POOLS] = {"a",    "bb",    "ccc",
                                                   "dddd", "eeeee", "a longer pool handle, 30 octet"};
    return text(names[pool]);
}

static bool model_is_lu(uint32_t pool)
{
    return pool & 1;
}

static void model_order_remove(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct model_pool *p = &m->pools[pool];
    uint32_t at = 0;
    while (p->order[at] != identifier)
        at++;
    memmove(p->order + at, p->order + at + 1, (--p->n - at) * sizeof p->order[0]);
    if (at < p->head)
        p->head--;
    if (!p->n)
        p->head = 0;
}

static void model_order_insert(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct model_pool *p = &m->pools[pool];
    uint32_t at = p->n;
    while (model_is_lu(pool) && at > 0 && p->elements[p->order[at - 1]].load > p->elements[identifier].load)
        at--;
    memmove(p->order + at + 1, p->order + at, (p->n++ - at) * sizeof p->order[0]);
    p->order[at] = identifier;
}

static struct pool_element *model_find(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct pool *p = handlespace_find_pool(m->h, model_handle(pool));
    struct pool_element *e = p ? handlespace_find(p, identifier) : NULL;
    CU_ASSERT_EQUAL_FATAL(e != NULL, m->pools[pool].elements[identifier].present);
    return e;
}

static void model_register(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct model_element *me = &m->pools[pool].elements[identifier];
    struct wire_pool_element e = element(identifier, model_is_lu(pool) ? POLICY_LU : POLICY_RR, 0);
    e.policy.load = model_is_lu(pool) ? dice(m, 8) : 0;
    e.registration_life = (int32_t)dice(m, 60) - 1;
    e.home_registrar = dice(m, MODEL_OWNERS);
    if (dice(m, 4) == 0)
        e.user.addresses = octets_of(two_addresses, sizeof two_addresses);
    if (me->present && me->load != e.policy.load)
        model_order_remove(m, pool, identifier);
    bool enters = !me->present || me->load != e.policy.load;
    if (!me->present)
        *me = (struct model_element){.present = true};
    me->load = e.policy.load;
    me->owner = e.home_registrar;
    me->life_at = e.registration_life < 0 ? 0 : m->now + (uint64_t)e.registration_life * 1000;
    if (enters)
        model_order_insert(m, pool, identifier);
    CU_ASSERT_EQUAL_FATAL(
        handlespace_register(m->h, model_handle(pool), &e, m->now, HANDLESPACE_REGISTERED, NULL), 0);
}

static void model_remove(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct pool_element *e = model_find(m, pool, identifier);
    if (!e)
        return;
    handlespace_remove(m->h, e, HANDLESPACE_DEREGISTERED);
    model_order_remove(m, pool, identifier);
    m->pools[pool].elements[identifier].present = false;
}

static void model_rotate(struct model_pool *p, size_t taken)
{
    for (uint32_t from = 0, to; from < taken; from = to) {
        for (to = from + 1; to < p->n && p->elements[p->order[to]].load == p->elements[p->order[from]].load;)
            to++;
        uint32_t first = p->order[from];
        memmove(p->order + from, p->order + from + 1, (to - from - 1) * sizeof p->order[0]);
        p->order[to - 1] = first;
    }
}

static void model_select(struct model *m, uint32_t pool)
{
    struct model_pool *mp = &m->pools[pool];
    struct pool *p = handlespace_find_pool(m->h, model_handle(pool));
    struct pool_element *out[MODEL_IDENTIFIERS + 10];
    if (!p)
        return;
    size_t k = dice(m, 3) ? dice(m, 6) : dice(m, MODEL_IDENTIFIERS + 10),
           n = handlespace_select(m->h, p, k, out);
    CU_ASSERT_EQUAL_FATAL(n, k < mp->n ? k : mp->n);
    uint32_t start = model_is_lu(pool) || mp->head >= mp->n ? 0 : mp->head;
    for (size_t i = 0; i < n; i++)
        CU_ASSERT_EQUAL_FATAL(pool_element_identifier(out[i]), mp->order[(start + i) % mp->n]);
    if (model_is_lu(pool))
        model_rotate(mp, n);
    else if (n)
        mp->head = start + 1;
}

static void model_deadline(struct model *m, uint32_t pool, uint32_t identifier)
{
    struct pool_element *e = model_find(m, pool, identifier);
    struct model_element *me = &m->pools[pool].elements[identifier];
    if (!e)
        return;
    enum handlespace_deadline kind = dice(m, 3);
    uint64_t at = dice(m, 5) ? m->now + dice(m, 40000) : HANDLESPACE_NEVER;
    pool_element_set_deadline(m->h, e, kind, at);
    if (kind == DEADLINE_REGISTRATION) {
        me->life_at = at;
    } else {
        me->keep_alive_at = at;
        me->timeout = kind == DEADLINE_KEEP_ALIVE_TIMEOUT;
    }
}

static uint64_t model_next_deadline(const struct model *m)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t p = 0; p < MODEL_POOLS; p++)
        for (uint32_t i = 0; i < MODEL_IDENTIFIERS; i++) {
            const struct model_element *me = &m->pools[p].elements[i];
            if (me->present && me->life_at && me->life_at < next)
                next = me->life_at;
            if (me->present && me->keep_alive_at && me->keep_alive_at < next)
                next = me->keep_alive_at;
        }
    return next;
}

static void model_pass_time(struct model *m)
{
    m->now += dice(m, 3000);
    for (;;) {
        uint64_t next = model_next_deadline(m);
        CU_ASSERT_EQUAL_FATAL(handlespace_next_deadline(m->h), next);
        enum handlespace_deadline kind;
        struct pool_element *e = handlespace_due(m->h, m->now, &kind);
        CU_ASSERT_EQUAL_FATAL(e != NULL, next <= m->now);
        if (!e)
            return;
        uint32_t pool = 0, identifier = pool_element_identifier(e);
        while (!octets_equal(model_handle(pool), pool_handle(pool_element_pool(e))))
            pool++;
        struct model_element *me = &m->pools[pool].elements[identifier];
        if (kind == DEADLINE_REGISTRATION) {
            CU_ASSERT_EQUAL_FATAL(me->life_at, next);
            model_remove(m, pool, identifier);
        } else {
            CU_ASSERT_EQUAL_FATAL(me->keep_alive_at, next);
            CU_ASSERT_EQUAL(kind == DEADLINE_KEEP_ALIVE_TIMEOUT, me->timeout);
            me->keep_alive_at = 0;
        }
    }
}

/* Everything that can be read, against the model; the checksum from scratch, as RFC 5353, 3.6.2 words it. */
static void model_check(struct model *m)
{
    uint32_t owned[MODEL_OWNERS] = {0}, pools = 0, elements = 0;
    uint32_t sums[MODEL_OWNERS] = {0};
    for (uint32_t p = 0; p < MODEL_POOLS; p++) {
        const struct model_pool *mp = &m->pools[p];
        struct pool *pool = handlespace_find_pool(m->h, model_handle(p));
        CU_ASSERT_EQUAL_FATAL(pool != NULL, mp->n > 0);
        if (!pool)
            continue;
        CU_ASSERT_EQUAL(pool_elements(pool), mp->n);
        pools++;
        struct pool_element *e = NULL;
        for (uint32_t i = 0; i < MODEL_IDENTIFIERS; i++) {
            if (!mp->elements[i].present)
                continue;
            e = handlespace_element_next(pool, e);
            CU_ASSERT_FATAL(e && pool_element_identifier(e) == i);
            CU_ASSERT_EQUAL(pool_element_owner(e), mp->elements[i].owner);
            elements++;
            owned[mp->elements[i].owner]++;
            uint8_t block[64] = {0};
            struct octets handle = pool_handle(pool);
            memcpy(block, handle.data, handle.length);
            size_t padded = (handle.length + 3) & ~(size_t)3;
            octets_store32(block + padded, i);
            for (size_t at = 0; at < padded + 4; at += 2)
                sums[mp->elements[i].owner] += octets_load16(block + at);
        }
        CU_ASSERT_PTR_NULL(handlespace_element_next(pool, e));
    }
    CU_ASSERT_EQUAL(handlespace_pools(m->h), pools);
    CU_ASSERT_EQUAL(handlespace_elements(m->h), elements);
    for (uint32_t o = 0; o < MODEL_OWNERS; o++) {
        uint32_t n = 0, sum = sums[o];
        for (struct pool_element *e = NULL; (e = handlespace_owned_next(m->h, o, e)); n++)
            CU_ASSERT_EQUAL(pool_element_owner(e), o);
        CU_ASSERT_EQUAL(n, owned[o]);
        CU_ASSERT_EQUAL(handlespace_owned(m->h, o), owned[o]);
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        CU_ASSERT_EQUAL(handlespace_checksum(m->h, o), (uint16_t)~sum);
    }
}

static void random_operations_agree_with_a_naive_model(void)
{
    struct model *m = calloc(1, sizeof *m);
    m->h = handlespace_new(NULL);
    m->seed = 20240607;
    m->now = 1;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t pool = dice(m, MODEL_POOLS), identifier = dice(m, MODEL_IDENTIFIERS), what = dice(m, 100);
        bool shrinking = i / 5000 % 3 == 2;
        struct pool_element *e;
        if (what < (shrinking ? 10u : 40u))
            model_register(m, pool, identifier);
        else if (what < 50)
            model_remove(m, pool, identifier);
        else if (what < 85)
            model_select(m, pool);
        else if (what < 92)
            model_deadline(m, pool, identifier);
        else if (what < 94)
            model_pass_time(m);
        else if ((e = model_find(m, pool, identifier))) {
            uint32_t owner = dice(m, MODEL_OWNERS);
            handlespace_set_owner(m->h, e, owner);
            m->pools[pool].elements[identifier].owner = owner;
        }
        if (i % 250 == 0)
            model_check(m);
    }
    model_check(m);
    handlespace_free(m->h);
    free(m);
}

static const struct unit_test tests[] = {
    {"the first element makes the pool, the last one takes it away", first_element_makes_the_pool},
    {"an element has to fit the pool's policy, transport and use", element_has_to_fit_the_pool},
    {"limits hold, and what they refuse changes nothing", limits_hold_and_change_nothing},
    {"a re-registration replaces the attributes in place", re_registration_replaces_attributes_in_place},
    {"a large opaque transport is kept", large_opaque_transport_is_kept},
    {"each change is told once, in order", each_change_is_told_once_and_in_order},
    {"indices are never used again", indices_are_never_used_again},
    {"walks are ordered and survive removal", walks_are_ordered_and_survive_removal},
    {"round robin moves its head by one an answer", round_robin_moves_its_head_by_one},
    {"round robin keeps turns while elements come and go", round_robin_keeps_turns_when_elements_come_and_go},
    {"least used goes by load and rotates ties", least_used_goes_by_load_and_rotates_ties},
    {"the checksum is that of the test vectors", checksum_is_that_of_the_test_vectors},
    {"deadlines come in order, once each", deadlines_come_in_order_and_once},
    {"all memory is accounted for and used again", all_memory_is_accounted_for},
    {"siphash gives the published vectors", siphash_gives_the_published_vectors},
    {"the index agrees with an array", index_agrees_with_an_array},
    {"100,000 random operations agree with a naive model", random_operations_agree_with_a_naive_model},
};

UNIT_MAIN("handlespace", tests)
