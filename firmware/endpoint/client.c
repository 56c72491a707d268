/* SPDX-License-Identifier: BSD-3-Clause */
/* The channel to the home registrar: opened, lost, opened to the next one; and messages handed to who waits
 * for them. */
#include "endpoint/internal.h"

#include <stdlib.h>

enum { REQUEST_MS = 15000, ATTEMPTS = 2, RECONNECT_MS = 1000 }; /* RFC 5352, 7.1 and 7.3 */

void client_event(struct pool_client *c, const struct pool_event *e)
{
    if (c->options.event)
        c->options.event(c->options.context, e);
}

void client_arm(struct event *timer, uint32_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(timer, &tv);
}

int client_send_over(struct pool_client *c, struct channel *channel, const struct wire_message *m)
{
    int n = wire_write(m, c->buffer, sizeof c->buffer);
    if (n < 0)
        return n;
    return channel_send(channel, WIRE_PPID_ASAP, octets_of(c->buffer, (size_t)n));
}

int client_send(struct pool_client *c, const struct wire_message *m)
{
    return c->connected ? client_send_over(c, c->channel, m) : ERR_CLOSED;
}

bool message_cause(const struct wire_message *m, uint16_t *cause)
{
    struct octets error = m->error, information;
    return (m->present & WIRE_HAS_ERROR) && wire_cause_next(&error, cause, &information);
}

int pool_cause_result(uint16_t cause)
{
    static const struct {
        uint16_t cause;
        int result;
    } rows[] = {
        {WIRE_CAUSE_UNRECOGNIZED_PARAMETER, ERR_UNRECOGNIZED},
        {WIRE_CAUSE_UNRECOGNIZED_MESSAGE, ERR_UNRECOGNIZED},
        {WIRE_CAUSE_INVALID_VALUES, ERR_MALFORMED},
        {WIRE_CAUSE_NON_UNIQUE_PE_IDENTIFIER, ERR_EXISTS},
        {WIRE_CAUSE_INCONSISTENT_POLICY, ERR_POLICY},
        {WIRE_CAUSE_LACK_OF_RESOURCES, ERR_OVERLOAD},
        {WIRE_CAUSE_INCONSISTENT_TRANSPORT, ERR_TRANSPORT},
        {WIRE_CAUSE_INCONSISTENT_DATA_CONTROL, ERR_TRANSPORT_USE},
        {WIRE_CAUSE_UNKNOWN_POOL_HANDLE, ERR_NOT_FOUND},
        {WIRE_CAUSE_SECURITY, ERR_DENIED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].cause == cause)
            return rows[i].result;
    return ERR_IO;
}

/* --- the channel
 * ------------------------------------------------------------------------------------------------- */

static void on_opened(void *context, struct channel *channel)
{
    struct pool_client *c = context;

    if (channel != c->channel)
        return; /* a registrar calls: what it wants it says in a keep-alive */
    c->connected = true;
    registrations_connected(c);
    requests_connected(c);
    client_event(
        c, &(struct pool_event){.kind = POOL_CONNECTED}); /* last: what is asked for in it is sent once */
}

static void lost(struct pool_client *c, int reason)
{
    if (c->abandoned)
        reason = c->abandoned;
    c->abandoned = 0;
    c->channel = NULL;
    c->connected = false;
    c->home = 0;
    c->registrar = (c->registrar + 1) % c->options.n_registrars;
    registrations_disconnected(c);
    if (!c->closing)
        client_arm(c->reconnect, c->options.reconnect_ms);
    if (c->closing)
        reason = 0;
    else if (reason == 0)
        reason = ERR_CLOSED;
    client_event(c, &(struct pool_event){.kind = POOL_DISCONNECTED, .result = reason});
}

void client_abandon(struct pool_client *c, int reason)
{
    if (!c->channel || c->abandoned || c->closing)
        return;
    c->abandoned = reason;
    channel_close(c->channel);
}

static void on_closed(void *context, struct channel *channel, int reason)
{
    struct pool_client *c = context;
    if (channel == c->channel)
        lost(c, reason);
}

static void on_error(struct pool_client *c, const struct wire_message *m)
{
    struct pool_event e = {.kind = POOL_ERROR, .result = ERR_IO};
    e.has_cause = message_cause(m, &e.cause);
    if (e.has_cause)
        e.result = pool_cause_result(e.cause);
    client_event(c, &e);
}

