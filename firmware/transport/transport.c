/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of endpoints and channels, the same for every kind of transport. A channel that ends is first
 * doomed, and the loop calls closed(): so no callback runs inside a call of the channel's user. Memory is
 * given back only from there, so that a loop over input survives whatever its callbacks close.
 */
#include "transport/interfaces.h"
#include "transport/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_CHANNELS = 20000, DEFAULT_MESSAGE = 65536, DEFAULT_QUEUED = 1 << 20, DEFAULT_IDLE_MS = 30000 };

static const struct transport_ops *const kinds[] = {
    [TRANSPORT_SCTP] = &transport_sctp_ops,
    [TRANSPORT_TCP] = &transport_tcp_ops,
    [TRANSPORT_MPTCP] = &transport_tcp_ops,
};

/* --- channels
 * ---------------------------------------------------------------------------------------------------- */

/* A partial message that is too old, or an orderly end that takes too long. */
static void timer_over(evutil_socket_t fd, short what, void *channel)
{
    (void)fd, (void)what;
    channel_doom(channel, ERR_TIMEOUT);
}

struct channel *channel_new(struct endpoint *e)
{
    struct transport *t = e->transport;
    struct channel *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->number = t->last_number + 1;
    c->endpoint = e;
    HASH_ADD(by_number, t->numbers, number, sizeof c->number, c);
    if (!c->by_number.tbl) {
        free(c);
        return NULL;
    }
    t->last_number++;
    queue_init(&c->queue);
    evtimer_assign(&c->timer, t->base, timer_over, c);
    TAILQ_INSERT_TAIL(&t->channels, c, in_transport);
    TAILQ_INSERT_TAIL(&e->channels, c, in_endpoint);
    t->n_channels++;
    e->n_channels++;
    return c;
}

void channel_opened(struct channel *c)
{
    struct endpoint *e = c->endpoint;

    c->state = CHANNEL_OPEN;
    c->opened = true;
    e->transport->statistics.channels_opened++;
    if (e->handler.opened && !e->transport->silent)
        e->handler.opened(e->handler.context, c);
}

bool channel_set_peers(struct channel *c, const struct address *peers, size_t n, uint16_t port)
{
    struct address *copy = malloc(n ? n * sizeof *copy : 1);

    if (!copy)
        return false;
    if (n)
        memcpy(copy, peers, n * sizeof *copy);
    free(c->peers);
    c->peers = copy;
    c->n_peers = n;
    c->peer_port = port;
    return true;
}

void channel_doom(struct channel *c, int reason)
{
    struct transport *t = c->endpoint->transport;

    if (c->state >= CHANNEL_DOOMED)
        return;
    c->state = CHANNEL_DOOMED;
    c->reason = reason;
    queue_clear(&c->queue);
    TAILQ_INSERT_TAIL(&t->doomed, c, in_doomed);
    event_active(&t->deferred, 0, 0);
}

static void endpoint_destroy(struct endpoint *e);

/* Takes the channel out of everything; its memory stays until bury_dead(). */
static void channel_destroy(struct channel *c, bool tell)
{
    struct endpoint *e = c->endpoint;
    struct transport *t = e->transport;

    if (c->state == CHANNEL_DOOMED)
        TAILQ_REMOVE(&t->doomed, c, in_doomed);
    c->state = CHANNEL_DEAD;
    event_del(&c->timer);
    admission_give(c);
    e->ops->release(c);
    queue_clear(&c->queue);
    partial_clear(c);
    TAILQ_REMOVE(&t->channels, c, in_transport);
    TAILQ_REMOVE(&e->channels, c, in_endpoint);
    t->n_channels--;
    e->n_channels--;
    t->statistics.channels_closed += c->opened;
    if (tell && e->handler.closed && !t->silent)
        e->handler.closed(e->handler.context, c, c->reason);
    HASH_DELETE(by_number, t->numbers, c);
    c->next_dead = t->dead_channels;
    t->dead_channels = c;
    event_active(&t->deferred, 0, 0);
    if (e->single && !e->dead)
        endpoint_destroy(e);
}

