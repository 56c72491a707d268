/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The feed: a snapshot in pieces, then changes. A reader's place in the snapshot is a pool index and a PE
 * identifier, both of which stay valid whatever is removed meanwhile; pieces follow the reader's own pace, so
 * that neither the loop nor the queue pays for a large handlespace.
 */
#include "base/clock.h"
#include "base/error.h"
#include "registrard/registrard.h"

#include <stdlib.h>

enum { PIECE = 200 };

struct feed_reader {
    LIST_ENTRY(feed_reader) next;
    struct registrard *r;
    bool begun, done;
    bool sending, gone; /* sending may end the connection: then the sender frees */
    bool in_pool;       /* its pool was sent; elements after `element` follow */
    bool in_elements;
    uint32_t pool, element;
};

static json_t *event_of(const char *kind)
{
    json_t *o = json_object();

    json_object_set_new(o, "kind", json_string(kind));
    return o;
}

static json_t *event_with(const char *kind, const char *key, json_t *value)
{
    json_t *o = event_of(kind);

    json_object_set_new(o, key, value);
    return o;
}

static json_t *next_element(struct feed_reader *f, struct pool *p)
{
    struct pool_element *e =
        f->in_elements ? handlespace_element_after(p, f->element) : handlespace_element_next(p, NULL);
    if (!e)
        return NULL;
    f->in_elements = true;
    f->element = pool_element_identifier(e);
    return event_with("element", "element", json_element(e));
}

/* The next event of the snapshot; NULL when it is complete. */
static json_t *next_event(struct feed_reader *f)
{
    struct handlespace *h = f->r->handlespace;

    if (f->in_pool) {
        struct pool *p = handlespace_pool_after(h, f->pool - 1);
        json_t *event = p && pool_index(p) == f->pool ? next_element(f, p) : NULL;
        if (event)
            return event;
    }
    struct pool *p = handlespace_pool_after(h, f->pool);
    if (!p)
        return NULL;
    f->pool = pool_index(p);
    f->in_pool = true;
    f->in_elements = false;
    return event_with("pool", "pool", json_pool(p));
}

/* The beginning in one go: the registrar and its few peers. */
static void send_begin(struct feed_reader *f, struct control_subscriber *s)
{
    const struct enrp_peer *peer = NULL;

    f->begun = true;
    control_feed_send(s, "feed", event_of("snapshot-begin"));
    if (!f->gone)
        control_feed_send(s, "feed", event_with("registrar", "registrar", json_registrar(f->r)));
    while (!f->gone && f->r->enrp && (peer = enrp_peer_next(f->r->enrp, peer)))
        control_feed_send(s, "feed", event_with("peer", "peer", json_peer(f->r, peer)));
}

static void send_piece(struct feed_reader *f, struct control_subscriber *s)
{
    if (!f->begun)
        send_begin(f, s);
    for (int i = 0; i < PIECE && !f->done && !f->gone; i++) {
        json_t *event = next_event(f);
        if (!event) {
            f->done = true;
            event = event_of("snapshot-end");
        }
        control_feed_send(s, "feed", event);
    }
}

static void on_drained(void *context, struct control_subscriber *s)
{
    struct feed_reader *f = context;

    if (f->done || f->sending)
        return;
    f->sending = true;
    send_piece(f, s);
    f->sending = false;
    if (f->gone)
        free(f);
}

static void on_gone(void *context, struct control_subscriber *s)
{
    struct feed_reader *f = context;

    (void)s;
    LIST_REMOVE(f, next);
    f->gone = true;
    if (!f->sending)
        free(f);
}

void feed_subscribe(struct registrard *r, struct control_request *request)
{
    struct feed_reader *f = calloc(1, sizeof *f);
    json_t *result = json_object();

    if (f)
        f->r = r;
    if (!f || !control_subscribe(request, f, on_drained, on_gone)) {
        free(f);
        json_decref(result);
        control_fail(request, ERR_MEMORY, NULL);
        return;
    }
    LIST_INSERT_HEAD(&r->readers, f, next);
    json_object_set_new(result, "epoch", json_integer((json_int_t)r->epoch));
    control_reply(request, result); /* the snapshot begins when this has left */
}

static void publish(struct registrard *r, json_t *event)
{
    control_feed_publish(r->control, "feed", event);
}

static void publish_pool(struct registrard *r, const struct pool *p)
{
    publish(r, event_with("pool", "pool", json_pool(p)));
}

static void publish_removed(struct registrard *r, const struct handlespace_event *event)
{
    json_t *o = event_of("element-removed");

    json_object_set_new(o, "pool_index", json_integer(pool_index(event->pool)));
    json_object_set_new(o, "index", json_integer(pool_element_index(event->element)));
    json_object_set_new(o, "reason", json_string(json_reason(event->reason)));
    publish(r, o);
}

void feed_handlespace(struct registrard *r, const struct handlespace_event *event)
{
    if (!r->control || control_subscribers(r->control) == 0)
        return;
    switch (event->change) {
    case HANDLESPACE_POOL_ADDED:
        publish_pool(r, event->pool);
        break;
    case HANDLESPACE_POOL_REMOVED:
        publish(r, event_with("pool-removed", "index", json_integer(pool_index(event->pool))));
        break;
    case HANDLESPACE_ELEMENT_ADDED:
        publish(r, event_with("element", "element", json_element(event->element)));
        publish_pool(r, event->pool);
        break;
    case HANDLESPACE_ELEMENT_UPDATED:
    case HANDLESPACE_ELEMENT_OWNER:
        publish(r, event_with("element", "element", json_element(event->element)));
        break;
    case HANDLESPACE_ELEMENT_REMOVED:
        publish_removed(r, event);
        if (pool_elements(event->pool))
            publish_pool(r, event->pool);
        break;
    case HANDLESPACE_ELEMENT_REFRESHED:
        break;
    }
}

void feed_peer(struct registrard *r, const struct enrp_peer *peer, bool gone)
{
    if (!r->control || control_subscribers(r->control) == 0)
        return;
    publish(r, gone ? event_with("peer-removed", "identifier", json_integer(peer->identifier))
                    : event_with("peer", "peer", json_peer(r, peer)));
}

/* Peers heard since the last time: presence changes nothing but when they were last heard. */
static void feed_heard(struct registrard *r)
{
    const struct enrp_peer *peer = NULL;
    uint64_t now = clock_ms();

    while (r->enrp && (peer = enrp_peer_next(r->enrp, peer)))
        if (peer->last_heard_ms > r->fed_ms)
            feed_peer(r, peer, false);
    r->fed_ms = now;
}

void feed_second(struct registrard *r)
{
    bool changed = r->changed;

    r->changed = false;
    if (!r->control || control_subscribers(r->control) == 0)
        return;
    feed_heard(r);
    if (changed)
        publish(r, event_with("registrar", "registrar", json_registrar(r)));
}
