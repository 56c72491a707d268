/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rserpoolENRPDescription is the one object that a manager may write here. configd is the only writer of
 * configuration, so a SET becomes its `config.set`; the running configuration changes at once, and is kept
 * over a restart when it is saved.
 */
#ifndef SNMP_AGENT_DESCRIPTION_H
#define SNMP_AGENT_DESCRIPTION_H

#include "snmp-agent/table.h"

#include <jansson.h>

struct control_client;

/* The setter's context; zero-initialise but for the first two. */
struct description {
    const char *configd;   /* socket; borrowed */
    struct mirror *mirror; /* shows the new text before the feed brings it */
    struct control_client *client;
    json_t *old; /* text, or null when the setting was not set */
    bool applied;
};

extern const struct table_setter description_setter;

#endif
