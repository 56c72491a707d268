/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A new home for the pool elements of a registrar that is dead (RFC 5353, 3.5). Who finds it dead asks the
 * others; who has heard no objection makes its elements his own. All that is known about it stands with the
 * dead one in the peer list, so that it ends when that one is heard again.
 */
#include "enrp/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* A registrar that lives but neither objects nor agrees that often has no say. */
enum { ATTEMPTS_MAX = 3 };
/* How long another registrar has for what it was allowed, in units of MAX-TIME-NO-RESPONSE. rsplib does not
 * say that it is done: it is asked for its checksum meanwhile. */
enum { PATIENCE = 3 };
enum { ADOPTIONS_PER_SECOND = 15000 };
enum { NOW = 1 }; /* a time that is past */

bool takeover_beats(const struct enrp *e, uint32_t other)
{
    return e->settings.compat_rsplib ? e->settings.registrar < other : e->settings.registrar > other;
}

static void say(const struct peer *target, int level, const char *what)
{
    char id[16];
    snprintf(id, sizeof id, "0x%08x", target->seen.identifier);
    log_write(level, (struct log_field[]){{"PEER", id}, {0}}, "ENRP: takeover of registrar %s %s", id, what);
}

void takeover_end(struct peer *target)
{
    free(target->takeover.awaited);
    target->takeover = (struct takeover){0};
}

static void wait_for(struct enrp *e, struct peer *target, uint32_t winner, uint64_t now_ms)
{
    uint64_t unit = e->settings.max_time_no_response_ms;
    takeover_end(target);
    target->takeover = (struct takeover){
        .phase = TAKEOVER_WAITING,
        .winner = winner,
        .until_ms = now_ms + unit * (winner ? PATIENCE : 1),
        .ask_at_ms = winner ? now_ms + unit : 0,
    };
}

static void send_takeover(struct enrp *e, struct channel *c, uint8_t type, uint32_t receiver, uint32_t target)
{
    struct writer w = enrp_begin(e, type, 0, receiver);
    writer_u32(&w, target);
    enrp_send(e, c, type, wire_end(&w));
}

static void send_to_all(struct enrp *e, uint8_t type, uint32_t target, const struct peer *except)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (p != except && p->seen.connected)
            send_takeover(e, p->channel, type, 0, target);
    }
}

/* --- this registrar takes over
 * --------------------------------------------------------------------------------------------- */

/* Moving an element takes it off the list that is gone through. False: out of memory, some are left. */
static bool move_all(struct enrp *e, uint32_t from, uint32_t to, uint64_t now_ms, uint32_t *moved)
{
    struct handlespace *h = e->options.handlespace;
    uint64_t rate =
        e->settings.adoptions_per_second ? e->settings.adoptions_per_second : ADOPTIONS_PER_SECOND;
    bool adopts = to == e->settings.registrar && e->options.adopted, complete = true;
    struct pool_element *element;

    e->moving = true;
    for (*moved = 0; complete && (element = handlespace_owned_next(h, from, NULL)); ++*moved) {
        handlespace_set_owner(h, element, to);
        complete = pool_element_owner(element) == to;
        if (complete && adopts)
            e->options.adopted(e->options.context, element, now_ms + *moved * UINT64_C(1000) / rate);
    }
    e->moving = false;
    return complete;
}

/* RFC 5353, 3.5.2. The owners change at once and as a whole, as they do with the peers; telling the elements
 * takes its time. */
static void enforce(struct enrp *e, struct peer *target, uint64_t now_ms)
{
    uint32_t moved;
    char text[80];
    send_to_all(e, ENRP_TAKEOVER_SERVER, target->seen.identifier, target);
    peer_detach(e, target, true);
    if (!move_all(e, target->seen.identifier, e->settings.registrar, now_ms, &moved)) {
        say(target, LOG_ERR, "is not complete for want of memory");
        wait_for(e, target, 0, now_ms);
        return;
    }
    takeover_end(target);
    target->takeover.phase = TAKEOVER_DONE;
    e->statistics.takeovers++;
    e->statistics.elements_adopted += moved;
    snprintf(text, sizeof text, "is done: %u pool elements have this registrar as their home", moved);
    say(target, LOG_NOTICE, text);
}

