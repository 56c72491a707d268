/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool user's side: handle resolution and unreachable reports (RFC 5352, 3.3 and 3.5). */
#include "endpoint/internal.h"

#include <stdlib.h>

enum { REQUESTS_MAX = 65536, HANDLE_MAX = 65000 /* fits a message with all that may come with it */ };

/* ASAP's requests carry no number: a response belongs to the oldest request for its pool handle. */
struct request {
    TAILQ_ENTRY(request) entry;
    struct pool_client *client;
    struct event *timer; /* T1 */
    uint32_t attempts;
    int64_t items;
    pool_resolved *resolved;
    void *context;
    struct octets handle;
    uint8_t kept[];
};

static void request_unlink(struct request *q)
{
    TAILQ_REMOVE(&q->client->requests, q, entry);
    q->client->n_requests--;
}

static void request_free(struct request *q)
{
    if (q->timer)
        event_free(q->timer);
    free(q);
}

/* Off the list first, so that a request that the callback makes for the same pool is another one. */
static void finish(struct request *q, struct pool_resolution *r)
{
    request_unlink(q);
    if (!r->pool_handle.data)
        r->pool_handle = q->handle;
    q->resolved(q->context, r);
    request_free(q);
}

static void send_request(struct request *q)
{
    struct wire_message m = {
        .type = ASAP_HANDLE_RESOLUTION, .present = WIRE_HAS_POOL_HANDLE, .pool_handle = q->handle};
    if (q->items != 0) {
        m.present |= WIRE_HAS_RESOLUTION_OPTION;
        m.items_wanted = q->items < 0 ? UINT32_MAX : (uint32_t)q->items;
    }
    q->attempts++;
    if (client_send(q->client, &m) == 0)
        client_arm(q->timer, q->client->options.request_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct request *q = context;
    struct pool_client *c = q->client;
    (void)fd;
    (void)what;
    if (c->connected && q->attempts < c->options.attempts) {
        send_request(q);
        return;
    }
    finish(q, &(struct pool_resolution){.result = ERR_TIMEOUT});
    client_abandon(c, ERR_TIMEOUT);
}

int pool_client_resolve(struct pool_client *c, struct octets pool_handle, int64_t items,
                        pool_resolved *resolved, void *context)
{
    if (c->n_requests >= REQUESTS_MAX)
        return ERR_LIMIT;
    if (pool_handle.length == 0 || pool_handle.length > HANDLE_MAX)
        return ERR_ARGUMENT;
    struct request *q = calloc(1, sizeof *q + pool_handle.length);
    if (!q || !(q->timer = evtimer_new(c->base, on_timer, q))) {
        free(q);
        return ERR_MEMORY;
    }
    if (pool_handle.length)
        memcpy(q->kept, pool_handle.data, pool_handle.length);
    q->handle = octets_of(q->kept, pool_handle.length);
    q->client = c;
    q->items = items;
    q->resolved = resolved;
    q->context = context;
    c->n_requests++;
    TAILQ_INSERT_TAIL(&c->requests, q, entry);
    if (c->connected)
        send_request(q);
    else /* the same patience as for an answer */
        client_arm(q->timer, c->options.request_ms);
    return 0;
}

int pool_client_report(struct pool_client *c, struct octets pool_handle, uint32_t pe_identifier)
{
    struct wire_message m = {.type = ASAP_ENDPOINT_UNREACHABLE,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
                             .pool_handle = pool_handle,
                             .pe_identifier = pe_identifier};
    return client_send(c, &m);
}

void requests_connected(struct pool_client *c)
{
    struct request *q;
    TAILQ_FOREACH(q, &c->requests, entry)
    {
        q->attempts = 0;
        send_request(q);
    }
}

void requests_free(struct pool_client *c)
{
    while (!TAILQ_EMPTY(&c->requests)) {
        struct request *q = TAILQ_FIRST(&c->requests);
        request_unlink(q);
        request_free(q);
    }
}

void resolution_response(struct pool_client *c, const struct wire_message *m)
{
    struct pool_resolution r = {.pool_handle = m->pool_handle, .policy_type = POLICY_RR, .elements = m->list};
    struct request *q;

    r.has_cause = message_cause(m, &r.cause);
    if (m->present & WIRE_HAS_ERROR)
        r.result = r.has_cause ? pool_cause_result(r.cause) : ERR_NOT_FOUND;
    if (m->present & WIRE_HAS_POLICY)
        r.policy_type = m->policy.type;
    TAILQ_FOREACH(q, &c->requests, entry)
    if (octets_equal(q->handle, m->pool_handle)) {
        finish(q, &r);
        return;
    }
}
