/* SPDX-License-Identifier: BSD-3-Clause */
/* ENRP_PRESENCE (RFC 5353, 2.1, 3.4): the heartbeat with the own checksum, and what it tells of others. */
#include "enrp/internal.h"

static int write_presence(struct enrp *e, uint8_t flags, uint32_t receiver)
{
    struct writer w = enrp_begin(e, ENRP_PRESENCE, flags, receiver);
    wire_put_checksum(&w, handlespace_checksum(e->options.handlespace, e->settings.registrar));
    if (e->own_length) {
        struct wire_server server = {
            .identifier = e->settings.registrar,
            .transport = {.type = WIRE_SCTP,
                          .port = e->settings.port,
                          .use = WIRE_USE_DATA_ONLY,
                          .addresses = octets_of(e->own, e->own_length)},
        };
        wire_put_server(&w, &server);
    }
    return wire_end(&w);
}

/* Until somebody has spoken over an association, who is there is not known (RFC 5353, 2.1). */
void presence_send(struct enrp *e, struct peer *p, struct channel *c, uint8_t flags)
{
    uint32_t receiver = c == p->channel && !p->shown ? 0 : p->seen.identifier;
    enrp_send(e, c, ENRP_PRESENCE, write_presence(e, flags, receiver));
}

void presence_announce(struct enrp *e)
{
    int length = write_presence(e, 0, 0);
    if (length > 0)
        e->options.link.announce(e->options.link.context, octets_of(e->buffer, (size_t)length));
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p->seen.connected)
            presence_send(e, p, p->channel, 0);
    }
}

void presence_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    /* A group-cast may be forged: it does not change what an association has told. */
    if (m->present & WIRE_HAS_SERVER && m->server.identifier == m->sender &&
        (o->channel || !p->seen.connected))
        peer_set_server(p, &m->server);
    if (m->present & WIRE_HAS_CHECKSUM && (o->channel || !p->seen.connected)) {
        p->seen.has_checksum = true;
        p->seen.checksum = m->checksum;
    }
    if (!p->channel && !p->connect_at_ms)
        peer_connect(e, p, o->now_ms);
    struct channel *back = o->channel ? o->channel : p->seen.connected ? p->channel : NULL;
    if (m->flags & ENRP_FLAG_REPLY_REQUIRED && back)
        presence_send(e, p, back, 0);
    if (m->present & WIRE_HAS_CHECKSUM && o->channel)
        sync_audit(e, p, m->checksum, o->now_ms);
}