static void on_message(void *context, struct channel *channel, uint32_t ppid, struct octets octets)
{
    struct pool_client *c = context;
    struct wire_message m;
    struct wire_fault fault;

    if (channel_kind(channel) == TRANSPORT_SCTP && ppid != WIRE_PPID_ASAP)
        return;
    int result = wire_parse(WIRE_ASAP, octets.data, octets.length, &m, &fault);
    if (result) {
        struct pool_event e = {.kind = POOL_ERROR, .result = result, .cause = fault.cause, .has_cause = true};
        client_event(c, &e);
        return;
    }
    switch (m.type) {
    case ASAP_REGISTRATION_RESPONSE:
        registration_response(c, &m);
        break;
    case ASAP_DEREGISTRATION_RESPONSE:
        deregistration_response(c, &m);
        break;
    case ASAP_HANDLE_RESOLUTION_RESPONSE:
        resolution_response(c, &m);
        break;
    case ASAP_ENDPOINT_KEEP_ALIVE:
        keep_alive(c, channel, &m);
        break;
    case ASAP_ERROR:
        on_error(c, &m);
        break;
    default:
        break; /* not for a client: RFC 5352 has no answer to it */
    }
}

static struct transport_handler handler_of(struct pool_client *c)
{
    return (struct transport_handler){
        .context = c, .opened = on_opened, .message = on_message, .closed = on_closed, .frame = wire_frame};
}

static int connect_to_registrar(struct pool_client *c)
{
    const struct pool_registrar *r = &c->options.registrars[c->registrar];
    struct transport_handler handler = handler_of(c);
    int error = 0;

    if (c->endpoint)
        c->channel = endpoint_connect(c->endpoint, r->addresses, r->n_addresses, r->port, &error);
    else
        c->channel = transport_connect(c->transport, c->options.kind, r->addresses, r->n_addresses, r->port,
                                       &handler, &error);
    return c->channel ? 0 : error;
}

static void on_reconnect(evutil_socket_t fd, short what, void *context)
{
    struct pool_client *c = context;
    (void)fd;
    (void)what;
    if (c->channel)
        return;
    int error = connect_to_registrar(c);
    if (error)
        lost(c, error);
}

/* --- life
 * ----------------------------------------------------------------------------------------------------------
 */

static void set_defaults(struct pool_client_options *o)
{
    if (!o->request_ms)
        o->request_ms = REQUEST_MS;
    if (!o->attempts)
        o->attempts = ATTEMPTS;
    if (!o->reconnect_ms)
        o->reconnect_ms = RECONNECT_MS;
}

/* An endpoint of its own, so that a registrar that takes over can call it. */
static int open_endpoint(struct pool_client *c, char *detail)
{
    int error = 0;
    struct endpoint_options o = {.kind = TRANSPORT_SCTP,
                                 .addresses = c->options.local,
                                 .n_addresses = c->options.n_local,
                                 .handler = handler_of(c)};
    c->endpoint = transport_listen(c->transport, &o, &error, detail);
    return c->endpoint ? 0 : error;
}

struct pool_client *pool_client_new(struct event_base *base, struct transport *transport,
                                    const struct pool_client_options *options, int *error, char *detail)
{
    if (options->n_registrars == 0 || options->n_registrars > POOL_REGISTRARS_MAX) {
        *error = ERR_ARGUMENT;
        return NULL;
    }
    struct pool_client *c = calloc(1, sizeof *c);
    *error = ERR_MEMORY;
    if (!c)
        return NULL;
    c->options = *options;
    set_defaults(&c->options);
    c->base = base;
    c->transport = transport;
    TAILQ_INIT(&c->registrations);
    TAILQ_INIT(&c->requests);
    if (!(c->reconnect = evtimer_new(base, on_reconnect, c)))
        goto out;
    if (options->kind == TRANSPORT_SCTP && (*error = open_endpoint(c, detail)) != 0)
        goto out;
    c->options.local = NULL; /* the caller's; not needed again */
    if ((*error = connect_to_registrar(c)) != 0)
        goto out;
    return c;
out:
    pool_client_free(c);
    return NULL;
}

void pool_client_free(struct pool_client *c)
{
    if (!c)
        return;
    struct channel *channel = c->channel;
    c->channel = NULL; /* so that on_closed does not reconnect */
    c->connected = false;
    c->options.event = NULL;
    if (c->endpoint)
        endpoint_close(c->endpoint);
    else if (channel)
        endpoint_close(channel_endpoint(channel));
    registrations_free(c);
    requests_free(c);
    if (c->reconnect)
        event_free(c->reconnect);
    free(c);
}

void pool_client_close(struct pool_client *c)
{
    c->closing = true;
    event_del(c->reconnect);
    if (c->channel)
        channel_close(c->channel);
    else
        client_event(c, &(struct pool_event){.kind = POOL_DISCONNECTED});
}

bool pool_client_connected(const struct pool_client *c)
{
    return c->connected;
}

uint32_t pool_client_home(const struct pool_client *c)
{
    return c->home;
}
