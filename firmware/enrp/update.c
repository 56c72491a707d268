/* SPDX-License-Identifier: BSD-3-Clause */
/* ENRP_HANDLE_UPDATE (RFC 5353, 2.4, 3.3): changes of own elements to all peers, changes of peers' elements
 * to here. */
#include "base/error.h"
#include "enrp/internal.h"

#include <stdio.h>

enum { PE_LIFE = 12 }; /* offset of Registration Life in a Pool Element parameter (RFC 5354, 3.10) */
enum { LOG_INTERVAL_MS = 10000 };
enum { COMPAT_HANDLE_MAX = 32 }; /* a longer one ends an rsplib registrar */
/* Elements of which a registrar tells the others when it stops. */
enum { LEAVE_MAX = 1000 };

/* rsplib counts milliseconds without a sign (compat mode). */
static uint32_t life_to_wire(int32_t seconds)
{
    if (seconds < 0)
        return UINT32_MAX;
    uint64_t ms = (uint64_t)seconds * 1000;
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1;
}

static int32_t life_from_wire(int32_t life)
{
    uint32_t ms = (uint32_t)life;
    return ms == UINT32_MAX ? WIRE_LIFE_FOREVER : (int32_t)(ms / 1000 + (ms % 1000 != 0));
}

void update_put_element(const struct enrp *e, struct writer *w, const struct pool_element *element)
{
    struct octets parameter = pool_element_parameter(element);
    wire_put_raw(w, parameter);
    if (e->settings.compat_rsplib && !w->failed) {
        uint8_t *life = w->at - parameter.length + PE_LIFE;
        octets_store32(life, life_to_wire((int32_t)octets_load32(life)));
    }
}

bool update_may_tell(const struct enrp *e, struct octets handle)
{
    return !e->settings.compat_rsplib || handle.length <= COMPAT_HANDLE_MAX;
}

struct pool_element *update_accept(struct enrp *e, struct octets handle,
                                   const struct wire_pool_element *element, uint64_t now_ms)
{
    struct wire_pool_element known = *element;
    struct pool_element *accepted = NULL;
    if (e->settings.compat_rsplib)
        known.registration_life = life_from_wire(element->registration_life);
    int error =
        handlespace_register(e->options.handlespace, handle, &known, now_ms, HANDLESPACE_PEER, &accepted);
    if (!error) {
        e->statistics.elements_accepted++;
        return accepted;
    }
    char id[16];
    uint32_t more;
    e->statistics.elements_refused++;
    snprintf(id, sizeof id, "0x%08x", element->identifier);
    if (log_limit_allows(&e->log_refused, now_ms, LOG_INTERVAL_MS, &more))
        log_write(LOG_WARNING, (struct log_field[]){{"PE_ID", id}, {0}},
                  "ENRP: pool element %s of registrar 0x%08x in pool %.*s refused: %s (%u more not logged)",
                  id, element->home_registrar, (int)handle.length, (const char *)handle.data,
                  error_text(error), more);
    return NULL;
}

static void add(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct pool_element *element = update_accept(e, m->pool_handle, &m->element, o->now_ms);
    if (!element)
        return;
    sync_note(p, element);
    if (m->flags & ENRP_FLAG_TAKEOVER_SUGGESTED && e->options.suggested && !e->leaving)
        e->options.suggested(e->options.context, element, o->now_ms);
}

/* Its home, or who may just have become that and has not said so yet (rsplib does not). */
static bool speaks_for(const struct enrp *e, const struct peer *p, const struct pool_element *element)
{
    uint32_t owner = pool_element_owner(element);
    const struct peer *home = owner == p->seen.identifier ? p : peer_find(e, owner);
    return home == p ||
           (home && home->takeover.phase == TAKEOVER_WAITING && home->takeover.winner == p->seen.identifier);
}

