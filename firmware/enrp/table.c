/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mentor's side (RFC 5353, 3.2.2.2, 3.2.3): the list of registrars, and the handlespace piece by piece.
 * Where a download stands is remembered by pool index and PE identifier, so it survives any change in
 * between.
 */
#include "enrp/internal.h"

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
    bool ready = enrp_serving(e);
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

/* Writes a pool handle and as many of the pool's elements as fit, from the session's place on. False: message
 * full. */
static bool put_pool(struct enrp *e, struct table_session *s, struct writer *w, struct pool *pool,
                     bool *empty)
{
    bool named = false, goes_on = pool_index(pool) == s->pool;
    struct pool_element *element =
        goes_on ? handlespace_element_after(pool, s->element) : handlespace_element_next(pool, NULL);
    for (; element; element = handlespace_element_next(pool, element)) {
        if (s->own_only && pool_element_owner(element) != e->settings.registrar)
            continue;
        struct writer before = *w;
        if (!named)
            wire_put_pool_handle(w, pool_handle(pool));
        update_put_element(e, w, element);
        if (w->failed || (!*empty && writer_used(w) > e->settings.max_message)) {
            *w = before;
            if (!*empty)
                return false;
            /* larger than any message: it cannot be told at all, and must not stop the others */
        } else {
            named = true;
            *empty = false;
        }
        s->pool = pool_index(pool);
        s->element = pool_element_identifier(element);
    }
    s->pool = pool_index(pool);
    s->element = UINT32_MAX;
    return true;
}

void table_requested(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct table_session *s = &p->session;
    bool own_only = m->flags & ENRP_FLAG_OWN_CHILDREN, empty = true, more = false;
    if (!enrp_serving(e)) {
        struct writer w = enrp_begin(e, ENRP_HANDLE_TABLE_RESPONSE, ENRP_FLAG_REJECT, m->sender);
        enrp_send(e, o->channel, ENRP_HANDLE_TABLE_RESPONSE, wire_end(&w));
        return;
    }
    if (!s->until_ms || s->own_only != own_only)
        *s = (struct table_session){.own_only = own_only};
    struct writer w = enrp_begin(e, ENRP_HANDLE_TABLE_RESPONSE, 0, m->sender);
    struct pool *pool = handlespace_pool_after(e->options.handlespace, s->pool ? s->pool - 1 : 0);
    for (; pool && !more; pool = handlespace_pool_next(e->options.handlespace, pool))
        more = !put_pool(e, s, &w, pool, &empty);
    s->until_ms = more ? o->now_ms + e->settings.max_time_no_response_ms : 0;
    int length = wire_end(&w);
    if (more && length > 0)
        e->buffer[1] |= ENRP_FLAG_MORE;
    enrp_send(e, o->channel, ENRP_HANDLE_TABLE_RESPONSE, length);
}
