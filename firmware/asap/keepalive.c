/* SPDX-License-Identifier: BSD-3-Clause */
/* Is the element there? Keep-alives, their answers, unreachable reports, and what is due (RFC 5352, 3.4
 * and 3.5). */
#include "asap/internal.h"

enum { TICK_MAX = 1000 };

static uint64_t next_random(struct asap *a)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return a->random;
}

bool asap_owns(const struct asap *a, const struct pool_element *e)
{
    return pool_element_owner(e) == a->settings.registrar;
}

/* RFC 5352, 3.5: the interval is varied by +-50 %, so that many elements do not make a burst. */
void asap_keep_alive_start(struct asap *a, struct pool_element *e, uint64_t now_ms)
{
    uint64_t interval = a->settings.keep_alive_interval_ms;

    pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE,
                              now_ms + interval / 2 + next_random(a) % (interval + 1));
}

static void await_ack(struct asap *a, struct pool_element *e, uint64_t now_ms)
{
    pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE_TIMEOUT,
                              now_ms + a->settings.keep_alive_timeout_ms);
}

/* An association to the element's ASAP transport: one that is there, or a new one. NULL when there is no way.
 */
static struct asap_client *reach(struct asap *a, const struct pool_element *e, uint64_t now_ms)
{
    struct wire_pool_element element;
    struct address addresses[ASAP_ADDRESSES_MAX];
    struct asap_client *client;
    struct channel *c;
    size_t n;

    pool_element_decode(e, &element);
    if (element.asap.type != WIRE_SCTP)
        return NULL;
    n = asap_unpack_addresses(element.asap.addresses, addresses, ASAP_ADDRESSES_MAX);
    client = asap_client_at(a, addresses, n, element.asap.port);
    if (client || n == 0 || !a->link.connect)
        return client;
    c = a->link.connect(a->link.context, addresses, n, element.asap.port);
    if (!c)
        return NULL;
    client = a->link.client(c);
    if (!client)
        client = asap_client_new(a, c, now_ms);
    if (client)
        asap_client_place(a, client, &addresses[0], element.asap.port);
    else
        a->link.close(c);
    return client;
}

/* Sends a keep-alive by the element's channel, or by a new one to its ASAP transport; in any case its time
 * runs. */
void asap_probe(struct asap *a, struct pool_element *e, uint8_t flags, uint64_t now_ms)
{
    struct channel *c = a->link.find(a->link.context, pool_element_channel(e));
    struct asap_client *client = c ? a->link.client(c) : NULL;

    await_ack(a, e, now_ms);
    if (!client) {
        client = reach(a, e, now_ms);
        if (!client)
            return;
        asap_bind(a, client, e);
    }
    if (client->connected)
        asap_send_keep_alive(a, client->channel, e, flags);
    else
        client->probe_flags |= flags;
}

/* Not bound to a channel here, it is sent the H flag when its time has come. */
void asap_adopt(struct asap *a, struct pool_element *e, uint64_t at_ms)
{
    struct wire_pool_element element;

    pool_element_decode(e, &element);
    pool_element_set_channel(e, 0);
    if (element.asap.type == WIRE_SCTP)
        pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE, at_ms);
}

/* --- claims
 * -------------------------------------------------------------------------------------------------------------
 */

bool asap_unclaim(struct asap *a, struct pool_element *e)
{
    uint64_t key = asap_key(e);

    for (uint32_t i = 0; i < a->n_claims; i++)
        if (a->claims[i].key == key) {
            a->claims[i] = a->claims[--a->n_claims];
            return true;
        }
    return false;
}

static void forget_old_claims(struct asap *a, uint64_t now_ms)
{
    for (uint32_t i = 0; i < a->n_claims;)
        if (a->claims[i].until_ms < now_ms)
            a->claims[i] = a->claims[--a->n_claims];
        else
            i++;
}

void asap_claim(struct asap *a, struct pool_element *e, uint64_t now_ms)
{
    forget_old_claims(a, now_ms);
    if (asap_owns(a, e) || a->n_claims == ASAP_CLAIMS ||
        pool_element_deadline(e, DEADLINE_KEEP_ALIVE_TIMEOUT) != HANDLESPACE_NEVER)
        return;
    a->claims[a->n_claims++] =
        (struct asap_claim){.key = asap_key(e), .until_ms = now_ms + a->settings.keep_alive_timeout_ms};
    asap_probe(a, e, ASAP_FLAG_HOME, now_ms);
}

/* It has not answered: it stays where it is. */
static bool leave_claimed(struct asap *a, struct pool_element *e)
{
    if (!asap_unclaim(a, e) || asap_owns(a, e))
        return false;
    pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE_TIMEOUT, HANDLESPACE_NEVER);
    return true;
}

void asap_lose(struct asap *a, struct pool_element *e, const char *why)
{
    a->statistics.elements_lost++;
    asap_log_element(a, LOG_NOTICE, e, NULL, why);
    handlespace_remove(a->handlespace, e, HANDLESPACE_UNREACHABLE);
}

void asap_keep_alive_ack(const struct asap_call *call)
{
    struct asap *a = call->asap;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    struct pool_element *e = p ? handlespace_find(p, call->in->pe_identifier) : NULL;

    if (!e || !asap_may_change(a, call->channel, e))
        return;
    asap_bind(a, call->client, e);
    if (asap_unclaim(a, e) && !asap_owns(a, e)) {
        asap_log_element(a, LOG_INFO, e, call->channel, "has come here as its registrar suggested");
        handlespace_set_owner(a->handlespace, e, a->settings.registrar);
    }
    if (asap_owns(a, e))
        asap_keep_alive_start(a, e, call->now_ms);
    else
        pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE, HANDLESPACE_NEVER);
}

