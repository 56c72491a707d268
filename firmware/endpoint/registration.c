/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool element's side: registration, renewal, deregistration, keep-alives (RFC 5352, 3.1, 3.2, 3.4). */
#include "endpoint/internal.h"

#include <stdlib.h>

enum { T4_MS = 600 * 1000, T4_BEFORE_END_MS = 20 * 1000 }; /* RFC 5352, 7.1 */

enum state {
    IDLE,        /* no connection, or refused */
    REGISTERING, /* timer: T2 */
    REGISTERED,  /* timer: T4 */
    ENDING,      /* timer: T3 */
};

struct pool_registration {
    TAILQ_ENTRY(pool_registration) entry;
    struct pool_client *client;
    struct event *timer;
    enum state state;
    bool refused, was_registered, end_wanted;
    uint32_t attempts, renew_ms;
    void *context;
    struct octets handle;
    struct wire_pool_element element; /* its views point into `kept` */
    uint8_t kept[];
};

static void event_of(struct pool_registration *r, struct pool_event e)
{
    e.registration = r;
    client_event(r->client, &e);
}

static void registration_free(struct pool_registration *r)
{
    TAILQ_REMOVE(&r->client->registrations, r, entry);
    if (r->timer)
        event_free(r->timer);
    free(r);
}

static void send_registration(struct pool_registration *r)
{
    struct wire_message m = {.type = ASAP_REGISTRATION,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT,
                             .pool_handle = r->handle,
                             .element = r->element};
    m.element.home_registrar = r->client->home;
    r->state = REGISTERING;
    r->attempts++;
    if (client_send(r->client, &m) == 0)
        client_arm(r->timer, r->client->options.request_ms);
}

static void send_deregistration(struct pool_registration *r)
{
    struct wire_message m = {.type = ASAP_DEREGISTRATION,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
                             .pool_handle = r->handle,
                             .pe_identifier = r->element.identifier};
    r->state = ENDING;
    r->attempts++;
    if (client_send(r->client, &m) == 0)
        client_arm(r->timer, r->client->options.request_ms);
}

static void ended(struct pool_registration *r, struct pool_event e)
{
    e.kind = POOL_DEREGISTERED;
    event_of(r, e);
    registration_free(r);
}

static void start(struct pool_registration *r)
{
    r->attempts = 0;
    event_del(r->timer);
    if (r->end_wanted)
        send_deregistration(r);
    else
        send_registration(r);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct pool_registration *r = context;
    (void)fd;
    (void)what;
    if (r->state == REGISTERED) {
        r->attempts = 0;
        send_registration(r);
    } else if (r->attempts < r->client->options.attempts) {
        r->state == ENDING ? send_deregistration(r) : send_registration(r);
    } else if (r->state == ENDING) {
        ended(r, (struct pool_event){.result = ERR_TIMEOUT});
    } else {
        client_abandon(r->client, ERR_TIMEOUT);
    }
}

/* 20 seconds before the end, but never later than half of a short life. */
static uint32_t renewal_of(int32_t life_seconds)
{
    if (life_seconds < 0)
        return T4_MS;
    uint64_t life = (uint64_t)life_seconds * 1000;
    uint64_t before = life > 2 * T4_BEFORE_END_MS ? life - T4_BEFORE_END_MS : life / 2;
    return before < T4_MS ? (uint32_t)before : T4_MS;
}

static struct octets keep(uint8_t **at, struct octets o)
{
    if (o.length)
        memcpy(*at, o.data, o.length);
    *at += o.length;
    return octets_of(*at - o.length, o.length);
}

/* What the element points to, in the order in which it is copied. */
enum { VIEWS = 5 };
static void views_of(struct wire_pool_element *e, struct octets *views[VIEWS])
{
    views[0] = &e->user.addresses;
    views[1] = &e->user.opaque;
    views[2] = &e->policy.other;
    views[3] = &e->asap.addresses;
    views[4] = &e->asap.opaque;
}

struct pool_registration *pool_client_register(struct pool_client *c, struct octets pool_handle,
                                               const struct wire_pool_element *element, uint32_t renew_ms,
                                               void *context)
{
    struct wire_pool_element copy = *element;
    struct octets *views[VIEWS];
    size_t size = pool_handle.length;

    views_of(&copy, views);
    for (unsigned i = 0; i < VIEWS; i++)
        size += views[i]->length;
    struct pool_registration *r = calloc(1, sizeof *r + size);
    if (!r || !(r->timer = evtimer_new(c->base, on_timer, r))) {
        free(r);
        return NULL;
    }
    uint8_t *at = r->kept;
    r->handle = keep(&at, pool_handle);
    for (unsigned i = 0; i < VIEWS; i++)
        *views[i] = keep(&at, *views[i]);
    copy.parameter = (struct octets){0};
    r->element = copy;
    r->client = c;
    r->context = context;
    r->renew_ms = renew_ms ? renew_ms : renewal_of(element->registration_life);
    TAILQ_INSERT_TAIL(&c->registrations, r, entry);
    if (c->connected)
        start(r);
    return r;
}

void pool_registration_update(struct pool_registration *r, const struct wire_policy *policy)
{
    struct octets other = r->element.policy.other;
    r->element.policy = *policy;
    r->element.policy.other = other; /* private to a policy that this library does not know */
    r->refused = false;
    if (r->client->connected && !r->end_wanted)
        start(r);
}

