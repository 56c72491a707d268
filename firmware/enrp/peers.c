/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer list (RFC 5353, 3.4): how registrars get into it, how they are connected to, how silence becomes
 * death. One list for those by administration, which have no identifier before they are heard, and those
 * learnt.
 */
#include "base/error.h"
#include "enrp/internal.h"

#include <stdio.h>
#include <stdlib.h>

enum { REFUSALS_MAX = 2 };

struct peer *peer_find(const struct enrp *e, uint32_t identifier)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers); p && identifier; p = TAILQ_NEXT(p, entries))
        if (p->seen.identifier == identifier)
            return p;
    return NULL;
}

struct peer *peer_of_channel(const struct enrp *e, const struct channel *c)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries))
        if (p->channel == c || p->spare == c)
            return p;
    return NULL;
}

static void tell(struct enrp *e, const struct peer *p, bool gone)
{
    if (e->options.peer_changed)
        e->options.peer_changed(e->options.context, &p->seen, gone);
}

static void peer_log(const struct peer *p, int level, const char *what)
{
    char id[16], address[ADDRESS_TEXT_MAX];
    snprintf(id, sizeof id, "0x%08x", p->seen.identifier);
    log_write(level, (struct log_field[]){{"PEER", id}, {0}}, "ENRP: peer %s at %s %s", id,
              address_format_port(&p->seen.addresses[0], p->seen.port, address), what);
}

void peer_set_state(struct enrp *e, struct peer *p, enum enrp_peer_state state)
{
    static const struct {
        int level;
        const char *text;
    } news[] = {
        [ENRP_PEER_CONFIGURED] = {LOG_INFO, "is configured"},
        [ENRP_PEER_LEARNT] = {LOG_INFO, "was learnt of"},
        [ENRP_PEER_ACTIVE] = {LOG_NOTICE, "is active"},
        [ENRP_PEER_PROBED] = {LOG_NOTICE, "is silent or disconnected: asking for a sign of life"},
        [ENRP_PEER_DEAD] = {LOG_WARNING, "is dead: no answer in time"},
    };
    if (p->seen.state == state)
        return;
    p->seen.state = state;
    peer_log(p, news[state].level, news[state].text);
    tell(e, p, false);
}

uint32_t peer_owns(const struct enrp *e, const struct peer *p)
{
    return p->seen.identifier ? handlespace_owned(e->options.handlespace, p->seen.identifier) : 0;
}

enum { REQUEST_MS = 500, REQUESTS_AT_ONCE = 10 };

/* What was not asked for a while may be asked at once. */
bool peer_may_ask(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    uint64_t credit = REQUEST_MS * REQUESTS_AT_ONCE, at = p->requests_paid_ms;
    if (now_ms > credit && at < now_ms - credit)
        at = now_ms - credit;
    if (at + REQUEST_MS > now_ms) {
        e->statistics.overload++;
        return false;
    }
    p->requests_paid_ms = at + REQUEST_MS;
    return true;
}

static bool forget_one(struct enrp *e, enum enrp_peer_state state, bool with_elements)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries)) {
        if (p->seen.state == state && !p->seen.configured && (with_elements || !peer_owns(e, p))) {
            peer_remove(e, p);
            return true;
        }
    }
    return false;
}

/* Who makes room for whom. The dead do for all, but for a takeover under way; the unconfirmed for those who
 * are heard: what anybody can announce by multicast must not keep out the living. All do for those by
 * administration, which stay. */
static bool make_room(struct enrp *e, enum peer_origin origin)
{
    static const struct {
        enum peer_origin least;
        enum enrp_peer_state state;
        bool with_elements;
    } order[] = {
        {PEER_HINT, ENRP_PEER_DEAD, false},        {PEER_HEARD, ENRP_PEER_LEARNT, false},
        {PEER_HEARD, ENRP_PEER_LEARNT, true},      {PEER_CONFIGURED, ENRP_PEER_DEAD, true},
        {PEER_CONFIGURED, ENRP_PEER_PROBED, true}, {PEER_CONFIGURED, ENRP_PEER_ACTIVE, true},
    };
    if (e->n_peers < e->settings.max_peers)
        return true;
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (origin >= order[i].least && forget_one(e, order[i].state, order[i].with_elements))
            return true;
    e->statistics.peers_refused++;
    return false;
}