void channel_forget(struct channel *c)
{
    channel_destroy(c, false);
}

static void bury_dead(struct transport *t)
{
    while (t->dead_channels) {
        struct channel *c = t->dead_channels;
        t->dead_channels = c->next_dead;
        free(c->peers);
        free(c);
    }
    while (t->dead_endpoints) {
        struct endpoint *e = t->dead_endpoints;
        t->dead_endpoints = e->next_dead;
        free(e->addresses);
        free(e);
    }
}

static void deferred(evutil_socket_t fd, short what, void *transport)
{
    struct transport *t = transport;
    struct channel *c;

    (void)fd, (void)what;
    while ((c = TAILQ_FIRST(&t->doomed)))
        channel_destroy(c, true);
    bury_dead(t);
}

static void linger(struct channel *c)
{
    const struct timeval limit = {.tv_sec = CLOSE_LINGER_MS / 1000};

    c->state = CHANNEL_CLOSING;
    partial_clear(c);
    evtimer_add(&c->timer, &limit);
}

void channel_drained(struct channel *c)
{
    if (c->state == CHANNEL_CLOSING && !c->shut && queue_is_empty(&c->queue)) {
        c->shut = true;
        c->endpoint->ops->shutdown(c);
    }
}

void channel_peer_ending(struct channel *c)
{
    if (c->state >= CHANNEL_DOOMED)
        return;
    queue_clear(&c->queue);
    c->shut = true;
    linger(c);
}

void channel_deliver(struct channel *c, uint32_t ppid, struct octets message)
{
    struct transport *t = c->endpoint->transport;

    if (c->state != CHANNEL_OPEN)
        return;
    if (c->silent)
        admission_spoke(c);
    t->statistics.messages_received++;
    t->statistics.octets_received += message.length;
    if (!t->silent)
        c->endpoint->handler.message(c->endpoint->handler.context, c, ppid, message);
}

int channel_send(struct channel *c, uint32_t ppid, struct octets message)
{
    struct transport_statistics *s = &c->endpoint->transport->statistics;
    int rc;

    if (c->state != CHANNEL_OPEN)
        return ERR_CLOSED;
    if (message.length == 0 || message.length > UINT32_MAX / 2)
        return ERR_ARGUMENT;
    rc = c->endpoint->ops->send(c, ppid, message);
    if (rc == ERR_OK) {
        s->messages_sent++;
        s->octets_sent += message.length;
    } else if (rc != ERR_TOO_LONG && c->state == CHANNEL_OPEN) {
        s->queues_overflowed += rc == ERR_LIMIT;
        channel_doom(c, rc);
    }
    return rc;
}

void channel_close(struct channel *c)
{
    if (c->state == CHANNEL_CONNECTING) {
        channel_doom(c, ERR_OK);
    } else if (c->state == CHANNEL_OPEN) {
        linger(c);
        channel_drained(c);
    }
}

uint64_t channel_number(const struct channel *c)
{
    return c->number;
}

struct channel *transport_find(struct transport *t, uint64_t number)
{
    struct channel *c;

    HASH_FIND(by_number, t->numbers, &number, sizeof number, c);
    return c;
}

static bool is_multipath(const struct channel *c)
{
    return c->endpoint->kind == TRANSPORT_MPTCP && c->tcp.multipath;
}

/* Subflows come and go without a word to the socket's owner. */
static void refresh_peers(const struct channel *c)
{
    if (is_multipath(c))
        mptcp_load_peers((struct channel *)c);
}

enum transport_kind channel_kind(const struct channel *c)
{
    return is_multipath(c) || c->endpoint->kind != TRANSPORT_MPTCP ? c->endpoint->kind : TRANSPORT_TCP;
}

struct endpoint *channel_endpoint(const struct channel *c)
{
    return c->endpoint;
}

