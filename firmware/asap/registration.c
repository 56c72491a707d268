/* SPDX-License-Identifier: BSD-3-Clause */
/* Registration and deregistration (RFC 5352, 3.1 and 3.2): who may, with what, and the cause when not. */
#include "asap/internal.h"

/* Where the two transports of a registration are rewritten, and the TLV that a refusal quotes. */
struct registration {
    struct wire_pool_element element;
    struct asap_reject warning; /* for a registration that is accepted, but not as a whole */
    uint8_t user_run[ASAP_RUN_MAX];
    uint8_t asap_run[ASAP_RUN_MAX];
    uint8_t quote[ASAP_RUN_MAX + 64];
};

size_t asap_unpack_addresses(struct octets run, struct address *out, size_t max)
{
    size_t n = 0;

    while (n < max && wire_address_next(&run, &out[n]))
        n++;
    return n;
}

static bool shares_address(struct asap *a, struct channel *c, struct octets run)
{
    struct address address;

    while (wire_address_next(&run, &address))
        if (a->link.has_peer(c, &address))
            return true;
    return false;
}

bool asap_may_change(struct asap *a, struct channel *c, const struct pool_element *e)
{
    struct wire_pool_element element;

    if (pool_element_channel(e) == a->link.number(c))
        return true;
    pool_element_decode(e, &element);
    return shares_address(a, c, element.user.addresses) || shares_address(a, c, element.asap.addresses);
}

static struct octets quote_of(struct registration *r, struct writer *w)
{
    return w->failed ? (struct octets){0} : octets_of(r->quote, writer_used(w));
}

static struct octets quote_transport(struct registration *r, const struct wire_transport *t)
{
    struct writer w = writer_of(r->quote, sizeof r->quote);
    wire_put_transport(&w, t);
    return quote_of(r, &w);
}

static struct octets quote_policy(struct registration *r, const struct wire_policy *p)
{
    struct writer w = writer_of(r->quote, sizeof r->quote);
    wire_put_policy(&w, p);
    return quote_of(r, &w);
}

static bool in_network(const struct asap_network *n, const struct address *a)
{
    size_t whole = n->bits / 8u;
    uint8_t mask = (uint8_t)(0xff00u >> n->bits % 8u);

    return n->address.family == a->family && memcmp(n->address.octets, a->octets, whole) == 0 &&
           (mask == 0 || ((n->address.octets[whole] ^ a->octets[whole]) & mask) == 0);
}

static bool in_networks(const struct asap *a, const struct address *address)
{
    for (size_t i = 0; i < a->settings.n_networks; i++)
        if (in_network(&a->settings.networks[i], address))
            return true;
    return a->settings.n_networks == 0;
}

/*
 * RFC 5352, 2.2.1: the user transport's addresses are a subset of the association's. Real pool elements list
 * every address of their host, also of a family that this association can't have; those are taken out, and a
 * registration of which nothing is left is refused.
 */
static bool keep_own_addresses(const struct asap_call *call, struct registration *r)
{
    const struct wire_transport whole = r->element.user;
    struct octets run = r->element.user.addresses;
    struct writer w = writer_of(r->user_run, sizeof r->user_run);
    struct address address;
    unsigned dropped = 0;

    while (wire_address_next(&run, &address)) {
        if (in_networks(call->asap, &address) && call->asap->link.has_peer(call->channel, &address))
            wire_put_address(&w, &address);
        else
            dropped++;
    }
    if (w.failed || writer_used(&w) == 0)
        return false;
    if (dropped) {
        r->element.user.addresses = octets_of(r->user_run, writer_used(&w));
        call->asap->statistics.addresses_dropped += dropped;
        asap_log_dropped(call, dropped);
        r->warning = (struct asap_reject){.cause = WIRE_CAUSE_INVALID_VALUES,
                                          .information = quote_transport(r, &whole)};
    }
    return true;
}