struct peer *peer_add(struct enrp *e, uint32_t identifier, enum enrp_peer_state state,
                      enum peer_origin origin)
{
    struct peer *p = make_room(e, origin) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->seen.identifier = identifier;
    p->seen.state = state;
    TAILQ_INSERT_TAIL(&e->peers, p, entries);
    e->n_peers++;
    return p;
}

void peer_detach(struct enrp *e, struct peer *p, bool close)
{
    if (p->channel && close)
        e->options.link.close(p->channel);
    if (p->spare && close)
        e->options.link.close(p->spare);
    p->channel = p->spare = NULL;
    p->seen.connected = p->shown = false;
    p->session = (struct table_session){0};
    sync_end(p);
}

void peer_remove(struct enrp *e, struct peer *p)
{
    peer_detach(e, p, true);
    if (e->startup.mentor == p) {
        e->startup.mentor = NULL;
        e->startup.phase = STARTUP_SEARCH;
    }
    TAILQ_REMOVE(&e->peers, p, entries);
    e->n_peers--;
    takeover_without(e, p->seen.identifier);
    takeover_end(p);
    tell(e, p, true);
    free(p);
}

/* --- by administration
 * ------------------------------------------------------------------------------------------------- */

static bool wants(const struct enrp_address *wanted, size_t n, const struct enrp_address *one)
{
    for (size_t i = 0; i < n; i++)
        if (wanted[i].port == one->port && address_equal(&wanted[i].address, &one->address))
            return true;
    return false;
}

int peers_configure(struct enrp *e, const struct enrp_address *wanted, size_t n, uint64_t now_ms)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (!p->seen.configured || wants(wanted, n, &p->configured))
            continue;
        p->seen.configured = false;
        if (p->seen.state == ENRP_PEER_CONFIGURED)
            peer_remove(e, p);
        else
            tell(e, p, false);
    }
    for (size_t i = 0; i < n; i++) {
        struct peer *p = TAILQ_FIRST(&e->peers);
        while (p && !(p->seen.configured && wants(&p->configured, 1, &wanted[i])))
            p = TAILQ_NEXT(p, entries);
        if (p)
            continue;
        if (!(p = peer_add(e, 0, ENRP_PEER_CONFIGURED, PEER_CONFIGURED)))
            return e->n_peers >= e->settings.max_peers ? ERR_LIMIT : ERR_MEMORY;
        p->seen.configured = true;
        p->configured = wanted[i];
        p->seen.addresses[0] = wanted[i].address;
        p->seen.n_addresses = 1;
        p->seen.port = wanted[i].port;
        p->connect_at_ms = now_ms ? now_ms : 1;
        tell(e, p, false);
    }
    return 0;
}

/* The place by administration goes from one to the other. */
static void inherit(struct peer *from, struct peer *to)
{
    if (from->seen.configured && !to->seen.configured) {
        to->seen.configured = true;
        to->configured = from->configured;
    }
    from->seen.configured = false;
}

/* A configured address has answered and turns out to be a registrar that is known by its identifier, too. */
static struct peer *unite(struct enrp *e, struct peer *placeholder, struct peer *known)
{
    inherit(placeholder, known);
    if (!known->seen.connected) {
        if (known->channel)
            e->options.link.close(known->channel);
        known->channel = placeholder->channel;
        known->seen.connected = placeholder->seen.connected;
        placeholder->channel = NULL;
    } else if (!known->spare) {
        known->spare = placeholder->channel;
        placeholder->channel = NULL;
    }
    peer_remove(e, placeholder);
    return known;
}

/* --- learning
 * -----------------------------------------------------------------------------------------------------------
 */

void peer_set_server(struct peer *p, const struct wire_server *server)
{
    struct octets run = server->transport.addresses;
    struct address address;
    size_t n = 0;
    if (server->transport.type != WIRE_SCTP || !server->transport.port)
        return;
    while (n < ENRP_ADDRESSES_MAX && wire_address_next(&run, &address))
        if (!address_is_any(&address) && !address_is_multicast(&address))
            p->seen.addresses[n++] = address;
    if (n) {
        p->seen.n_addresses = n;
        p->seen.port = server->transport.port;
    }
}

static void set_source(struct enrp *e, struct peer *p, const struct origin *o)
{
    if (o->channel) {
        p->seen.n_addresses =
            e->options.link.peers(o->channel, p->seen.addresses, ENRP_ADDRESSES_MAX, &p->seen.port);
        return;
    }
    p->seen.addresses[0] = o->from.address;
    p->seen.n_addresses = 1;
    p->seen.port = o->from.port;
}

