/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who may have a channel, and keep it: the share of one peer address in an endpoint's channels, and the end
 * of those that have never said anything. Only for channels that peers opened; those opened from here are
 * wanted.
 */
#include "base/clock.h"
#include "transport/internal.h"

#include <stdlib.h>

/* Channels from one address. Zeroed before it is filled: the address is a key of octets. */
struct peer_share {
    UT_hash_handle hh;
    struct address address;
    uint32_t channels;
};

bool admission_take(struct channel *c)
{
    struct endpoint *e = c->endpoint;
    struct peer_share *share;

    if (e->max_per_peer == 0 || c->n_peers == 0)
        return true;
    HASH_FIND(hh, e->shares, &c->peers[0], sizeof c->peers[0], share);
    if (!share) {
        share = calloc(1, sizeof *share);
        if (!share)
            return false;
        share->address = c->peers[0];
        HASH_ADD(hh, e->shares, address, sizeof share->address, share);
        if (!share->hh.tbl) {
            free(share);
            return false;
        }
    }
    if (share->channels >= e->max_per_peer)
        return false;
    share->channels++;
    c->share = share;
    return true;
}

static void arm(struct endpoint *e)
{
    const struct channel *first = TAILQ_FIRST(&e->silent);
    uint64_t now = clock_ms(), at = first ? first->silent_until_ms : 0;
    uint64_t wait = at > now ? at - now : 1;
    struct timeval in = {.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};

    if (first)
        evtimer_add(&e->silence, &in);
    else
        event_del(&e->silence);
}

void admission_watch(struct channel *c)
{
    struct endpoint *e = c->endpoint;

    if (e->silent_ms == 0)
        return;
    c->silent = true;
    c->silent_until_ms = clock_ms() + e->silent_ms;
    TAILQ_INSERT_TAIL(&e->silent, c, in_silent); /* all have the same time: it stays in order */
    if (!evtimer_pending(&e->silence, NULL))
        arm(e);
}

void admission_spoke(struct channel *c)
{
    TAILQ_REMOVE(&c->endpoint->silent, c, in_silent);
    c->silent = false;
}

static void silence_over(evutil_socket_t fd, short what, void *endpoint)
{
    struct endpoint *e = endpoint;
    struct channel *c;
    uint64_t now = clock_ms();

    (void)fd, (void)what;
    while ((c = TAILQ_FIRST(&e->silent)) && c->silent_until_ms <= now) {
        admission_spoke(c);
        e->transport->statistics.channels_silent++;
        channel_doom(c, ERR_TIMEOUT);
    }
    arm(e);
}

void admission_start(struct endpoint *e)
{
    TAILQ_INIT(&e->silent);
    evtimer_assign(&e->silence, e->transport->base, silence_over, e);
}

void admission_give(struct channel *c)
{
    if (c->silent)
        admission_spoke(c);
    if (c->share && --c->share->channels == 0) {
        HASH_DELETE(hh, c->endpoint->shares, c->share);
        free(c->share);
    }
    c->share = NULL;
}

void admission_stop(struct endpoint *e)
{
    event_del(&e->silence);
}