/* RFC 5352, 3.1: the ASAP transport is what the registration came from, whatever the element wrote there.
 * Over TCP there is none (it MUST be SCTP): believing the element would let it point our keep-alives at
 * others. */
static void fill_asap_transport(const struct asap_call *call, struct registration *r)
{
    struct address peers[ASAP_ADDRESSES_MAX];
    struct writer w = writer_of(r->asap_run, sizeof r->asap_run);
    uint16_t port = 0;
    size_t n;

    r->element.asap = (struct wire_transport){0};
    if (call->asap->link.kind(call->channel) != TRANSPORT_SCTP)
        return;
    n = call->asap->link.peers(call->channel, peers, ASAP_ADDRESSES_MAX, &port);
    for (size_t i = 0; i < n; i++)
        wire_put_address(&w, &peers[i]);
    if (w.failed || n == 0)
        return;
    r->element.asap = (struct wire_transport){
        .type = WIRE_SCTP,
        .port = port,
        .use = WIRE_USE_DATA_ONLY,
        .addresses = octets_of(r->asap_run, writer_used(&w)),
    };
}

static bool life_ok(const struct asap *a, int32_t life)
{
    return life > 0 || life == WIRE_LIFE_FOREVER || (a->settings.compat_rsplib && life != 0);
}

static bool handle_ok(const struct asap *a, struct octets handle)
{
    size_t limit = a->settings.compat_rsplib && a->settings.max_handle_size > ASAP_COMPAT_HANDLE_MAX
                       ? ASAP_COMPAT_HANDLE_MAX
                       : a->settings.max_handle_size;
    return handle.length > 0 && handle.length <= limit;
}

/* What can be judged without the handlespace. False: *reject says why. */
static bool check(const struct asap_call *call, struct registration *r, struct asap_reject *reject)
{
    const struct wire_pool_element *e = &r->element;

    *reject = (struct asap_reject){.cause = WIRE_CAUSE_INVALID_VALUES};
    if (!handle_ok(call->asap, call->in->pool_handle)) {
        reject->why = "pool handle empty or over the limit of length";
    } else if (e->parameter.length > call->asap->settings.max_element_size) {
        reject->why = "pool element over the limit of size";
    } else if (!life_ok(call->asap, e->registration_life)) {
        reject->why = "registration life not positive";
        reject->information = e->parameter;
    } else if (!handlespace_policy_known(e->policy.type)) {
        reject->why = "policy not known here";
        reject->information = quote_policy(r, &e->policy);
    } else if (e->user.type == 0 || (e->user.type != WIRE_OPAQUE && e->user.port == 0)) {
        reject->why = "user transport without a port";
        reject->information = quote_transport(r, &e->user);
    } else if (e->user.type != WIRE_OPAQUE && !keep_own_addresses(call, r)) {
        reject->why = "no address of the user transport belongs to the association and the networks allowed";
        reject->information = quote_transport(r, &e->user);
    } else {
        return true;
    }
    return false;
}

/* The handlespace's verdict as a cause, with what RFC 5354, 3.12 wants quoted: what the pool has. */
static struct asap_reject verdict(const struct asap_call *call, struct registration *r, int error)
{
    struct pool *p = handlespace_find_pool(call->asap->handlespace, call->in->pool_handle);
    struct pool_element *first = p ? handlespace_element_next(p, NULL) : NULL;
    struct wire_pool_element of_pool = {0};
    struct asap_reject reject = {.cause = WIRE_CAUSE_LACK_OF_RESOURCES, .why = error_text(error)};

    if (first)
        pool_element_decode(first, &of_pool);
    switch (error) {
    case ERR_POLICY:
        reject.cause = WIRE_CAUSE_INCONSISTENT_POLICY;
        reject.information = quote_policy(r, &of_pool.policy);
        break;
    case ERR_TRANSPORT:
        reject.cause = WIRE_CAUSE_INCONSISTENT_TRANSPORT;
        reject.information = quote_transport(r, &of_pool.user);
        break;
    case ERR_TRANSPORT_USE:
        reject.cause = WIRE_CAUSE_INCONSISTENT_DATA_CONTROL;
        break;
    case ERR_TOO_LONG:
        reject.cause = WIRE_CAUSE_INVALID_VALUES;
        break;
    default:
        break;
    }
    return reject;
}

