/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Joining the others (RFC 5353, 3.2): a mentor is found among the peers, its list of registrars is learnt,
 * its handlespace downloaded. A mentor that refuses is asked again, one that falls silent is replaced; when
 * the time for the search is over and nobody is there, this registrar is alone and serves.
 */
#include "enrp/internal.h"

/* Start-up takes at most so many times MAX-TIME-NO-RESPONSE; what is missing then, audits find. */
enum { LONGEST = 60 };
/* A mentor may tell so many elements more that are known than there are: some change meanwhile. */
enum { STALE_SLACK = 1024 };

void startup_begin(struct enrp *e, uint64_t now_ms)
{
    uint64_t unit = e->settings.max_time_no_response_ms;
    e->startup = (struct startup){.search_until_ms = now_ms + unit, .give_up_ms = now_ms + unit * LONGEST};
}

static void finish(struct enrp *e, const char *how)
{
    log_notice("ENRP: start-up is over, %s: %u pool elements were downloaded, %u peers are known", how,
               e->startup.elements, e->n_peers);
    e->startup.phase = STARTUP_DONE;
    e->startup.mentor = NULL;
    if (e->options.serving)
        e->options.serving(e->options.context);
}

static void search_again(struct enrp *e, uint64_t at_ms)
{
    e->startup.phase = STARTUP_SEARCH;
    e->startup.mentor = NULL;
    e->startup.retry_at_ms = at_ms;
}

/* A backup mentor is asked at once, if there is one, also after the time for the search (RFC 5353, 3.2.2.2).
 */
void startup_lost(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    if (e->startup.mentor != p)
        return;
    log_warning("ENRP: mentor 0x%08x is lost in the middle of start-up", p->seen.identifier);
    p->mentor_failed = true;
    search_again(e, now_ms);
}

static void request(struct enrp *e, uint8_t type, enum startup_phase phase, uint64_t now_ms)
{
    struct peer *mentor = e->startup.mentor;
    struct writer w = enrp_begin(e, type, 0, mentor->seen.identifier);
    e->startup.phase = phase;
    e->startup.answer_by_ms = now_ms + e->settings.max_time_no_response_ms;
    enrp_send(e, mentor->channel, type, wire_end(&w));
}

/* Peers by administration come first (RFC 5353, 3.2.2.1). */
static struct peer *candidate(const struct enrp *e)
{
    struct peer *found = NULL;
    for (struct peer *p = TAILQ_FIRST(&e->peers); p; p = TAILQ_NEXT(p, entries))
        if (p->seen.state == ENRP_PEER_ACTIVE && p->seen.connected && !p->mentor_failed &&
            (!found || (p->seen.configured && !found->seen.configured)))
            found = p;
    return found;
}

void startup_tick(struct enrp *e, uint64_t now_ms)
{
    struct startup *s = &e->startup;
    if (s->phase == STARTUP_DONE)
        return;
    if (s->give_up_ms <= now_ms) {
        finish(e, "it has taken too long");
        return;
    }
    if (s->mentor && s->answer_by_ms <= now_ms)
        startup_lost(e, s->mentor, now_ms);
    if (s->mentor)
        return;
    struct peer *mentor = candidate(e);
    if (s->search_until_ms <= now_ms && (!mentor || s->retry_at_ms > now_ms)) {
        finish(e, "no mentor was found");
        return;
    }
    if (mentor && s->retry_at_ms <= now_ms) {
        s->mentor = mentor;
        request(e, ENRP_LIST_REQUEST, STARTUP_LIST, now_ms);
    }
}

uint64_t startup_next_deadline(const struct enrp *e)
{
    const struct startup *s = &e->startup;
    if (s->phase == STARTUP_DONE)
        return UINT64_MAX;
    if (s->mentor)
        return s->answer_by_ms < s->give_up_ms ? s->answer_by_ms : s->give_up_ms;
    uint64_t next = s->search_until_ms;
    if (candidate(e))
        sooner(&next, s->retry_at_ms ? s->retry_at_ms : 1);
    return next;
}

static bool awaited(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o,
                    enum startup_phase phase)
{
    if (e->startup.phase == phase && e->startup.mentor == p)
        return true;
    enrp_unexpected(e, m, o, "nobody asked for it");
    return false;
}

void list_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    if (!awaited(e, p, m, o, STARTUP_LIST))
        return;
    if (m->flags & ENRP_FLAG_REJECT) {
        search_again(e, o->now_ms + RETRY_MS);
        return;
    }
    struct wire_list list = m->list;
    struct wire_server server;
    while (m->present & WIRE_HAS_LIST && wire_server_next(&list, &server))
        if (server.identifier && server.identifier != e->settings.registrar)
            peer_learn(e, &server, o->now_ms);
    request(e, ENRP_HANDLE_TABLE_REQUEST, STARTUP_TABLE, o->now_ms);
}

/* Own elements are known better here: what a mentor remembers of them is not taken. */
static bool is_own(const struct enrp *e, struct octets handle, const struct wire_pool_element *element)
{
    if (element->home_registrar == e->settings.registrar)
        return true;
    struct pool *pool = handlespace_find_pool(e->options.handlespace, handle);
    struct pool_element *known = pool ? handlespace_find(pool, element->identifier) : NULL;
    return known && pool_element_owner(known) == e->settings.registrar;
}

/* A table tells each element once, so that of those known already there are no more than there are. */
static bool endless(struct enrp *e, uint32_t before, uint64_t told)
{
    uint32_t now = handlespace_elements(e->options.handlespace);
    e->startup.stale = now > before ? 0 : e->startup.stale + told;
    return e->startup.stale > UINT64_C(2) * now + STALE_SLACK;
}

void table_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    if (p->sync.phase == SYNC_TABLE) {
        sync_table(e, p, m, o);
        return;
    }
    if (!awaited(e, p, m, o, STARTUP_TABLE))
        return;
    if (m->flags & ENRP_FLAG_REJECT) {
        search_again(e, o->now_ms + RETRY_MS);
        return;
    }
    struct wire_list list = m->list;
    struct wire_pool_element element;
    struct octets handle = {0};
    bool is_handle, any = false;
    uint32_t before = handlespace_elements(e->options.handlespace);
    uint64_t told = 0;
    while (m->present & WIRE_HAS_LIST && wire_table_next(&list, &is_handle, &handle, &element)) {
        any = true;
        told += !is_handle;
        if (is_handle || is_own(e, handle, &element) || !update_accept(e, handle, &element, o->now_ms))
            continue;
        e->startup.elements++;
        peer_learn_home(e, element.home_registrar, o->now_ms);
    }
    if (!(m->flags & ENRP_FLAG_MORE))
        finish(e, "the mentor's handlespace is complete");
    else if (any && !endless(e, before, told))
        request(e, ENRP_HANDLE_TABLE_REQUEST, STARTUP_TABLE, o->now_ms);
    else /* more and more of nothing: no mentor */
        startup_lost(e, p, o->now_ms);
}
