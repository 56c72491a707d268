/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mentor's side (RFC 5353, 3.2.2.2, 3.2.3): the list of registrars, and the handlespace piece by piece.
 * Where a download stands is remembered by pool index and PE identifier, so it survives any change in
 * between. A request costs what its answer holds, and a peer may begin only so many in a while.
 */
#include "enrp/internal.h"

enum { RESTARTS_MAX = 3 };

/* A peer's ENRP transport as a parameter's content; false when no address is known. */
static bool peer_transport(const struct peer *p, uint8_t *buffer, size_t capacity, struct wire_transport *out)
{
    struct writer w = writer_of(buffer, capacity);
    for (size_t i = 0; i < p->seen.n_addresses; i++)
        wire_put_address(&w, &p->seen.addresses[i]);
    *out = (struct wire_transport){.type = WIRE_SCTP,
                                   .port = p->seen.port,
                                   .use = WIRE_USE_DATA_ONLY,
                                   .addresses = octets_of(buffer, writer_used(&w))};
    return out->addresses.length > 0;
}

void list_requested(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    bool ready = enrp_serving(e) && peer_may_ask(e, p, o->now_ms);
    uint8_t addresses[ENRP_ADDRESSES_MAX * 20];
    struct writer w = enrp_begin(e, ENRP_LIST_RESPONSE, ready ? 0 : ENRP_FLAG_REJECT, m->sender);
    for (const struct peer *q = TAILQ_FIRST(&e->peers); q && ready; q = TAILQ_NEXT(q, entries)) {
        struct wire_server server = {.identifier = q->seen.identifier};
        if (q != p && (q->seen.state == ENRP_PEER_ACTIVE || q->seen.state == ENRP_PEER_PROBED) &&
            peer_transport(q, addresses, sizeof addresses, &server.transport))
            wire_put_server(&w, &server);
    }
    enrp_send(e, o->channel, ENRP_LIST_RESPONSE, wire_end(&w));
}

/* A message under way. */
struct filling {
    struct writer w;
    const struct pool *pool; /* named last */
    bool empty;
};

/* False: the message is full. One that is larger than any message can't be told at all, and must not stop the
 * others. */
static bool put_element(struct enrp *e, struct filling *f, const struct pool_element *element)
{
    const struct pool *pool = pool_element_pool(element);
    struct writer before = f->w;
    if (!update_may_tell(e, pool_handle(pool)))
        return true;
    if (pool != f->pool)
        wire_put_pool_handle(&f->w, pool_handle(pool));
    update_put_element(e, &f->w, element);
    if (f->w.failed || (!f->empty && writer_used(&f->w) > e->settings.max_message)) {
        f->w = before;
        return f->empty;
    }
    f->pool = pool;
    f->empty = false;
    return true;
}

/* --- the whole handlespace
 * ------------------------------------------------------------------------------------------------- */

static bool put_pool(struct enrp *e, struct table_session *s, struct filling *f, struct pool *pool)
{
    bool goes_on = pool_index(pool) == s->pool;
    struct pool_element *element =
        goes_on ? handlespace_element_after(pool, s->element) : handlespace_element_next(pool, NULL);
    for (; element; element = handlespace_element_next(pool, element)) {
        if (!put_element(e, f, element))
            return false;
        s->pool = pool_index(pool);
        s->element = pool_element_identifier(element);
    }
    s->pool = pool_index(pool);
    s->element = UINT32_MAX;
    return true;
}

static bool put_all(struct enrp *e, struct table_session *s, struct filling *f)
{
    struct pool *pool = handlespace_pool_after(e->options.handlespace, s->pool ? s->pool - 1 : 0);
    for (; pool; pool = handlespace_pool_next(e->options.handlespace, pool))
        if (!put_pool(e, s, f, pool))
            return false;
    return true;
}

/* --- the own elements, by the list of their owner
 * ------------------------------------------------------------------------------------- */

static struct pool_element *own_at(const struct enrp *e, uint64_t place)
{
    uint32_t index = (uint32_t)(place >> 32);
    struct pool *pool = handlespace_pool_after(e->options.handlespace, index - 1);
    struct pool_element *element =
        pool && pool_index(pool) == index ? handlespace_find(pool, (uint32_t)place) : NULL;
    return element && pool_element_owner(element) == e->settings.registrar ? element : NULL;
}

/* The last one written that is still there. None: from the beginning, for the peer may be told twice. */
static struct pool_element *last_place(const struct enrp *e, struct table_session *s)
{
    unsigned n = s->n_places;
    struct pool_element *element = NULL;
    for (unsigned i = 0; i < PLACES && i < n && !element; i++)
        element = own_at(e, s->places[(n - 1 - i) % PLACES]);
    s->restarts += n && !element;
    return element;
}

static bool put_own(struct enrp *e, struct table_session *s, struct filling *f)
{
    struct pool_element *element = last_place(e, s);
    while ((element = handlespace_owned_next(e->options.handlespace, e->settings.registrar, element))) {
        if (!put_element(e, f, element))
            return false;
        s->places[s->n_places++ % PLACES] = element_key(element);
    }
    return true;
}

static void refuse(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct writer w = enrp_begin(e, ENRP_HANDLE_TABLE_RESPONSE, ENRP_FLAG_REJECT, m->sender);
    p->session = (struct table_session){0};
    enrp_send(e, o->channel, ENRP_HANDLE_TABLE_RESPONSE, wire_end(&w));
}

void table_requested(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct table_session *s = &p->session;
    bool own_only = m->flags & ENRP_FLAG_OWN_CHILDREN, goes_on = s->until_ms && s->own_only == own_only;
    if (!enrp_serving(e) || s->restarts > RESTARTS_MAX || (!goes_on && !peer_may_ask(e, p, o->now_ms))) {
        refuse(e, p, m, o);
        return;
    }
    if (!goes_on)
        *s = (struct table_session){.own_only = own_only};
    struct filling f = {.w = enrp_begin(e, ENRP_HANDLE_TABLE_RESPONSE, 0, m->sender), .empty = true};
    bool more = !(own_only ? put_own : put_all)(e, s, &f);
    s->until_ms = more ? o->now_ms + e->settings.max_time_no_response_ms : 0;
    int length = wire_end(&f.w);
    if (more && length > 0)
        e->buffer[1] |= ENRP_FLAG_MORE;
    enrp_send(e, o->channel, ENRP_HANDLE_TABLE_RESPONSE, length);
}