/* Reports can't be used to flood an element: they make for one keep-alive a second. What is remembered is a
 * small table; two elements that share a place in it may be probed more often. */
static bool may_probe(struct asap *a, const struct pool_element *e, uint64_t now_ms)
{
    uint64_t key = asap_key(e), mixed = (key ^ a->secret) * UINT64_C(0x9e3779b97f4a7c15);
    struct asap_probed *last = &a->probed[mixed >> 54];

    _Static_assert(ASAP_PROBED == 1 << (64 - 54), "the place is of the upper bits");
    if (last->key == key && now_ms - last->at_ms < ASAP_PROBE_INTERVAL_MS)
        return false;
    *last = (struct asap_probed){key, now_ms};
    return true;
}

/* One keep-alive at a time: reports that come while its answer is awaited only count. */
void asap_unreachable(const struct asap_call *call)
{
    struct asap *a = call->asap;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    struct pool_element *e = p ? handlespace_find(p, call->in->pe_identifier) : NULL;
    uint32_t reports;

    if (!e)
        return;
    reports = pool_element_reports(e) + 1;
    pool_element_set_reports(e, reports);
    if (reports > a->settings.max_bad_reports)
        asap_lose(a, e, "reported unreachable too often, removed");
    else if (pool_element_deadline(e, DEADLINE_KEEP_ALIVE_TIMEOUT) == HANDLESPACE_NEVER &&
             may_probe(a, e, call->now_ms))
        asap_probe(a, e, 0, call->now_ms);
}

static void act(struct asap *a, struct pool_element *e, enum handlespace_deadline kind, uint64_t now_ms)
{
    switch (kind) {
    case DEADLINE_REGISTRATION:
        a->statistics.elements_expired++;
        asap_log_element(a, LOG_NOTICE, e, NULL, "registration life over, removed");
        if (asap_owns(a, e))
            asap_send_removed(a, e);
        handlespace_remove(a->handlespace, e, HANDLESPACE_EXPIRED);
        break;
    case DEADLINE_KEEP_ALIVE:
        if (asap_owns(a, e)) /* else it went to another home meanwhile */
            asap_probe(a, e, pool_element_channel(e) ? 0 : ASAP_FLAG_HOME, now_ms);
        break;
    case DEADLINE_KEEP_ALIVE_TIMEOUT:
        if (!leave_claimed(a, e))
            asap_lose(a, e, "keep-alive not answered, removed");
        break;
    }
}

void asap_tick(struct asap *a, uint64_t now_ms)
{
    enum handlespace_deadline kind;
    struct pool_element *e;

    a->now_ms = now_ms;
    for (int i = 0; i < TICK_MAX && (e = handlespace_due(a->handlespace, now_ms, &kind)); i++)
        act(a, e, kind, now_ms);
    asap_notify(a);
}

void asap_opened(struct asap *a, struct channel *c, uint64_t now_ms)
{
    struct asap_client *client = a->link.client(c);
    struct address peer;
    uint16_t port = 0;

    if (!client)
        client = asap_client_new(a, c, now_ms);
    if (!client) {
        a->link.close(c);
        return;
    }
    client->connected = true;
    if (!client->placed && a->link.kind(c) == TRANSPORT_SCTP && a->link.peers(c, &peer, 1, &port) == 1)
        asap_client_place(a, client, &peer, port);
    for (uint32_t i = 0; i < client->n_elements; i++) {
        struct pool_element *e = asap_bound(a, client, i);
        if (e)
            asap_send_keep_alive(a, c, e, client->probe_flags);
    }
    client->probe_flags = 0;
}

/* The association that was opened for a keep-alive did not come about: RFC 5352, 3.5 calls the element
 * unreachable. Of many elements most are probed in the course of an interval. */
static void orphan(struct asap *a, struct asap_client *client, struct pool_element *e, uint64_t now_ms,
                   bool at_once)
{
    pool_element_set_channel(e, 0);
    if (leave_claimed(a, e))
        return;
    if (!client->connected)
        asap_lose(a, e, "can't be reached by its ASAP transport, removed");
    else if (asap_owns(a, e) && at_once)
        asap_probe(a, e, 0, now_ms);
    else if (asap_owns(a, e))
        pool_element_set_deadline(a->handlespace, e, DEADLINE_KEEP_ALIVE,
                                  now_ms + next_random(a) % a->settings.keep_alive_interval_ms);
}

void asap_closed(struct asap *a, struct channel *c, uint64_t now_ms)
{
    struct asap_client *client = a->link.client(c);

    a->now_ms = now_ms;
    if (!client)
        return;
    /* Out of the table first: nobody shall be sent to a channel that is going. */
    if (client->placed) {
        HASH_DELETE(hh, a->places, client);
        client->placed = false;
    }
    for (uint32_t i = 0; i < client->n_elements; i++) {
        struct pool_element *e = asap_bound(a, client, i);
        if (e)
            orphan(a, client, e, now_ms, i < ASAP_BURST || a->link.kind(c) != TRANSPORT_SCTP);
    }
    a->link.set_client(c, NULL);
    asap_client_free(a, client);
}