static bool await_all(struct enrp *e, struct peer *target)
{
    struct takeover *t = &target->takeover;
    if (!t->awaited && !(t->awaited = calloc(e->n_peers, sizeof *t->awaited)))
        return false;
    t->n_awaited = 0;
    for (struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries))
        if (p != target && p->seen.connected &&
            (p->seen.state == ENRP_PEER_ACTIVE || p->seen.state == ENRP_PEER_PROBED))
            t->awaited[t->n_awaited++] = p->seen.identifier;
    return true;
}

/* RFC 5353, 3.5.1. Alone, there is nobody to ask, and the takeover is complete at once. */
static void attempt(struct enrp *e, struct peer *target, uint64_t now_ms)
{
    struct takeover *t = &target->takeover;
    unsigned attempts = t->attempts + 1;

    takeover_end(target);
    if (!enrp_serving(e) || !await_all(e, target)) {
        wait_for(e, target, 0, now_ms);
        return;
    }
    t->phase = TAKEOVER_ARBITRATION;
    t->attempts = attempts;
    t->until_ms = now_ms + e->settings.max_time_no_response_ms;
    send_to_all(e, ENRP_INIT_TAKEOVER, target->seen.identifier, NULL);
    if (t->n_awaited == 0)
        enforce(e, target, now_ms);
}

void takeover_of(struct enrp *e, struct peer *dead, uint64_t now_ms)
{
    takeover_without(e, dead->seen.identifier);
    if (!peer_owns(e, dead) || dead->takeover.phase == TAKEOVER_ARBITRATION ||
        dead->takeover.phase == TAKEOVER_WAITING)
        return;
    takeover_end(dead);
    say(dead, LOG_NOTICE, "begins");
    attempt(e, dead, now_ms);
}

/* Takes one that has acknowledged, or is dead, off the list. */
static bool strike(struct takeover *t, uint32_t identifier)
{
    for (size_t i = 0; i < t->n_awaited; i++)
        if (t->awaited[i] == identifier) {
            t->awaited[i] = t->awaited[--t->n_awaited];
            return true;
        }
    return false;
}

void takeover_without(struct enrp *e, uint32_t identifier)
{
    for (struct peer *p = TAILQ_FIRST(&e->peers); p && identifier; p = TAILQ_NEXT(p, entries)) {
        struct takeover *t = &p->takeover;
        if ((t->phase == TAKEOVER_ARBITRATION && strike(t, identifier) && t->n_awaited == 0) ||
            (t->phase == TAKEOVER_WAITING && t->winner == identifier))
            t->until_ms = NOW;
    }
}

/* Those who do not answer have to show that they live; who is dead then is not waited for. */
static void arbitration_stalls(struct enrp *e, struct peer *target, uint64_t now_ms)
{
    struct takeover *t = &target->takeover;

    if (t->n_awaited == 0 || t->attempts >= ATTEMPTS_MAX) {
        if (t->n_awaited)
            say(target, LOG_WARNING, "goes on without the acknowledgement of all peers");
        enforce(e, target, now_ms);
        return;
    }
    for (size_t i = 0; i < t->n_awaited; i++) {
        struct peer *p = peer_find(e, t->awaited[i]);
        if (p && p->seen.state == ENRP_PEER_ACTIVE)
            peer_probe(e, p, now_ms);
    }
    attempt(e, target, now_ms);
}