void peer_learn(struct enrp *e, const struct wire_server *server, uint64_t now_ms)
{
    struct peer reachable = {0};
    peer_set_server(&reachable, server);
    if (!reachable.seen.n_addresses || peer_find(e, server->identifier))
        return;
    struct peer *p = peer_add(e, server->identifier, ENRP_PEER_LEARNT, PEER_HINT);
    if (!p)
        return;
    peer_set_server(p, server);
    tell(e, p, false);
    peer_connect(e, p, now_ms);
}

void peer_learn_home(struct enrp *e, uint32_t identifier, uint64_t now_ms)
{
    if (!identifier || identifier == e->settings.registrar || peer_find(e, identifier))
        return;
    struct peer *p = peer_add(e, identifier, ENRP_PEER_LEARNT, PEER_HINT);
    if (!p)
        return;
    p->unseen = true;
    p->answer_by_ms = now_ms + e->settings.max_time_last_heard_ms + e->settings.max_time_no_response_ms;
    tell(e, p, false);
}

/* Any message over an association is a sign of life. A group-cast may be forged: it is a hint to connect. */
static void heard(struct enrp *e, struct peer *p, const struct origin *o)
{
    if (!o->channel)
        return;
    if (p->unseen) {
        p->unseen = false;
        set_source(e, p, o);
    }
    p->seen.last_heard_ms = o->now_ms;
    p->answer_by_ms = 0;
    p->refusals = 0;
    if (p->takeover.phase != TAKEOVER_NONE) {
        peer_log(p, LOG_NOTICE, "is back: nothing more is taken over from it");
        takeover_end(p);
    }
    if (!p->channel || (p->channel != o->channel && !p->seen.connected)) {
        if (p->channel) /* was still on its way when the peer called */
            e->options.link.close(p->channel);
        p->channel = o->channel;
        p->seen.connected = true;
        p->connect_at_ms = 0;
    } else if (p->channel != o->channel && !p->spare) {
        p->spare = o->channel;
    }
    p->shown |= p->channel == o->channel;
    peer_set_state(e, p, ENRP_PEER_ACTIVE);
}

/* What was opened to a peer's address has shown itself to be another registrar: one that was restarted under
 * a new identifier, as a rule. The peer loses the association. */
static bool is_successor(const struct peer *holder, const struct origin *o)
{
    return holder->channel == o->channel && !holder->shown;
}

static void drop_channel(struct peer *p)
{
    p->channel = p->spare;
    p->spare = NULL;
    p->seen.connected = p->shown = p->channel != NULL; /* a spare one is open, and was heard on */
}

struct peer *peer_of_message(struct enrp *e, const struct wire_message *m, const struct origin *o)
{
    struct peer *p = peer_find(e, m->sender);
    struct peer *holder = o->channel ? peer_of_channel(e, o->channel) : NULL;
    struct peer *predecessor = NULL;
    bool first = !p || p->unseen;
    if (holder && holder->seen.identifier && holder->seen.identifier != m->sender) {
        if (!is_successor(holder, o)) {
            enrp_unexpected(e, m, o, "another registrar has shown itself on this association");
            return NULL;
        }
        drop_channel(holder);
        predecessor = holder->seen.configured ? holder : NULL; /* another one may have to make room now */
    } else if (holder && !holder->seen.identifier) {
        if (!p)
            holder->seen.identifier = m->sender;
        p = p ? unite(e, holder, p) : holder;
        first = false; /* it was asked to reply when the channel opened */
    }
    if (first) {
        p = p ? p : peer_add(e, m->sender, ENRP_PEER_LEARNT, o->channel ? PEER_HEARD : PEER_HINT);
        if (!p)
            return NULL;
        p->unseen = false;
        set_source(e, p, o);
        tell(e, p, false);
    }
    if (predecessor)
        inherit(predecessor, p);
    heard(e, p, o);
    if (first && o->channel) /* RFC 5353, 3.4.1 */
        presence_send(e, p, o->channel, ENRP_FLAG_REPLY_REQUIRED);
    return p;
}

/* --- channels
 * ------------------------------------------------------------------------------------------------------------
 */

void peer_connect(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    p->connect_at_ms = 0;
    if (p->channel || !p->seen.n_addresses)
        return;
    p->channel = e->options.link.connect(e->options.link.context, p->seen.addresses, p->seen.n_addresses,
                                         p->seen.port);
    if (!p->channel)
        p->connect_at_ms = now_ms + e->settings.max_time_no_response_ms;
    if (p->seen.state == ENRP_PEER_LEARNT || p->seen.state == ENRP_PEER_PROBED)
        p->answer_by_ms = p->answer_by_ms ? p->answer_by_ms : now_ms + e->settings.max_time_no_response_ms;
}