size_t channel_peers(const struct channel *c, struct address *out, size_t max, uint16_t *port)
{
    size_t n;

    refresh_peers(c);
    n = c->n_peers < max ? c->n_peers : max;
    if (n)
        memcpy(out, c->peers, n * sizeof *out);
    if (port)
        *port = c->peer_port;
    return n;
}

static bool is_listed(const struct channel *c, const struct address *a)
{
    for (size_t i = 0; i < c->n_peers; i++)
        if (address_equal(&c->peers[i], a))
            return true;
    return false;
}

bool channel_has_peer(const struct channel *c, const struct address *a)
{
    if (is_listed(c, a))
        return true;
    refresh_peers(c);
    return is_multipath(c) && is_listed(c, a);
}

const char *channel_describe(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8])
{
    static const struct address none;
    char text[ADDRESS_TEXT_MAX];

    address_format_port(c->n_peers ? &c->peers[0] : &none, c->peer_port, text);
    snprintf(out, ADDRESS_TEXT_MAX + 8, "%.7s %s", is_multipath(c) ? "mptcp" : c->endpoint->ops->name, text);
    return out;
}

void channel_set_context(struct channel *c, void *context)
{
    c->context = context;
}

void *channel_context(const struct channel *c)
{
    return c->context;
}

struct channel *transport_channel_next(const struct transport *t, const struct channel *c)
{
    return c ? TAILQ_NEXT(c, in_transport) : TAILQ_FIRST(&t->channels);
}

/* --- endpoints
 * --------------------------------------------------------------------------------------------------- */

static struct endpoint *endpoint_new(struct transport *t, const struct endpoint_options *o)
{
    struct endpoint *e = calloc(1, sizeof *e);

    if (!e)
        return NULL;
    e->transport = t;
    e->ops = kinds[o->kind];
    e->kind = o->kind;
    e->handler = o->handler;
    e->port = o->port;
    e->max_channels = o->max_channels ? o->max_channels : DEFAULT_CHANNELS;
    e->max_per_peer = o->max_per_peer;
    e->silent_ms = o->silent_ms;
    e->max_message = o->max_message ? o->max_message : DEFAULT_MESSAGE;
    e->max_queued = o->max_queued ? o->max_queued : DEFAULT_QUEUED;
    e->idle_ms = o->idle_ms ? o->idle_ms : DEFAULT_IDLE_MS;
    e->stay = o->stay;
    TAILQ_INIT(&e->channels);
    admission_start(e);
    if (o->n_addresses) {
        e->addresses = malloc(o->n_addresses * sizeof *e->addresses);
        if (!e->addresses) {
            free(e);
            return NULL;
        }
        memcpy(e->addresses, o->addresses, o->n_addresses * sizeof *e->addresses);
        e->n_addresses = o->n_addresses;
    }
    TAILQ_INSERT_TAIL(&t->endpoints, e, in_transport);
    return e;
}

static void endpoint_destroy(struct endpoint *e)
{
    struct transport *t = e->transport;
    struct channel *c;

    if (e->dead)
        return;
    e->dead = true;
    /* First the sockets: an SCTP socket ends its associations by itself, and in order. */
    e->ops->close(e);
    while ((c = TAILQ_FIRST(&e->channels)))
        channel_destroy(c, true);
    admission_stop(e);
    TAILQ_REMOVE(&t->endpoints, e, in_transport);
    e->next_dead = t->dead_endpoints;
    t->dead_endpoints = e;
    event_active(&t->deferred, 0, 0);
}

struct endpoint *transport_listen(struct transport *t, const struct endpoint_options *o, int *error,
                                  char *detail)
{
    struct endpoint *e;

    if (detail)
        *detail = '\0';
    *error = ERR_ARGUMENT;
    if ((unsigned)o->kind >= sizeof kinds / sizeof kinds[0] || !o->handler.message ||
        (o->kind != TRANSPORT_SCTP && !o->handler.frame))
        return NULL;
    *error = ERR_MEMORY;
    e = endpoint_new(t, o);
    if (!e)
        return NULL;
    *error = e->ops->listen(e, o, detail);
    if (*error == ERR_OK)
        return e;
    endpoint_destroy(e);
    return NULL;
}