/* compat rsplib: the life is unsigned milliseconds on the wire; the handlespace has seconds in both modes. */
static int32_t life_in_seconds(const struct asap *a, int32_t life)
{
    uint32_t ms = (uint32_t)life;

    return !a->settings.compat_rsplib || life == WIRE_LIFE_FOREVER ? life
                                                                   : (int32_t)(ms / 1000 + (ms % 1000 != 0));
}

/* The channel gives up an element that another one takes over. */
static void move_channel(const struct asap_call *call, struct pool_element *e)
{
    struct asap *a = call->asap;
    uint64_t number = pool_element_channel(e);
    struct channel *old =
        number && number != a->link.number(call->channel) ? a->link.find(a->link.context, number) : NULL;
    struct asap_client *old_client = old ? a->link.client(old) : NULL;

    if (old_client)
        asap_unbind(a, old_client, e);
    asap_bind(a, call->client, e);
}

void asap_registration(const struct asap_call *call)
{
    struct asap *a = call->asap;
    struct registration r; /* its runs are not cleared: that would cost more than all the rest */
    uint32_t identifier = call->in->element.identifier;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    struct pool_element *e = p ? handlespace_find(p, identifier) : NULL;
    struct asap_reject reject;
    bool known = e != NULL;
    int error;

    r.element = call->in->element;
    r.warning = (struct asap_reject){0};
    if (e && !asap_may_change(a, call->channel, e)) {
        reject = (struct asap_reject){.cause = WIRE_CAUSE_NON_UNIQUE_PE_IDENTIFIER,
                                      .why = "the identifier is taken by an element of another host"};
        asap_reply_registration(call, identifier, &reject);
        return;
    }
    if (!check(call, &r, &reject)) {
        asap_reply_registration(call, identifier, &reject);
        return;
    }
    r.element.home_registrar = a->settings.registrar;
    r.element.registration_life = life_in_seconds(a, r.element.registration_life);
    fill_asap_transport(call, &r);
    error = handlespace_register(a->handlespace, call->in->pool_handle, &r.element, call->now_ms,
                                 HANDLESPACE_REGISTERED, &e);
    if (error) {
        reject = verdict(call, &r, error);
        asap_reply_registration(call, identifier, &reject);
        return;
    }
    move_channel(call, e);
    if (pool_element_deadline(e, DEADLINE_KEEP_ALIVE) == HANDLESPACE_NEVER)
        asap_keep_alive_start(a, e, call->now_ms);
    asap_log_element(a, known ? LOG_DEBUG : LOG_INFO, e, call->channel,
                     known ? "re-registered" : "registered");
    asap_reply_accepted(call, identifier, &r.warning);
}

void asap_deregistration(const struct asap_call *call)
{
    static const struct asap_reject not_yours = {
        .cause = WIRE_CAUSE_SECURITY, .why = "an element may only deregister itself (RFC 5352, 2.2.2)"};
    struct asap *a = call->asap;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    struct pool_element *e = p ? handlespace_find(p, call->in->pe_identifier) : NULL;

    if (e && !asap_may_change(a, call->channel, e)) {
        asap_reply_deregistration(call, &not_yours);
        return;
    }
    if (e) { /* what is not there is deregistered already (RFC 5352, 3.2) */
        asap_log_element(a, LOG_INFO, e, call->channel, "deregistered");
        asap_unbind(a, call->client, e);
        handlespace_remove(a->handlespace, e, HANDLESPACE_DEREGISTERED);
    }
    asap_reply_deregistration(call, NULL);
}