void takeover_tick(struct enrp *e, struct peer *target, uint64_t now_ms)
{
    struct takeover *t = &target->takeover;

    if (t->ask_at_ms && t->ask_at_ms <= now_ms) {
        struct peer *winner = peer_find(e, t->winner);
        t->ask_at_ms = now_ms + e->settings.max_time_no_response_ms;
        if (winner && winner->seen.connected && peer_owns(e, target))
            presence_send(e, winner, winner->channel, ENRP_FLAG_REPLY_REQUIRED);
    }
    if (!t->until_ms || t->until_ms > now_ms)
        return;
    if (t->phase == TAKEOVER_ARBITRATION) {
        arbitration_stalls(e, target, now_ms);
    } else if (!peer_owns(e, target)) {
        takeover_end(target);
    } else {
        say(target, LOG_NOTICE, "is tried by this registrar now");
        attempt(e, target, now_ms);
    }
}

/* --- others take over
 * ------------------------------------------------------------------------------------------------------ */

/* RFC 5353, 3.5.1: it is not monitored any more; when it speaks it is active again. */
static void give_up(struct enrp *e, struct peer *target, uint32_t to, uint64_t now_ms)
{
    bool gave_way = target->takeover.phase == TAKEOVER_ARBITRATION;

    wait_for(e, target, to, now_ms);
    if (gave_way)
        say(target, LOG_NOTICE, "is left to another registrar");
    if (target->seen.state != ENRP_PEER_ACTIVE && target->seen.state != ENRP_PEER_PROBED)
        return;
    target->answer_by_ms = 0;
    peer_set_state(e, target, ENRP_PEER_DEAD);
}

/* RFC 5353, 3.5.1: whoever believes this registrar dead, or makes others believe it, has to be told. */
static void object(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    if (!peer_may_ask(e, p, now_ms))
        return;
    log_warning("ENRP: registrar 0x%08x takes this registrar over; answering that it is alive",
                p->seen.identifier);
    presence_announce(e);
}

void takeover_announced(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct peer *target = peer_find(e, m->target);

    if (m->target == e->settings.registrar && !e->leaving) {
        object(e, p, o->now_ms);
        return;
    }
    if (m->target == m->sender) {
        enrp_unexpected(e, m, o, "a registrar cannot take itself over");
        return;
    }
    if (target && target->takeover.phase == TAKEOVER_ARBITRATION && takeover_beats(e, m->sender))
        return;
    if (target && target->takeover.phase == TAKEOVER_DONE) /* the sender has missed it */
        send_takeover(e, o->channel, ENRP_TAKEOVER_SERVER, p->seen.identifier, m->target);
    else if (target && peer_may_ask(e, p, o->now_ms))
        give_up(e, target, m->sender, o->now_ms);
    send_takeover(e, o->channel, ENRP_INIT_TAKEOVER_ACK, p->seen.identifier, m->target);
}

/* One that comes late, or twice, means nothing. */
void takeover_acknowledged(struct enrp *e, struct peer *p, const struct wire_message *m,
                           const struct origin *o)
{
    struct peer *target = peer_find(e, m->target);

    if (target && target->takeover.phase == TAKEOVER_ARBITRATION &&
        strike(&target->takeover, p->seen.identifier) && target->takeover.n_awaited == 0)
        enforce(e, target, o->now_ms);
}

void takeover_enforced(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct peer *target = peer_find(e, m->target);
    uint32_t moved;

    if (m->target == e->settings.registrar) {
        object(e, p, o->now_ms);
        return;
    }
    if (m->target == m->sender || (target && target->seen.state == ENRP_PEER_ACTIVE)) {
        enrp_unexpected(e, m, o, "the registrar that was taken over is alive");
        return;
    }
    sync_end(p); /* what it owns is more now than its table could tell */
    move_all(e, m->target, p->seen.identifier, o->now_ms, &moved);
    if (moved)
        log_notice("ENRP: registrar 0x%08x has taken over registrar 0x%08x with %u pool elements", m->sender,
                   m->target, moved);
    if (!target)
        return;
    takeover_end(target);
    target->answer_by_ms = 0;
    peer_detach(e, target, true);
    if (target->seen.state == ENRP_PEER_PROBED)
        peer_set_state(e, target, ENRP_PEER_DEAD);
}
