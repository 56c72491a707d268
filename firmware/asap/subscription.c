/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The S bit of a handle resolution (RFC 5352, 2.2.5): the asker hears of changes of the pool for the life of
 * its association. A pool that changes is marked, and ASAP_NOTIFY_MS later each of its subscribers gets the
 * answer that it would get if it asked again; so a pool that changes all the time costs each subscriber a
 * bounded rate of messages, and a tick sends a bounded number. When the pool goes, they are told so, and that
 * was it.
 */
#include "asap/internal.h"

#include <stdlib.h>

struct asap_subscription {
    LIST_ENTRY(asap_subscription) of_client;
    TAILQ_ENTRY(asap_subscription) of_watch;
    struct asap_watch *watch;
    struct asap_client *client;
    uint32_t items;
};

/* A pool that somebody subscribed to. Found by the pool's index, which is never used again; a pool that went
 * and came back is found by its handle when its subscribers are served. */
struct asap_watch {
    UT_hash_handle hh;
    uint32_t index;
    TAILQ_ENTRY(asap_watch) in_changed;
    TAILQ_HEAD(, asap_subscription) subscribers;
    bool changed, again; /* waits to be served; has changed while it was being served */
    uint64_t due_ms;
    struct asap_subscription *next; /* the one to be served next, while it is being served */
    size_t handle_length;
    uint8_t handle[];
};

static struct octets handle_of(const struct asap_watch *w)
{
    return octets_of(w->handle, w->handle_length);
}

static struct asap_watch *watch_find(struct asap *a, uint32_t index)
{
    struct asap_watch *w;

    HASH_FIND(hh, a->watches, &index, sizeof index, w);
    return w;
}

static struct asap_watch *watch_new(struct asap *a, const struct pool *p)
{
    struct octets handle = pool_handle(p);
    struct asap_watch *w = calloc(1, sizeof *w + handle.length);

    if (!w)
        return NULL;
    w->index = pool_index(p);
    w->handle_length = handle.length;
    memcpy(w->handle, handle.data, handle.length);
    TAILQ_INIT(&w->subscribers);
    HASH_ADD(hh, a->watches, index, sizeof w->index, w);
    if (w->hh.tbl)
        return w;
    free(w);
    return NULL;
}

static void watch_free(struct asap *a, struct asap_watch *w)
{
    if (w->changed)
        TAILQ_REMOVE(&a->changed, w, in_changed);
    if (w->hh.tbl)
        HASH_DELETE(hh, a->watches, w);
    free(w);
}

static void cancel(struct asap *a, struct asap_subscription *s)
{
    struct asap_watch *w = s->watch;

    if (w->next == s)
        w->next = TAILQ_NEXT(s, of_watch);
    TAILQ_REMOVE(&w->subscribers, s, of_watch);
    LIST_REMOVE(s, of_client);
    s->client->n_subscriptions--;
    a->n_subscriptions--;
    free(s);
}

void asap_unsubscribe(struct asap *a, struct asap_client *client)
{
    struct asap_subscription *s;

    while ((s = LIST_FIRST(&client->subscriptions))) {
        struct asap_watch *w = s->watch;
        cancel(a, s);
        if (TAILQ_EMPTY(&w->subscribers))
            watch_free(a, w);
    }
}

static struct asap_subscription *subscribed(const struct asap_client *client, const struct asap_watch *w)
{
    struct asap_subscription *s;

    LIST_FOREACH(s, &client->subscriptions, of_client)
    if (s->watch == w)
        return s;
    return NULL;
}

bool asap_subscribe(struct asap *a, struct asap_client *client, const struct pool *p, uint32_t items)
{
    struct asap_watch *w = watch_find(a, pool_index(p));
    struct asap_subscription *s = w ? subscribed(client, w) : NULL;

    if (!s) {
        if (a->n_subscriptions >= a->settings.max_subscriptions ||
            client->n_subscriptions >= a->settings.max_subscriptions_per_channel)
            return false;
        if (!(s = calloc(1, sizeof *s)))
            return false;
        if (!w && !(w = watch_new(a, p))) {
            free(s);
            return false;
        }
        s->watch = w;
        s->client = client;
        LIST_INSERT_HEAD(&client->subscriptions, s, of_client);
        TAILQ_INSERT_TAIL(&w->subscribers, s, of_watch);
        client->n_subscriptions++;
        a->n_subscriptions++;
    }
    s->items = items;
    return true;
}

static void mark(struct asap *a, struct asap_watch *w)
{
    w->changed = true;
    w->due_ms = a->now_ms + ASAP_NOTIFY_MS;
    TAILQ_INSERT_TAIL(&a->changed, w, in_changed);
}

void asap_handlespace_changed(struct asap *a, const struct handlespace_event *event)
{
    struct asap_watch *w;

    if (!a->watches || event->change == HANDLESPACE_POOL_ADDED ||
        event->change == HANDLESPACE_ELEMENT_REFRESHED)
        return;
    w = watch_find(a, pool_index(event->pool));
    if (w && !w->changed)
        mark(a, w);
    else if (w && w->next)
        w->again = true;
}

static void tell(struct asap *a, struct asap_subscription *s, struct pool *p)
{
    a->statistics.notifications++;
    if (p)
        asap_send_resolution(a, s->client->channel, p, s->items, ASAP_FLAG_ACCEPT);
    else
        asap_send_resolution_error(a, s->client->channel, handle_of(s->watch), WIRE_CAUSE_UNKNOWN_POOL_HANDLE,
                                   (struct octets){0});
}

static void finish(struct asap *a, struct asap_watch *w)
{
    bool again = w->again;

    TAILQ_REMOVE(&a->changed, w, in_changed);
    w->changed = w->again = false;
    if (TAILQ_EMPTY(&w->subscribers))
        watch_free(a, w);
    else if (again)
        mark(a, w);
}

/* The pool went and came back. False: nobody can be told of its changes any more. */
static bool follow(struct asap *a, struct asap_watch *w, const struct pool *p)
{
    if (pool_index(p) == w->index)
        return true;
    if (watch_find(a, pool_index(p))) /* others have subscribed to the new one */
        return false;
    HASH_DELETE(hh, a->watches, w);
    w->index = pool_index(p);
    HASH_ADD(hh, a->watches, index, sizeof w->index, w);
    return w->hh.tbl != NULL;
}

/* Serves up to `budget` subscribers; returns how many are left of it. */
static int serve(struct asap *a, struct asap_watch *w, int budget)
{
    struct pool *p = handlespace_find_pool(a->handlespace, handle_of(w));

    if (p && !follow(a, w, p))
        p = NULL;
    if (!w->next)
        w->next = TAILQ_FIRST(&w->subscribers);
    while (w->next && budget-- > 0) {
        struct asap_subscription *s = w->next;
        w->next = TAILQ_NEXT(s, of_watch);
        tell(a, s, p);
        if (!p)
            cancel(a, s);
    }
    if (!w->next)
        finish(a, w);
    return budget;
}

void asap_notify(struct asap *a)
{
    struct asap_watch *w;
    int budget = ASAP_NOTIFY_MAX;

    while (budget > 0 && (w = TAILQ_FIRST(&a->changed)) && w->due_ms <= a->now_ms)
        budget = serve(a, w, budget);
}

uint64_t asap_next_deadline(const struct asap *a)
{
    uint64_t next = handlespace_next_deadline(a->handlespace);
    const struct asap_watch *w = TAILQ_FIRST(&a->changed);

    return w && w->due_ms < next ? w->due_ms : next;
}
