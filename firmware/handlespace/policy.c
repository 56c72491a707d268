/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of the pool policies that are complete here. */
#include "handlespace/policy.h"

static const struct {
    uint32_t type;
    const struct policy_operations *operations;
} policies[] = {
    {POLICY_RR, &policy_round_robin},
    {POLICY_LU, &policy_least_used},
};

const struct policy_operations *policy_find(uint32_t type)
{
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++)
        if (policies[i].type == type)
            return policies[i].operations;
    return NULL;
}
