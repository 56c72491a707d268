/* SPDX-License-Identifier: BSD-3-Clause */
/* The entry points of the ENRP room: what arrives is checked once here and given to the function of its
 * message type. */
#include "base/error.h"
#include "enrp/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    HEARTBEAT_MS = 30000,
    LAST_HEARD_MS = 61000,
    NO_RESPONSE_MS = 5000,
    MAX_PEERS = 64,
    COMPAT_MESSAGE = 1400
};
enum { LOG_INTERVAL_MS = 10000 };

/* --- the link by default
 * -------------------------------------------------------------------------------------------- */

static int link_send(void *context, struct channel *c, struct octets message)
{
    (void)context;
    return channel_send(c, WIRE_PPID_ENRP, message);
}

static struct channel *link_connect(void *context, const struct address *addresses, size_t n, uint16_t port)
{
    (void)context, (void)addresses, (void)n, (void)port;
    return NULL;
}

static void link_announce(void *context, struct octets message)
{
    (void)context, (void)message;
}

/* --- creation and settings
 * ------------------------------------------------------------------------------------------- */

static void take_settings(struct enrp *e, const struct enrp_settings *s)
{
    struct enrp_settings *to = &e->settings;
    *to = *s;
    to->heartbeat_ms = s->heartbeat_ms ? s->heartbeat_ms : HEARTBEAT_MS;
    to->max_time_last_heard_ms = s->max_time_last_heard_ms ? s->max_time_last_heard_ms : LAST_HEARD_MS;
    to->max_time_no_response_ms = s->max_time_no_response_ms ? s->max_time_no_response_ms : NO_RESPONSE_MS;
    to->max_peers = s->max_peers ? s->max_peers : MAX_PEERS;
    if (!s->max_message || s->max_message > WIRE_MESSAGE_MAX)
        to->max_message = s->compat_rsplib ? COMPAT_MESSAGE : WIRE_MESSAGE_MAX;
    struct writer w = writer_of(e->own, sizeof e->own);
    for (size_t i = 0; i < s->n_addresses && i < ENRP_ADDRESSES_MAX; i++)
        wire_put_address(&w, &s->addresses[i]);
    e->own_length = writer_used(&w);
    to->addresses = NULL;
    to->peers = NULL;
}

struct enrp *enrp_new(const struct enrp_options *o, uint64_t now_ms)
{
    struct enrp *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    TAILQ_INIT(&e->peers);
    e->options = *o;
    struct enrp_link *link = &e->options.link;
    link->send = link->send ? link->send : link_send;
    link->connect = link->connect ? link->connect : link_connect;
    link->close = link->close ? link->close : channel_close;
    link->peers = link->peers ? link->peers : channel_peers;
    link->describe = link->describe ? link->describe : channel_describe;
    bool announces = link->announce != NULL;
    link->announce = announces ? link->announce : link_announce;
    if (enrp_configure(e, &o->settings, now_ms) != 0) {
        enrp_free(e);
        return NULL;
    }
    e->heartbeat_at_ms = now_ms;
    if ((announces && !o->settings.no_announces) || o->settings.n_peers)
        startup_begin(e, now_ms);
    else /* RFC 5353, 3.2.2.1: nobody to ask, so alone */
        e->startup.phase = STARTUP_DONE;
    return e;
}

int enrp_configure(struct enrp *e, const struct enrp_settings *s, uint64_t now_ms)
{
    take_settings(e, s);
    if (e->heartbeat_at_ms > now_ms + e->settings.heartbeat_ms)
        e->heartbeat_at_ms = now_ms + e->settings.heartbeat_ms;
    return peers_configure(e, s->peers, s->n_peers, now_ms);
}

void enrp_free(struct enrp *e)
{
    if (!e)
        return;
    for (struct peer *p; (p = TAILQ_FIRST(&e->peers));) {
        TAILQ_REMOVE(&e->peers, p, entries);
        takeover_end(p);
        sync_end(p);
        free(p);
    }
    free(e);
}

