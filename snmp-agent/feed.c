/* SPDX-License-Identifier: BSD-3-Clause */
/* The mirror's side of registrard's control feed. */
#include "snmp-agent/feed.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 1000, SILENCE_MS = 5000, LOG_INTERVAL_MS = 60000 };

struct feed {
    struct event_base *base;
    struct feed_options options;
    struct control_link *link;
    struct event *restart; /* the link is made anew from the loop, never inside one of its callbacks */
    struct event *poll;
    json_int_t sequence; /* of the last notification on this connection */
    uint64_t asked_ms;   /* when the oldest unanswered poll was sent; 0: all are answered */
    uint32_t snapshots;
    bool restarting;
    struct log_limit malformed_limit, refused_limit;
};

static void restart(struct feed *f)
{
    f->restarting = true;
    event_active(f->restart, EV_TIMEOUT, 0);
}

static void refused(struct feed *f, const char *method, int code, const char *message)
{
    uint32_t suppressed;

    if (code != ERR_CLOSED && log_limit_allows(&f->refused_limit, clock_ms(), LOG_INTERVAL_MS, &suppressed))
        log_err("snmp: registrard refuses %s: %s%s", method, message,
                code == ERR_DENIED ? "; the user of this process must be in the group poolward-read" : "");
}

static void on_subscribed(void *context, int code, const json_t *result, const char *message)
{
    (void)result;
    if (code != 0)
        refused(context, "feed.subscribe", code, message);
}

static void on_registrar(void *context, int code, const json_t *result, const char *message)
{
    struct feed *f = context;

    f->asked_ms = 0;
    if (code == 0)
        mirror_set_registrar(f->options.mirror, result, clock_ms());
    else
        refused(f, "registrar.get", code, message);
}

static void on_peers(void *context, int code, const json_t *result, const char *message)
{
    struct feed *f = context;

    (void)message;
    if (code == 0)
        mirror_set_peers(f->options.mirror, json_object_get(result, "peers"), clock_ms());
}

static void ask(struct feed *f)
{
    f->asked_ms = clock_ms();
    control_link_call(f->link, "registrar.get", NULL, f, on_registrar);
    control_link_call(f->link, "peers.list", NULL, f, on_peers);
}

static void on_poll(evutil_socket_t fd, short what, void *context)
{
    struct feed *f = context;

    (void)fd;
    (void)what;
    if (!control_link_is_up(f->link) || f->restarting)
        return;
    if (f->asked_ms == 0) {
        ask(f);
    } else if (clock_ms() - f->asked_ms >= f->options.silence_ms) {
        log_warning("snmp: registrard has not answered for %u ms; its rows are withdrawn",
                    f->options.silence_ms);
        mirror_clear(f->options.mirror);
        restart(f);
    }
}

static void on_up(void *context, struct control_link *l)
{
    struct feed *f = context;

    log_info("snmp: following the registrar at %s", f->options.path);
    f->sequence = 0;
    f->snapshots++;
    control_link_call(l, "feed.subscribe", NULL, f, on_subscribed);
    ask(f);
}

static void on_down(void *context, struct control_link *l)
{
    struct feed *f = context;

    (void)l;
    log_info("snmp: the registrar at %s is gone; its rows are withdrawn", f->options.path);
    mirror_clear(f->options.mirror);
}

static void on_event(void *context, struct control_link *l, const char *method, const json_t *params)
{
    struct feed *f = context;
    json_int_t sequence = json_integer_value(json_object_get(params, "sequence"));
    uint32_t suppressed;

    (void)l;
    if (strcmp(method, "feed") != 0 || f->restarting)
        return;
    if (sequence != f->sequence + 1) {
        log_warning("snmp: notification %lld of the registrar came after %lld; asking for a new snapshot",
                    (long long)sequence, (long long)f->sequence);
        restart(f);
        return;
    }
    f->sequence = sequence;
    if (!mirror_apply(f->options.mirror, params, clock_ms()) &&
        log_limit_allows(&f->malformed_limit, clock_ms(), LOG_INTERVAL_MS, &suppressed))
        log_info("snmp: a notification of the registrar says nothing new (%u more like it)", suppressed);
}

static bool connect_link(struct feed *f)
{
    struct control_link_options o = {
        .path = f->options.path, .context = f, .up = on_up, .down = on_down, .event = on_event};

    f->restarting = false;
    f->asked_ms = 0;
    f->link = control_link_new(f->base, &o);
    return f->link != NULL;
}

/* Rows stay until the new snapshot has replaced them: a new connection is numbered from 1 and begins with
 * one. */
static void on_restart(evutil_socket_t fd, short what, void *context)
{
    struct feed *f = context;
    struct timeval again = {.tv_sec = 1};

    (void)fd;
    (void)what;
    control_link_free(f->link);
    if (!connect_link(f)) {
        f->restarting = true;
        mirror_clear(f->options.mirror);
        evtimer_add(f->restart, &again);
    }
}

struct feed *feed_new(struct event_base *base, const struct feed_options *o)
{
    struct feed *f = calloc(1, sizeof *f);

    if (!f)
        return NULL;
    f->base = base;
    f->options = *o;
    f->options.poll_ms = o->poll_ms ? o->poll_ms : POLL_MS;
    f->options.silence_ms = o->silence_ms ? o->silence_ms : SILENCE_MS;
    struct timeval poll = {.tv_sec = f->options.poll_ms / 1000, .tv_usec = f->options.poll_ms % 1000 * 1000};
    f->restart = evtimer_new(base, on_restart, f);
    f->poll = event_new(base, -1, EV_PERSIST, on_poll, f);
    if (f->restart && f->poll && evtimer_add(f->poll, &poll) == 0 && connect_link(f))
        return f;
    feed_free(f);
    return NULL;
}

void feed_free(struct feed *f)
{
    if (!f)
        return;
    control_link_free(f->link);
    if (f->restart)
        event_free(f->restart);
    if (f->poll)
        event_free(f->poll);
    free(f);
}

uint32_t feed_snapshots(const struct feed *f)
{
    return f->snapshots;
}
