/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pool policies (RFC 5356) as one table: a policy is one row of policy.c, which names its family (one file:
 * how elements are kept and chosen) and the value by which that family goes. A family keeps its state in
 * struct pool's union and two words in each element.
 */
#ifndef HANDLESPACE_POLICY_H
#define HANDLESPACE_POLICY_H

#include "handlespace/space.h"

/* A family. Policies come as encoded Member Selection Policy parameters. */
struct policy_operations {
    /* Takes in an element whose parameter is in place. False: out of memory, nothing is changed. */
    bool (*insert)(struct pool *p, uint32_t slot);
    /* A re-registration: the element's parameter still has the old values, `policy` the new ones; the
     * degradation ends. NULL: nothing to do. False: as above. */
    bool (*update)(struct pool *p, uint32_t slot, const uint8_t *policy);
    void (*remove)(struct pool *p, uint32_t slot);
    /* k is at most the number of elements, and at least 1. */
    size_t (*select)(struct pool *p, size_t k, struct pool_element **out);
    void (*release)(struct pool *p);
};

struct policy {
    uint32_t type;
    const struct policy_operations *operations;
    /* The load that orders, or the weight that draws. NULL: all elements are alike. */
    uint32_t (*value)(const uint8_t *policy, uint32_t degradation);
    bool degrades; /* each selection adds the load degradation, until the element registers again */
};

/* NULL when the type is not known. */
const struct policy *policy_find(uint32_t type);

extern const struct policy_operations policy_round_robin;
extern const struct policy_operations policy_weighted_round_robin;
extern const struct policy_operations policy_random;
extern const struct policy_operations policy_weighted_random;
extern const struct policy_operations policy_least_used;

/* The value of an element as it is registered and degraded now. */
static inline uint32_t policy_value(const struct pool *p, const struct pool_element *e)
{
    return p->policy->value(element_policy(e), p->policy->degrades ? *element_degradation(e) : 0);
}

/* Has the parameters of several elements fetched at once, before each is read. */
static inline void policy_fetch(size_t n, struct pool_element *const *elements)
{
    for (size_t i = 0; i < n; i++) {
        __builtin_prefetch(elements[i]->parameter + PE_USER_TRANSPORT);
        __builtin_prefetch(elements[i]->parameter + PE_USER_TRANSPORT + 48);
    }
}

/* The degradation of an element after it has been selected once more. */
uint32_t policy_degraded(const struct pool_element *e);

#endif
