/* SPDX-License-Identifier: BSD-3-Clause */
/* ENRP_HANDLE_UPDATE (RFC 5353, 2.4, 3.3): changes of own elements to all peers, changes of peers' elements
 * to here. */
#include "base/error.h"
#include "enrp/internal.h"

#include <stdio.h>

enum { PE_LIFE = 12 }; /* offset of Registration Life in a Pool Element parameter (RFC 5354, 3.10) */
enum { LOG_INTERVAL_MS = 10000 };

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

bool update_accept(struct enrp *e, struct octets handle, const struct wire_pool_element *element,
                   uint64_t now_ms)
{
    struct wire_pool_element known = *element;
    if (e->settings.compat_rsplib)
        known.registration_life = life_from_wire(element->registration_life);
    int error = handlespace_register(e->options.handlespace, handle, &known, now_ms, HANDLESPACE_PEER, NULL);
    if (!error) {
        e->statistics.elements_accepted++;
        return true;
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
    return false;
}

void update_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    if (m->action == WIRE_ACTION_ADD_PE) {
        if (m->element.home_registrar == p->seen.identifier) {
            update_accept(e, m->pool_handle, &m->element, o->now_ms);
            return;
        }
    } else {
        struct pool *pool = handlespace_find_pool(e->options.handlespace, m->pool_handle);
        struct pool_element *element = pool ? handlespace_find(pool, m->element.identifier) : NULL;
        if (!element)
            return;
        if (pool_element_owner(element) == p->seen.identifier) {
            e->statistics.elements_accepted++;
            handlespace_remove(e->options.handlespace, element, HANDLESPACE_PEER);
            return;
        }
    }
    e->statistics.elements_refused++;
    enrp_unexpected(e, m, o, "the sender is not the element's home registrar");
}

void enrp_handlespace_changed(struct enrp *e, const struct handlespace_event *event)
{
    uint16_t action;
    switch (event->change) {
    case HANDLESPACE_ELEMENT_ADDED:
    case HANDLESPACE_ELEMENT_UPDATED:
    case HANDLESPACE_ELEMENT_REFRESHED:
        action = WIRE_ACTION_ADD_PE;
        break;
    case HANDLESPACE_ELEMENT_REMOVED:
        action = WIRE_ACTION_DEL_PE;
        break;
    default: /* pools come and go with their elements; a registration that moves the owner ends in UPDATED or
                REFRESHED */
        return;
    }
    if (pool_element_owner(event->element) != e->settings.registrar)
        return;
    int length = 0;
    for (struct peer *p = TAILQ_FIRST(&e->peers), *next; p; p = next) {
        next = TAILQ_NEXT(p, entries);
        if (!p->seen.connected)
            continue;
        if (!length) {
            struct writer w = enrp_begin(e, ENRP_HANDLE_UPDATE, 0, 0);
            writer_u16(&w, action);
            writer_u16(&w, 0);
            wire_put_pool_handle(&w, pool_handle(event->pool));
            update_put_element(e, &w, event->element);
            length = wire_end(&w);
        }
        enrp_send(e, p->channel, ENRP_HANDLE_UPDATE, length);
    }
}
