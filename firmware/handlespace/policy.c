/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table of the pool policies, and the values that they compute from the fields of an element's policy
 * parameter: RFC 5356, rsplib's private combinations, and draft-dreibholz-rserpool-delay for those with a
 * distance penalty factor. Loads are parts of 0xffffffff = 100 %, and stay there.
 */
#include "handlespace/policy.h"

/* The fields, by their offsets in the encoded parameter (RFC 5356; the draft). */
enum { WEIGHT = 8, WEIGHT_DPF = 12, WEIGHT_DISTANCE = 16 };
enum { PRIORITY = 8 };
enum { LOAD = 8, DEGRADATION = 12 };
enum { LU_LOAD_DPF = 12, LU_DISTANCE = 16, LUD_LOAD_DPF = 16, LUD_DISTANCE = 20 };

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a + b < a ? UINT32_MAX : a + b;
}

static uint32_t product(uint32_t a, uint32_t b)
{
    uint64_t p = (uint64_t)a * b;
    return p < UINT32_MAX ? (uint32_t)p : UINT32_MAX;
}

static uint32_t weight(const uint8_t *policy, uint32_t degradation)
{
    (void)degradation;
    return octets_load32(policy + WEIGHT);
}

/* The part of the weight that the distance takes away is distance * DPF, in parts of 0xffffffff. What has a
 * weight keeps a little of it at any distance. */
static uint32_t weight_dpf(const uint8_t *policy, uint32_t degradation)
{
    uint32_t full = weight(policy, degradation);
    uint32_t penalty = product(octets_load32(policy + WEIGHT_DPF), octets_load32(policy + WEIGHT_DISTANCE));
    uint32_t lost = (uint32_t)(((uint64_t)full * penalty + UINT32_MAX / 2) / UINT32_MAX);
    return full > 0 && lost == full ? 1 : full - lost;
}

/* Highest first (RFC 5356, 4.5). */
static uint32_t priority(const uint8_t *policy, uint32_t degradation)
{
    (void)degradation;
    return UINT32_MAX - octets_load32(policy + PRIORITY);
}

/* The degradation is 0 where the policy has none. */
static uint32_t load(const uint8_t *policy, uint32_t degradation)
{
    return sum(octets_load32(policy + LOAD), degradation);
}

/* The load that the element would have with one more user (RFC 5356, 5.3). */
static uint32_t load_then(const uint8_t *policy, uint32_t degradation)
{
    return sum(load(policy, degradation), octets_load32(policy + DEGRADATION));
}

static uint32_t load_dpf(const uint8_t *policy, uint32_t degradation)
{
    return sum(load(policy, degradation),
               product(octets_load32(policy + LU_LOAD_DPF), octets_load32(policy + LU_DISTANCE)));
}

static uint32_t load_degraded_dpf(const uint8_t *policy, uint32_t degradation)
{
    return sum(load(policy, degradation),
               product(octets_load32(policy + LUD_LOAD_DPF), octets_load32(policy + LUD_DISTANCE)));
}

/* RFC 5356, 5.4.2. A pool whose elements are all at 100 % still has to answer, so nothing is left at 0. */
static uint32_t unload(uint32_t of)
{
    return of < UINT32_MAX ? UINT32_MAX - of : 1;
}

static uint32_t free_load(const uint8_t *policy, uint32_t degradation)
{
    return unload(load(policy, degradation));
}

static uint32_t free_load_then(const uint8_t *policy, uint32_t degradation)
{
    return unload(load_then(policy, degradation));
}

static const struct policy policies[] = {
    {POLICY_RR, &policy_round_robin, NULL, false},
    {POLICY_WRR, &policy_weighted_round_robin, weight, false},
    {POLICY_RAND, &policy_random, NULL, false},
    {POLICY_WRAND, &policy_weighted_random, weight, false},
    {POLICY_WRAND_DPF, &policy_weighted_random, weight_dpf, false},
    {POLICY_PRIO, &policy_least_used, priority, false},
    {POLICY_LU, &policy_least_used, load, false},
    {POLICY_LUD, &policy_least_used, load, true},
    {POLICY_PLU, &policy_least_used, load_then, false},
    {POLICY_PLUD, &policy_least_used, load_then, true},
    {POLICY_LU_DPF, &policy_least_used, load_dpf, false},
    {POLICY_LUD_DPF, &policy_least_used, load_degraded_dpf, true},
    {POLICY_RLU, &policy_weighted_random, free_load, false},
    {POLICY_RLUD, &policy_weighted_random, free_load, true},
    {POLICY_RPLU, &policy_weighted_random, free_load_then, false},
    {POLICY_RPLUD, &policy_weighted_random, free_load_then, true},
};

const struct policy *policy_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (policies[i].type == type)
            return &policies[i];
    return NULL;
}

uint32_t policy_degraded(const struct pool_element *e)
{
    return sum(*element_degradation(e), octets_load32(element_policy(e) + DEGRADATION));
}