/* --- sending
 * -----------------------------------------------------------------------------------------------------------
 */

struct writer enrp_begin(struct enrp *e, uint8_t type, uint8_t flags, uint32_t receiver)
{
    struct writer w = writer_of(e->buffer, sizeof e->buffer);
    wire_begin(&w, WIRE_ENRP, type, flags);
    writer_u32(&w, e->settings.registrar);
    writer_u32(&w, receiver);
    return w;
}

bool enrp_send(struct enrp *e, struct channel *c, uint8_t type, int length)
{
    if (length <= 0 ||
        e->options.link.send(e->options.link.context, c, octets_of(e->buffer, (size_t)length)) != 0) {
        e->statistics.send_failures++;
        return false;
    }
    e->statistics.sent[type]++;
    return true;
}

/* --- receiving
 * ---------------------------------------------------------------------------------------------------------
 */

static const char *origin_text(const struct enrp *e, const struct origin *o, char text[ADDRESS_TEXT_MAX + 8])
{
    if (o->channel)
        return e->options.link.describe(o->channel, text);
    return address_format_port(&o->from.address, o->from.port, text);
}

void enrp_unexpected(struct enrp *e, const struct wire_message *m, const struct origin *o, const char *why)
{
    char from[ADDRESS_TEXT_MAX + 8];
    uint32_t more;
    e->statistics.unexpected++;
    if (log_limit_allows(&e->log_unexpected, o->now_ms, LOG_INTERVAL_MS, &more))
        log_warning("ENRP: %s of 0x%08x from %s ignored: %s (%u more not logged)",
                    wire_message_name(WIRE_ENRP, m->type), m->sender, origin_text(e, o, from), why, more);
}

/* RFC 5354, 3 and 4, and RFC 5353, 3.7. A group-cast is never answered by an error. */
static void report_fault(struct enrp *e, struct octets message, const struct wire_fault *fault,
                         const struct origin *o)
{
    if (!fault->report || !o->channel)
        return;
    uint32_t sender = message.length >= 8 ? octets_load32(message.data + 4) : 0;
    struct writer w = enrp_begin(e, ENRP_ERROR, 0, sender);
    wire_put_fault(&w, fault);
    enrp_send(e, o->channel, ENRP_ERROR, wire_end(&w));
}

static bool parse(struct enrp *e, struct octets message, struct wire_message *m, const struct origin *o)
{
    struct wire_fault fault;
    int error = wire_parse(WIRE_ENRP, message.data, message.length, m, &fault);
    char from[ADDRESS_TEXT_MAX + 8];
    uint32_t more;
    /* An error is never answered by an error, or two registrars could go on for ever. */
    if ((error || fault.n_unrecognized) && !(message.length && message.data[0] == ENRP_ERROR))
        report_fault(e, message, &fault, o);
    if (error == ERR_UNRECOGNIZED || fault.n_unrecognized)
        e->statistics.unrecognized++;
    else if (error)
        e->statistics.malformed++;
    if (error && log_limit_allows(&e->log_malformed, o->now_ms, LOG_INTERVAL_MS, &more))
        log_warning("ENRP: message from %s dropped: %s: %s (%u more not logged)", origin_text(e, o, from),
                    error_text(error), fault.reason ? fault.reason : "", more);
    return error == 0;
}

static void error_received(struct enrp *e, struct peer *p, const struct wire_message *m,
                           const struct origin *o)
{
    (void)p, (void)o;
    struct octets run = m->error, information;
    uint16_t cause = 0;
    uint32_t more;
    wire_cause_next(&run, &cause, &information);
    if (log_limit_allows(&e->log_refused, o->now_ms, LOG_INTERVAL_MS, &more))
        log_warning("ENRP: registrar 0x%08x reports an error: %s (0x%x; %u more not logged)", m->sender,
                    wire_cause_name(cause), cause, more);
}

typedef void receive_function(struct enrp *e, struct peer *p, const struct wire_message *m,
                              const struct origin *o);