void update_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    if (m->action == WIRE_ACTION_ADD_PE) {
        if (m->element.home_registrar == p->seen.identifier) {
            add(e, p, m, o);
            return;
        }
    } else {
        struct pool *pool = handlespace_find_pool(e->options.handlespace, m->pool_handle);
        struct pool_element *element = pool ? handlespace_find(pool, m->element.identifier) : NULL;
        if (!element)
            return;
        if (speaks_for(e, p, element)) {
            e->statistics.elements_accepted++;
            handlespace_remove(e->options.handlespace, element, HANDLESPACE_PEER);
            return;
        }
    }
    e->statistics.elements_refused++;
    enrp_unexpected(e, m, o, "the sender is not the element's home registrar");
}

/* --- to the peers
 * ------------------------------------------------------------------------------------------------------------
 */

static int write_update(struct enrp *e, uint16_t action, const struct pool_element *element, uint8_t flags)
{
    struct octets handle = pool_handle(pool_element_pool(element));
    if (!update_may_tell(e, handle))
        return 0;
    struct writer w = enrp_begin(e, ENRP_HANDLE_UPDATE, flags, 0);
    writer_u16(&w, action);
    writer_u16(&w, 0);
    wire_put_pool_handle(&w, handle);
    update_put_element(e, &w, element);
    return wire_end(&w);
}

void update_send(struct enrp *e, struct peer *p, const struct pool_element *element, uint8_t flags)
{
    int length = p->seen.connected ? write_update(e, WIRE_ACTION_ADD_PE, element, flags) : 0;
    if (length)
        enrp_send(e, p->channel, ENRP_HANDLE_UPDATE, length);
}

/* draft-dreibholz-rserpool-enrp-takeover: the registrar whose identifier differs most. NULL: this one, or
 * nobody. `leaving`: not this one. */
static struct peer *better_home(const struct enrp *e, uint32_t identifier)
{
    struct peer *best = NULL;
    uint32_t distance = e->leaving ? 0 : e->settings.registrar ^ identifier;
    for (struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries))
        if (p->seen.connected && p->seen.state == ENRP_PEER_ACTIVE &&
            (p->seen.identifier ^ identifier) > distance) {
            best = p;
            distance = p->seen.identifier ^ identifier;
        }
    return best;
}

static void tell_all(struct enrp *e, uint16_t action, const struct pool_element *element)
{
    bool suggest = e->settings.suggest_takeover && action == WIRE_ACTION_ADD_PE;
    struct peer *better = suggest ? better_home(e, pool_element_identifier(element)) : NULL;
    int length = 0;
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (!p->seen.connected)
            continue;
        if (!length && !(length = write_update(e, action, element, 0)))
            return;
        if (length > 0)
            e->buffer[1] = p == better ? ENRP_FLAG_TAKEOVER_SUGGESTED : 0;
        enrp_send(e, p->channel, ENRP_HANDLE_UPDATE, length);
    }
}

void enrp_handlespace_changed(struct enrp *e, const struct handlespace_event *event)
{
    uint16_t action;
    switch (event->change) {
    case HANDLESPACE_ELEMENT_OWNER: /* a takeover is told as a whole, a registration ends in one of the next
                                     */
        if (e->moving || event->reason != HANDLESPACE_PEER)
            return;
        action = WIRE_ACTION_ADD_PE;
        break;
    case HANDLESPACE_ELEMENT_ADDED:
    case HANDLESPACE_ELEMENT_UPDATED:
    case HANDLESPACE_ELEMENT_REFRESHED:
        action = WIRE_ACTION_ADD_PE;
        break;
    case HANDLESPACE_ELEMENT_REMOVED:
        action = WIRE_ACTION_DEL_PE;
        break;
    default: /* pools come and go with their elements */
        return;
    }
    if (pool_element_owner(event->element) == e->settings.registrar)
        tell_all(e, action, event->element);
}

void enrp_leave(struct enrp *e)
{
    struct pool_element *element = NULL;
    e->leaving = true;
    for (unsigned n = 0; n < LEAVE_MAX && (element = handlespace_owned_next(e->options.handlespace,
                                                                            e->settings.registrar, element));
         n++) {
        struct peer *p = better_home(e, pool_element_identifier(element));
        if (p)
            update_send(e, p, element, ENRP_FLAG_TAKEOVER_SUGGESTED);
    }
}