static void ask(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    if (!p->answer_by_ms)
        p->answer_by_ms = now_ms + e->settings.max_time_no_response_ms;
    if (p->seen.connected)
        presence_send(e, p, p->channel, ENRP_FLAG_REPLY_REQUIRED);
    else
        peer_connect(e, p, now_ms);
}

void peer_probe(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    peer_set_state(e, p, ENRP_PEER_PROBED);
    ask(e, p, now_ms);
}

static void no_answer(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    p->answer_by_ms = 0;
    p->refusals = 0;
    startup_lost(e, p, now_ms);
    if (p->seen.state == ENRP_PEER_LEARNT && !p->seen.configured && !peer_owns(e, p)) {
        peer_log(p, LOG_INFO, "never answered: forgotten");
        peer_remove(e, p);
        return;
    }
    /* Whoever is about to be taken over is to hear that, as long as its association stands. */
    if (!p->seen.connected || !peer_owns(e, p))
        peer_detach(e, p, true);
    p->connect_at_ms = p->seen.configured ? now_ms + e->settings.max_time_no_response_ms : 0;
    if (!p->seen.identifier)
        return;
    peer_set_state(e, p, ENRP_PEER_DEAD);
    takeover_of(e, p, now_ms);
}

void enrp_channel_opened(struct enrp *e, struct channel *c, uint64_t now_ms)
{
    struct peer *p = peer_of_channel(e, c);
    if (!p || p->seen.connected || p->channel != c)
        return;
    p->seen.connected = true;
    ask(e, p, now_ms);
    tell(e, p, false);
}

void enrp_channel_closed(struct enrp *e, struct channel *c, uint64_t now_ms)
{
    struct peer *p = peer_of_channel(e, c);
    if (!p)
        return;
    if (p->spare) { /* one of two: the other goes on */
        if (p->channel == c)
            drop_channel(p);
        p->spare = NULL;
        return;
    }
    bool was_open = p->seen.connected;
    peer_detach(e, p, false);
    startup_lost(e, p, now_ms);
    p->connect_at_ms = now_ms + (was_open ? 1 : RETRY_MS);
    switch (p->seen.state) {
    case ENRP_PEER_ACTIVE:
        p->answer_by_ms = now_ms + e->settings.max_time_no_response_ms;
        peer_set_state(e, p, ENRP_PEER_PROBED);
        return;
    case ENRP_PEER_PROBED:
        /* RFC 5353, 3.4.3: the send fails. Once may be a restart. */
        if (!was_open && ++p->refusals >= REFUSALS_MAX) {
            no_answer(e, p, now_ms);
            return;
        }
        break;
    case ENRP_PEER_DEAD:
        /* One that is being taken over has one more chance to object. */
        if (!p->seen.configured && !(was_open && p->takeover.phase == TAKEOVER_ARBITRATION))
            p->connect_at_ms = 0;
        break;
    default:
        break;
    }
    tell(e, p, false);
}

/* --- time
 * ------------------------------------------------------------------------------------------------------------------
 */

static uint64_t silent_at(const struct enrp *e, const struct peer *p)
{
    return p->seen.state == ENRP_PEER_ACTIVE ? p->seen.last_heard_ms + e->settings.max_time_last_heard_ms : 0;
}

void peer_tick(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    uint64_t silent = silent_at(e, p);
    if (p->session.until_ms && p->session.until_ms <= now_ms)
        p->session = (struct table_session){0};
    if (p->connect_at_ms && p->connect_at_ms <= now_ms)
        peer_connect(e, p, now_ms);
    if (silent && silent <= now_ms)
        peer_probe(e, p, now_ms);
    if (p->answer_by_ms && p->answer_by_ms <= now_ms)
        no_answer(e, p, now_ms);
}

uint64_t peer_next_deadline(const struct enrp *e, const struct peer *p)
{
    uint64_t next = UINT64_MAX;
    sooner(&next, p->answer_by_ms);
    sooner(&next, p->connect_at_ms);
    sooner(&next, p->session.until_ms);
    sooner(&next, p->takeover.until_ms);
    sooner(&next, p->takeover.ask_at_ms);
    if (p->sync.phase != SYNC_NONE)
        sooner(&next, p->sync.answer_by_ms);
    sooner(&next, silent_at(e, p));
    return next;
}