static const struct {
    receive_function *receive;
    bool group_cast; /* may come so, too */
} types[ENRP_TYPES] = {
    [ENRP_PRESENCE] = {presence_received, true},
    [ENRP_HANDLE_TABLE_REQUEST] = {table_requested, false},
    [ENRP_HANDLE_TABLE_RESPONSE] = {table_received, false},
    [ENRP_HANDLE_UPDATE] = {update_received, false},
    [ENRP_LIST_REQUEST] = {list_requested, false},
    [ENRP_LIST_RESPONSE] = {list_received, false},
    [ENRP_INIT_TAKEOVER] = {takeover_announced, false},
    [ENRP_INIT_TAKEOVER_ACK] = {takeover_acknowledged, false},
    [ENRP_TAKEOVER_SERVER] = {takeover_enforced, false},
    [ENRP_ERROR] = {error_received, false},
};

static void receive(struct enrp *e, struct octets message, const struct origin *o)
{
    struct wire_message m;
    uint8_t type = message.length ? message.data[0] : 0;
    e->statistics.received[type <= ENRP_ERROR ? type : 0]++;
    if (!parse(e, message, &m, o))
        return;
    if (m.sender == e->settings.registrar) {
        if (o->channel)
            enrp_unexpected(e, &m, o, "the sender claims the identifier of this registrar");
        return;
    }
    if (!m.sender) {
        enrp_unexpected(e, &m, o, "no sender");
        return;
    }
    if (m.receiver && m.receiver != e->settings.registrar) {
        enrp_unexpected(e, &m, o, "meant for another registrar");
        return;
    }
    if (m.type >= ENRP_TYPES || !types[m.type].receive || (!o->channel && !types[m.type].group_cast)) {
        enrp_unexpected(e, &m, o, o->channel ? "unknown" : "not a message for group-casts");
        return;
    }
    struct peer *p = peer_of_message(e, &m, o);
    if (p)
        types[m.type].receive(e, p, &m, o);
}

void enrp_receive(struct enrp *e, struct channel *c, uint32_t ppid, struct octets message, uint64_t now_ms)
{
    if (ppid && ppid != WIRE_PPID_ENRP) {
        e->statistics.unexpected++;
        return;
    }
    receive(e, message, &(struct origin){.channel = c, .now_ms = now_ms});
}

void enrp_announced(struct enrp *e, const struct address *from, uint16_t port, struct octets message,
                    uint64_t now_ms)
{
    receive(e, message, &(struct origin){.from = {*from, port}, .now_ms = now_ms});
}

/* --- time and reading
 * --------------------------------------------------------------------------------------------------- */

uint64_t enrp_next_deadline(const struct enrp *e)
{
    uint64_t next = e->heartbeat_at_ms;
    uint64_t startup = startup_next_deadline(e);
    if (startup < next)
        next = startup;
    for (const struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries)) {
        uint64_t at = peer_next_deadline(e, p);
        if (at < next)
            next = at;
    }
    return next;
}

void enrp_tick(struct enrp *e, uint64_t now_ms)
{
    if (e->heartbeat_at_ms <= now_ms) {
        e->heartbeat_at_ms = now_ms + e->settings.heartbeat_ms;
        presence_announce(e);
    }
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        takeover_tick(e, p, now_ms);
        sync_tick(e, p, now_ms);
        peer_tick(e, p, now_ms); /* last: it may forget the peer */
    }
    startup_tick(e, now_ms);
}

bool enrp_serving(const struct enrp *e)
{
    return e->startup.phase == STARTUP_DONE;
}

const struct enrp_peer *enrp_peer_next(const struct enrp *e, const struct enrp_peer *peer)
{
    const struct peer *p = peer ? TAILQ_NEXT((const struct peer *)peer, entries) : TAILQ_FIRST(&e->peers);
    return p ? &p->seen : NULL;
}

uint32_t enrp_peers(const struct enrp *e)
{
    return e->n_peers;
}

const struct enrp_statistics *enrp_statistics(const struct enrp *e)
{
    return &e->statistics;
}