/* Not from within the call, whose maker does not expect its registration to be gone. */
static void give_up_soon(struct pool_registration *r)
{
    r->state = ENDING;
    r->attempts = r->client->options.attempts;
    client_arm(r->timer, 0);
}

void pool_registration_end(struct pool_registration *r)
{
    if (r->end_wanted)
        return;
    r->end_wanted = true;
    if (r->client->connected)
        start(r);
    else
        give_up_soon(r);
}

void pool_client_each(struct pool_client *c, void (*visit)(struct pool_registration *r))
{
    struct pool_registration *r, *next;
    TAILQ_FOREACH_SAFE(r, &c->registrations, entry, next)
    visit(r);
}

uint32_t pool_registration_identifier(const struct pool_registration *r)
{
    return r->element.identifier;
}

struct octets pool_registration_handle(const struct pool_registration *r)
{
    return r->handle;
}

void *pool_registration_context(const struct pool_registration *r)
{
    return r->context;
}

/* --- the connection
 * ------------------------------------------------------------------------------------------------ */

void registrations_connected(struct pool_client *c)
{
    struct pool_registration *r;
    TAILQ_FOREACH(r, &c->registrations, entry)
    if (!r->refused)
        start(r);
}

/* An element that was to be deregistered ends here: its registrar will find it gone. */
void registrations_disconnected(struct pool_client *c)
{
    struct pool_registration *r, *next;
    TAILQ_FOREACH_SAFE(r, &c->registrations, entry, next)
    {
        event_del(r->timer);
        r->state = IDLE;
        if (r->end_wanted)
            ended(r, (struct pool_event){.result = ERR_CLOSED});
    }
}

void registrations_free(struct pool_client *c)
{
    while (!TAILQ_EMPTY(&c->registrations))
        registration_free(TAILQ_FIRST(&c->registrations));
}

/* --- what the registrar says
 * --------------------------------------------------------------------------------------- */

static struct pool_registration *find(struct pool_client *c, const struct wire_message *m)
{
    struct pool_registration *r;
    TAILQ_FOREACH(r, &c->registrations, entry)
    if (r->element.identifier == m->pe_identifier && octets_equal(r->handle, m->pool_handle))
        return r;
    return NULL;
}

void registration_response(struct pool_client *c, const struct wire_message *m)
{
    struct pool_registration *r = find(c, m);
    struct pool_event e = {.kind = POOL_REGISTERED};

    if (!r || r->state != REGISTERING)
        return;
    e.has_cause = message_cause(m, &e.cause);
    event_del(r->timer);
    if (m->flags & ASAP_FLAG_REJECT) {
        r->state = IDLE;
        r->refused = true;
        e.kind = POOL_REFUSED;
        e.result = e.has_cause ? pool_cause_result(e.cause) : ERR_DENIED;
    } else {
        e.renewed = r->was_registered;
        r->state = REGISTERED;
        r->was_registered = true;
        client_arm(r->timer, r->renew_ms);
    }
    event_of(r, e);
}

void deregistration_response(struct pool_client *c, const struct wire_message *m)
{
    struct pool_registration *r = find(c, m);
    struct pool_event e = {0};

    if (!r)
        return;
    e.has_cause = message_cause(m, &e.cause);
    e.result = e.has_cause ? pool_cause_result(e.cause) : 0;
    e.unasked = !r->end_wanted; /* the registration's life was over (RFC 5352, 2.2.4) */
    ended(r, e);
}

static void acknowledge(struct pool_registration *r, struct channel *channel, uint32_t registrar)
{
    struct wire_message m = {.type = ASAP_ENDPOINT_KEEP_ALIVE_ACK,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
                             .pool_handle = r->handle,
                             .pe_identifier = r->element.identifier};
    if (client_send_over(r->client, channel, &m) == 0)
        event_of(r, (struct pool_event){.kind = POOL_KEEP_ALIVE, .registrar = registrar});
}

static void adopt(struct pool_client *c, struct channel *channel, uint32_t registrar)
{
    if (c->home == registrar && c->channel == channel)
        return;
    struct channel *old = c->channel;
    bool was_connected = c->connected;
    if (old != channel)
        c->abandoned = 0; /* that was the old one's */
    c->channel = channel;
    c->connected = true;
    c->home = registrar;
    event_del(c->reconnect);
    if (old && old != channel)
        channel_close(old);
    client_event(c, &(struct pool_event){.kind = POOL_HOME, .registrar = registrar});
    if (!was_connected) { /* timers stood still */
        registrations_connected(c);
        requests_connected(c);
    }
}

/* RFC 5352, 3.4. One that names no element (RFC) is answered for each element that this client has in the
 * pool. */
void keep_alive(struct pool_client *c, struct channel *channel, const struct wire_message *m)
{
    struct pool_registration *r, *next;
    bool any = m->present & WIRE_HAS_PE_IDENTIFIER, mine = false;

    TAILQ_FOREACH_SAFE(r, &c->registrations, entry, next)
    {
        if (!octets_equal(r->handle, m->pool_handle) || (any && r->element.identifier != m->pe_identifier))
            continue;
        mine = true;
        if (!c->options.silent)
            acknowledge(r, channel, m->registrar);
    }
    if (mine && (m->flags & ASAP_FLAG_HOME) && !c->options.silent)
        adopt(c, channel, m->registrar);
}
