/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a mirror like the registrar: subscribes to registrard's control feed, applies what comes, asks once a
 * second for what the feed does not bring (uptime, peers last heard). A gap in the numbering leads to a new
 * snapshot. When registrard is gone, or has not answered for five seconds, the mirror is emptied: no row is
 * ever shown that nobody stands behind.
 */
#ifndef SNMP_AGENT_FEED_H
#define SNMP_AGENT_FEED_H

#include "snmp-agent/mirror.h"

#include <event2/event.h>

struct feed;

struct feed_options {
    const char *path;      /* registrard's control socket; borrowed */
    struct mirror *mirror; /* borrowed */
    uint32_t poll_ms;      /* 0 = 1000 */
    uint32_t silence_ms;   /* 0 = 5000: longest wait for an answer */
};

/* NULL when out of memory or the path is too long. */
struct feed *feed_new(struct event_base *base, const struct feed_options *o);
void feed_free(struct feed *f);
/* Snapshots asked for so far. */
uint32_t feed_snapshots(const struct feed *f);

#endif
