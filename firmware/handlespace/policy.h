/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pool policies (RFC 5356) as one table of operations: a policy is one row of policy.c and, for a new family,
 * one file. A family keeps its state in struct pool's union and two words in each element.
 */
#ifndef HANDLESPACE_POLICY_H
#define HANDLESPACE_POLICY_H

#include "handlespace/space.h"

struct policy_operations {
    /* Takes in an element whose parameter is in place. False: out of memory, nothing is changed. */
    bool (*insert)(struct pool *p, uint32_t slot, const struct wire_policy *policy);
    /* The element's parameter still has the old values, `policy` the new ones. NULL: nothing to do. Likewise.
     */
    bool (*update)(struct pool *p, uint32_t slot, const struct wire_policy *policy);
    void (*remove)(struct pool *p, uint32_t slot);
    /* k is at most the number of elements, and at least 1. */
    size_t (*select)(struct pool *p, size_t k, struct pool_element **out);
    void (*release)(struct pool *p);
};

/* NULL when the type is not known. */
const struct policy_operations *policy_find(uint32_t type);

extern const struct policy_operations policy_round_robin;
extern const struct policy_operations policy_least_used;

#endif