void endpoint_close(struct endpoint *e)
{
    endpoint_destroy(e);
}

uint16_t endpoint_port(const struct endpoint *e)
{
    return e->port;
}

enum transport_kind endpoint_kind(const struct endpoint *e)
{
    return e->kind;
}

size_t endpoint_addresses(const struct endpoint *e, struct address *out, size_t max)
{
    struct interface_address *list;
    size_t n, used = 0;

    for (; used < e->n_addresses && used < max; used++)
        out[used] = e->addresses[used];
    if (e->n_addresses)
        return used;
    list = interface_addresses(&n);
    for (size_t i = 0; i < n && used < max; i++)
        if (list[i].up && !address_is_loopback(&list[i].address) && !address_is_link_local(&list[i].address))
            out[used++] = list[i].address;
    free(list);
    return used;
}

struct channel *endpoint_connect(struct endpoint *e, const struct address *addresses, size_t n, uint16_t port,
                                 int *error)
{
    struct channel *c;

    *error = ERR_ARGUMENT;
    if (n == 0)
        return NULL;
    *error = ERR_LIMIT;
    if (e->n_channels >= e->max_channels)
        return NULL;
    *error = ERR_MEMORY;
    c = channel_new(e);
    if (!c)
        return NULL;
    *error = e->ops->connect(c, addresses, n, port);
    if (*error == ERR_OK)
        return c;
    channel_forget(c);
    return NULL;
}

struct channel *transport_connect(struct transport *t, enum transport_kind kind,
                                  const struct address *addresses, size_t n, uint16_t port,
                                  const struct transport_handler *handler, int *error)
{
    struct endpoint_options o = {.kind = kind, .max_channels = 1, .handler = *handler};
    struct endpoint *e;

    *error = ERR_ARGUMENT;
    if ((unsigned)kind >= sizeof kinds / sizeof kinds[0] || n == 0)
        return NULL;
    *error = ERR_MEMORY;
    e = endpoint_new(t, &o);
    if (!e)
        return NULL;
    e->single = true;
    *error = e->ops->listen(e, NULL, NULL);
    if (*error != ERR_OK) {
        endpoint_destroy(e);
        return NULL;
    }
    /* On failure the channel takes the endpoint with it. */
    return endpoint_connect(e, addresses, n, port, error);
}

/* --- transport
 * --------------------------------------------------------------------------------------------------- */

struct transport *transport_new(struct event_base *base)
{
    struct transport *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->base = base;
    t->stay.fd = -1;
    TAILQ_INIT(&t->endpoints);
    TAILQ_INIT(&t->channels);
    TAILQ_INIT(&t->doomed);
    event_assign(&t->deferred, base, -1, 0, deferred, t);
    t->receive = malloc((size_t)RECEIVE_SLOTS * RECEIVE_SLOT);
    t->cork = malloc(CORK_MAX);
    t->batch = association_batch_new(t->receive);
    t->outbox = association_outbox_new(t->cork, CORK_MAX);
    if (!t->receive || !t->cork || !t->batch || !t->outbox) {
        transport_free(t);
        return NULL;
    }
    return t;
}

void transport_free(struct transport *t)
{
    struct endpoint *e;

    if (!t)
        return;
    t->silent = true;
    while ((e = TAILQ_FIRST(&t->endpoints)))
        endpoint_destroy(e);
    event_del(&t->deferred);
    bury_dead(t);
    free(t->receive);
    free(t->cork);
    free(t->batch);
    free(t->outbox);
    free(t);
}

const struct transport_statistics *transport_statistics(const struct transport *t)
{
    return &t->statistics;
}

uint32_t transport_channels(const struct transport *t)
{
    return t->n_channels;
}
