/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Audit and re-synchronisation (RFC 5353, 3.6): a peer's checksum against what is known here of its elements;
 * when they differ, its table of own elements. The RFC marks what is known and removes what stays marked.
 * Here what the table names is gathered instead, and compared with the checksum once more before anything is
 * removed: an answer in pieces that misses one must not cost living elements.
 */
#include "base/error.h"
#include "enrp/internal.h"

#include <stdlib.h>

enum { FIRST_ROOM = 256, BACKOFF_MAX = 6, ENTRIES_SLACK = 1024 };
/* rsplib's sum wraps at 32 bits: once in no fewer than so many elements (18 words of 16 bits each). */
enum { ELEMENTS_PER_WRAP = 3640 };

/* --- comparing
 * -------------------------------------------------------------------------------------------------------------
 */

/* In compat mode a value is right, too, that misses one for each time that an accumulator of 32 bits has
 * wrapped: 2^32 is 1 in one's complement arithmetic of 16 bits. */
static bool same(const struct enrp *e, uint32_t elements, uint16_t true_value, uint16_t told)
{
    uint32_t missing = (told + UINT32_C(65535) - true_value) % 65535;
    return told == true_value || (e->settings.compat_rsplib && missing <= elements / ELEMENTS_PER_WRAP);
}

static bool in_step(const struct enrp *e, const struct peer *p, uint16_t told)
{
    return same(e, peer_owns(e, p), handlespace_checksum(e->options.handlespace, p->seen.identifier), told);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool named(const struct sync *s, const struct pool_element *element)
{
    uint64_t key = element_key(element);
    return s->n_keys && bsearch(&key, s->keys, s->n_keys, sizeof key, compare);
}

/* --- begin and end
 * ---------------------------------------------------------------------------------------------------------
 */

void sync_end(struct peer *p)
{
    struct sync *s = &p->sync;
    free(s->keys);
    *s = (struct sync){
        .not_before_ms = s->not_before_ms, .failures = s->failures, .conflicted = s->conflicted};
}

/* What goes wrong again and again is tried less and less often. */
static void finish(struct enrp *e, struct peer *p, bool well, uint64_t now_ms)
{
    struct sync *s = &p->sync;
    unsigned shift = s->failures < BACKOFF_MAX ? s->failures : BACKOFF_MAX;
    s->failures = well ? 0 : s->failures + 1;
    s->not_before_ms = now_ms + ((uint64_t)e->settings.max_time_no_response_ms * 2 << shift);
    sync_end(p);
}

static void fail(struct enrp *e, struct peer *p, const char *why, uint64_t now_ms)
{
    log_warning("ENRP: synchronisation with registrar 0x%08x failed: %s", p->seen.identifier, why);
    finish(e, p, false, now_ms);
}

static void request(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    struct writer w = enrp_begin(e, ENRP_HANDLE_TABLE_REQUEST, ENRP_FLAG_OWN_CHILDREN, p->seen.identifier);
    p->sync.phase = SYNC_TABLE;
    p->sync.answer_by_ms = now_ms + e->settings.max_time_no_response_ms;
    enrp_send(e, p->channel, ENRP_HANDLE_TABLE_REQUEST, wire_end(&w));
}

/* --- the table
 * -------------------------------------------------------------------------------------------------------------
 */

static bool gather(struct sync *s, const struct pool_element *element)
{
    if (s->n_keys == s->room) {
        size_t room = s->room ? s->room * 2 : FIRST_ROOM;
        uint64_t *larger = realloc(s->keys, room * sizeof *larger);
        if (!larger)
            return false;
        s->keys = larger;
        s->room = room;
    }
    s->keys[s->n_keys++] = element_key(element);
    return true;
}

/* Without memory for the note the checksum will not be right, and nothing is removed. */
void sync_note(struct peer *p, const struct pool_element *element)
{
    if (p->sync.phase != SYNC_NONE)
        gather(&p->sync, element);
}

static void leave_out(struct sync *s, struct octets handle, uint32_t identifier)
{
    wire_checksum_add(&s->refused, wire_checksum_of_handle(handle), identifier);
}

/*
 * Both are the home, each by itself: they were apart, and each has taken over the other. The one that loses
 * an arbitration gives way, so that never both do. rsplib gives way whenever it is told of the other: there
 * the one that loses waits for that until the next audit.
 */
static bool keeps(struct enrp *e, struct peer *p, const struct pool_element *own)
{
    struct sync *s = &p->sync;
    bool wins = takeover_beats(e, p->seen.identifier);

    if (!wins && (!e->settings.compat_rsplib || s->conflicted))
        return false;
    s->conflicts = true;
    if (wins)
        update_send(e, p, own, 0);
    return true;
}

static bool take(struct enrp *e, struct peer *p, struct octets handle,
                 const struct wire_pool_element *element, uint64_t now_ms)
{
    struct pool *pool = handlespace_find_pool(e->options.handlespace, handle);
    struct pool_element *known = pool ? handlespace_find(pool, element->identifier) : NULL;

    if (element->home_registrar != p->seen.identifier) {
        e->statistics.elements_refused++;
        return true;
    }
    if (known && pool_element_owner(known) == e->settings.registrar && keeps(e, p, known)) {
        leave_out(&p->sync, handle, element->identifier);
        return true;
    }
    known = update_accept(e, handle, element, now_ms);
    if (!known) {
        leave_out(&p->sync, handle, element->identifier);
        return true;
    }
    return gather(&p->sync, known);
}

void sync_table(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o)
{
    struct sync *s = &p->sync;
    struct wire_list list = m->list;
    struct wire_pool_element element;
    struct octets handle = {0};
    bool is_handle, well = true;
    uint64_t before = s->entries;

    if (m->flags & ENRP_FLAG_REJECT) {
        fail(e, p, "it refuses", o->now_ms);
        return;
    }
    while (well && m->present & WIRE_HAS_LIST && wire_table_next(&list, &is_handle, &handle, &element)) {
        s->entries += !is_handle;
        well = is_handle || take(e, p, handle, &element, o->now_ms);
    }
    if (!well) {
        fail(e, p, error_text(ERR_MEMORY), o->now_ms);
    } else if (!(m->flags & ENRP_FLAG_MORE)) {
        s->phase = SYNC_CONFIRM;
        s->answer_by_ms = o->now_ms + e->settings.max_time_no_response_ms;
        presence_send(e, p, p->channel, ENRP_FLAG_REPLY_REQUIRED);
    } else if (s->entries == before ||
               s->entries > UINT64_C(2) * handlespace_elements(e->options.handlespace) + ENTRIES_SLACK) {
        fail(e, p, "its table has no end", o->now_ms);
    } else {
        request(e, p, o->now_ms);
    }
}

/* --- the end: what is not named, goes
 * ----------------------------------------------------------------------------------------- */

static uint32_t sweep(struct enrp *e, const struct peer *p)
{
    struct handlespace *h = e->options.handlespace;
    struct pool_element *element = handlespace_owned_next(h, p->seen.identifier, NULL), *next;
    uint32_t swept = 0;

    for (; element; element = next) {
        next = handlespace_owned_next(h, p->seen.identifier, element);
        if (!named(&p->sync, element)) {
            handlespace_remove(h, element, HANDLESPACE_PEER);
            swept++;
        }
    }
    return swept;
}

/* What the table has named and is still the peer's. */
static uint16_t checksum_of_named(const struct enrp *e, const struct peer *p, uint32_t *n)
{
    struct handlespace *h = e->options.handlespace;
    struct wire_checksum sum = p->sync.refused;

    for (const struct pool_element *element = NULL;
         (element = handlespace_owned_next(h, p->seen.identifier, element));) {
        if (!named(&p->sync, element))
            continue;
        wire_checksum_add(&sum, wire_checksum_of_handle(pool_handle(pool_element_pool(element))),
                          pool_element_identifier(element));
        ++*n;
    }
    return wire_checksum_value(&sum);
}

static void confirm(struct enrp *e, struct peer *p, uint16_t told, uint64_t now_ms)
{
    struct sync *s = &p->sync;
    uint32_t n = 0, swept;
    uint16_t checksum;

    if (s->n_keys)
        qsort(s->keys, s->n_keys, sizeof *s->keys, compare);
    checksum = checksum_of_named(e, p, &n);
    if (!same(e, n, checksum, told)) {
        fail(e, p, "the table does not fit the checksum", now_ms);
        return;
    }
    swept = sweep(e, p);
    e->statistics.elements_swept += swept;
    log_notice("ENRP: synchronised with registrar 0x%08x: %u pool elements are its, %u were not any more",
               p->seen.identifier, n, swept);
    s->conflicted = s->conflicts;
    finish(e, p, in_step(e, p, told), now_ms);
}

void sync_audit(struct enrp *e, struct peer *p, uint16_t checksum, uint64_t now_ms)
{
    struct sync *s = &p->sync;

    if (s->phase == SYNC_CONFIRM) {
        confirm(e, p, checksum, now_ms);
        return;
    }
    if (s->phase != SYNC_NONE || !enrp_serving(e) || !p->seen.connected)
        return;
    if (in_step(e, p, checksum)) {
        s->failures = 0;
        s->conflicted = false;
        return;
    }
    if (s->not_before_ms > now_ms)
        return;
    log_info("ENRP: registrar 0x%08x has other pool elements than is known here: asking it",
             p->seen.identifier);
    e->statistics.synchronizations++;
    request(e, p, now_ms);
}

void sync_tick(struct enrp *e, struct peer *p, uint64_t now_ms)
{
    if (p->sync.phase != SYNC_NONE && p->sync.answer_by_ms <= now_ms)
        fail(e, p, "no answer in time", now_ms);
}
