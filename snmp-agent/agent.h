/* SPDX-License-Identifier: BSD-3-Clause */
/* The AgentX subagent: Net-SNMP's agent library set up for one job, with the tables registered. One a
 * process, as the library keeps its state in globals. */
#ifndef SNMP_AGENT_AGENT_H
#define SNMP_AGENT_AGENT_H

#include "snmp-agent/description.h"
#include "snmp-agent/mirror.h"

struct agent;

struct agent_options {
    const char *agentx;    /* the master's AgentX socket, a path */
    const char *configd;   /* for SET */
    struct mirror *mirror; /* borrowed */
};

/* Starts the subagent. The master need not be there: it is tried again every two seconds, and asked as often
 * whether it still answers. NULL and *error. */
struct agent *agent_new(const struct agent_options *o, int *error);
void agent_free(struct agent *a); /* takes leave of the master */

#endif
