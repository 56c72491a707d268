/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Registration, removal, selection: the operations that keep the tables of the other files in step, and the
 * reading of pools and elements. Whatever can fail is done before the first change, so that an error leaves
 * everything as it was.
 */
#include "handlespace/handlespace.h"

#include "base/error.h"
#include "handlespace/heap.h"
#include "handlespace/policy.h"

enum { DEFAULT_POOLS = 100000, DEFAULT_ELEMENTS = 1000000, DEFAULT_HANDLE = 255 };
enum { USUAL_PARAMETER = 512 };
static const uint64_t LATEST_MS = (UINT64_C(1) << 47) - 1;

static const struct handlespace_options no_options;

struct handlespace *handlespace_new(const struct handlespace_options *options)
{
    struct handlespace *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->options = options ? *options : no_options;
    h->random = h->options.random_seed;
    h->octets = heap_block(h);
    h->free_slot = NO_SLOT;
    handlespace_set_limits(h, h->options.max_pools, h->options.max_elements, h->options.max_handle_size);
    return h;
}

void handlespace_free(struct handlespace *h)
{
    if (!h)
        return;
    elements_release(h);
    pools_release(h);
    owners_release(h);
    deadlines_release(h);
    free(h);
}

void handlespace_set_limits(struct handlespace *h, uint32_t max_pools, uint32_t max_elements,
                            uint32_t max_handle_size)
{
    h->options.max_pools = max_pools ? max_pools : DEFAULT_POOLS;
    h->options.max_elements = max_elements ? max_elements : DEFAULT_ELEMENTS;
    h->options.max_handle_size = max_handle_size ? max_handle_size : DEFAULT_HANDLE;
    if (h->options.max_handle_size > UINT16_MAX)
        h->options.max_handle_size = UINT16_MAX;
}

static void report(const struct handlespace *h, enum handlespace_change change,
                   enum handlespace_reason reason, struct pool *p, struct pool_element *e,
                   uint32_t previous_owner)
{
    if (!h->options.changed)
        return;
    struct handlespace_event event = {change, reason, p, e, previous_owner};
    h->options.changed(h->options.context, &event);
}

/* --- registration
 * ---------------------------------------------------------------------------------------------- */

/* A registration on its way: what was asked for, and its encoded form. */
struct registration {
    struct octets handle;
    const struct wire_pool_element *element;
    uint64_t now_ms;
    enum handlespace_reason reason;
    uint32_t hash;
    const uint8_t *parameter;
    size_t length;
};

static uint64_t life_deadline(const struct registration *r)
{
    if (r->element->registration_life < 0)
        return HANDLESPACE_NEVER;
    uint64_t at = r->now_ms + (uint64_t)r->element->registration_life * 1000;
    return at ? at : 1;
}

static int check(const struct handlespace *h, const struct pool *p, const struct registration *r)
{
    if (r->handle.length == 0)
        return ERR_ARGUMENT;
    if (r->handle.length > h->options.max_handle_size)
        return ERR_TOO_LONG;
    if (!p)
        return policy_find(r->element->policy.type) ? 0 : ERR_POLICY;
    if (p->policy_type != r->element->policy.type)
        return ERR_POLICY;
    if (p->transport != r->element->user.type)
        return ERR_TRANSPORT;
    return p->transport_use == r->element->user.use ? 0 : ERR_TRANSPORT_USE;
}

static int check_room(const struct handlespace *h, const struct pool *p)
{
    if (h->n_elements >= h->options.max_elements || (p && p->last_number == UINT32_MAX))
        return ERR_LIMIT;
    if (!p && (h->n_pools >= h->options.max_pools || h->last_pool_number == UINT32_MAX))
        return ERR_LIMIT;
    return 0;
}

static uint8_t *parameter_new(struct handlespace *h, const struct policy *policy,
                              const struct registration *r)
{
    uint8_t *parameter = parameters_take(h, policy, r->length);
    if (parameter)
        memcpy(parameter, r->parameter, r->length);
    return parameter;
}

static struct pool *pool_new(struct handlespace *h, const struct registration *r)
{
    struct pool *p = pools_add(h, r->handle, r->hash);
    if (!p)
        return NULL;
    p->policy_type = r->element->policy.type;
    p->policy = policy_find(p->policy_type);
    p->transport = r->element->user.type;
    p->transport_use = r->element->user.use;
    return p;
}

/* Puts an element into its pool's tables; NO_SLOT when out of memory, with nothing left behind. */
static uint32_t element_new(struct handlespace *h, struct pool *p, const struct registration *r)
{
    uint32_t slot = elements_take(h);
    if (slot == NO_SLOT)
        return NO_SLOT;
    struct pool_element *e = space_element(h, slot);
    *e = (struct pool_element){
        .pool = p, .deadline_position = NO_SLOT, .parameter = parameter_new(h, p->policy, r)};
    if (!e->parameter) {
        elements_give(h, slot);
        return NO_SLOT;
    }
    if (index_put(&p->elements, r->element->identifier, slot, &h->octets)) {
        if (p->policy->operations->insert(p, slot))
            return slot;
        index_erase(&p->elements, r->element->identifier, &h->octets);
    }
    parameters_give(h, p->policy, e->parameter);
    elements_give(h, slot);
    return NO_SLOT;
}

static int add(struct handlespace *h, struct pool *p, const struct registration *r, struct pool_element **out)
{
    int error = check_room(h, p);
    if (error)
        return error;
    if (!owners_reserve(h) || !deadlines_reserve(h))
        return ERR_MEMORY;
    bool first = !p;
    if (first && !(p = pool_new(h, r)))
        return ERR_MEMORY;
    uint32_t slot = element_new(h, p, r);
    if (slot == NO_SLOT) {
        if (first) {
            pools_remove(h, p);
            pools_free(h, p);
        }
        return ERR_MEMORY;
    }
    struct pool_element *e = space_element(h, slot);
    e->number = ++p->last_number;
    e->life_at = life_deadline(r);
    p->n_elements++;
    h->n_elements++;
    owners_add(h, slot);
    deadlines_update(h, slot);
    *out = e;
    if (first)
        report(h, HANDLESPACE_POOL_ADDED, r->reason, p, NULL, 0);
    report(h, HANDLESPACE_ELEMENT_ADDED, r->reason, p, e, 0);
    return 0;
}

static bool same_but_life_and_owner(const struct pool_element *e, const struct registration *r)
{
    return element_parameter_length(e->parameter) == r->length &&
           memcmp(e->parameter + PE_USER_TRANSPORT, r->parameter + PE_USER_TRANSPORT,
                  r->length - PE_USER_TRANSPORT) == 0;
}

static bool policy_renew(struct pool *p, uint32_t slot, const struct registration *r)
{
    bool (*update)(struct pool *, uint32_t, const uint8_t *) = p->policy->operations->update;
    return !update || update(p, slot, parameter_policy(r->parameter));
}

/* Exchanges the parameter and tells the policy. False: out of memory, nothing is changed. */
static bool replace(struct handlespace *h, uint32_t slot, const struct registration *r)
{
    struct pool_element *e = space_element(h, slot);
    struct pool *p = e->pool;
    uint8_t *parameter = e->parameter;
    if (element_parameter_length(parameter) != r->length && !(parameter = parameter_new(h, p->policy, r)))
        return false;
    if (!policy_renew(p, slot, r)) {
        if (parameter != e->parameter)
            parameters_give(h, p->policy, parameter);
        return false;
    }
    if (parameter != e->parameter) {
        parameters_give(h, p->policy, e->parameter);
        e->parameter = parameter;
    } else {
        memcpy(parameter, r->parameter, r->length);
    }
    return true;
}

static int refresh(struct handlespace *h, uint32_t slot, const struct registration *r,
                   struct pool_element **out)
{
    struct pool_element *e = space_element(h, slot);
    uint32_t owner = pool_element_owner(e);
    bool moves = owner != r->element->home_registrar, same = same_but_life_and_owner(e, r);
    if (moves && !owners_reserve(h))
        return ERR_MEMORY;
    if (moves)
        owners_remove(h, slot);
    bool done = same ? !e->pool->policy->degrades || policy_renew(e->pool, slot, r) : replace(h, slot, r);
    if (done) {
        memcpy(e->parameter + PE_HOME_REGISTRAR, r->parameter + PE_HOME_REGISTRAR,
               PE_USER_TRANSPORT - PE_HOME_REGISTRAR);
        e->reports = 0;
        e->life_at = life_deadline(r);
        deadlines_update(h, slot);
    }
    if (moves)
        owners_add(h, slot);
    if (!done)
        return ERR_MEMORY;
    *out = e;
    if (moves)
        report(h, HANDLESPACE_ELEMENT_OWNER, r->reason, e->pool, e, owner);
    report(h, same ? HANDLESPACE_ELEMENT_REFRESHED : HANDLESPACE_ELEMENT_UPDATED, r->reason, e->pool, e,
           owner);
    return 0;
}

/* No less than what the element takes when it is encoded. */
static size_t bound(const struct wire_pool_element *e)
{
    return 128 + e->user.addresses.length + e->user.opaque.length + e->policy.other.length +
           e->asap.addresses.length + e->asap.opaque.length;
}

static int register_encoded(struct handlespace *h, struct registration *r, uint8_t *buffer, size_t capacity,
                            struct pool_element **out)
{
    struct writer w = writer_of(buffer, capacity);
    wire_put_pool_element(&w, r->element);
    while (writer_used(&w) % 4 && !w.failed)
        writer_u8(&w, 0);
    if (w.failed)
        return ERR_TOO_LONG;
    r->parameter = buffer;
    r->length = writer_used(&w);
    r->hash = pools_hash(h, r->handle);
    struct pool *p = pools_find(h, r->handle, r->hash);
    int error = check(h, p, r);
    if (error)
        return error;
    const uint32_t *slot = p ? index_find(&p->elements, r->element->identifier) : NULL;
    return slot ? refresh(h, *slot, r, out) : add(h, p, r, out);
}

int handlespace_register(struct handlespace *h, struct octets pool_handle,
                         const struct wire_pool_element *element, uint64_t now_ms,
                         enum handlespace_reason reason, struct pool_element **out)
{
    struct registration r = {.handle = pool_handle, .element = element, .now_ms = now_ms, .reason = reason};
    struct pool_element *ignored;
    uint8_t usual[USUAL_PARAMETER];
    size_t capacity = bound(element);
    if (!out)
        out = &ignored;
    if (capacity <= sizeof usual)
        return register_encoded(h, &r, usual, sizeof usual, out);
    uint8_t *large = malloc(capacity);
    if (!large)
        return ERR_MEMORY;
    int error = register_encoded(h, &r, large, capacity, out);
    free(large);
    return error;
}

void handlespace_remove(struct handlespace *h, struct pool_element *e, enum handlespace_reason reason)
{
    struct pool *p = e->pool;
    uint32_t identifier = pool_element_identifier(e), slot = *index_find(&p->elements, identifier);
    p->policy->operations->remove(p, slot);
    owners_remove(h, slot);
    deadlines_remove(h, e);
    index_erase(&p->elements, identifier, &h->octets);
    p->n_elements--;
    h->n_elements--;
    if (!p->n_elements)
        pools_remove(h, p);
    report(h, HANDLESPACE_ELEMENT_REMOVED, reason, p, e, pool_element_owner(e));
    if (!p->n_elements)
        report(h, HANDLESPACE_POOL_REMOVED, reason, p, NULL, 0);
    parameters_give(h, p->policy, e->parameter);
    elements_give(h, slot);
    if (!p->n_elements)
        pools_free(h, p);
}

void handlespace_set_owner(struct handlespace *h, struct pool_element *e, uint32_t registrar)
{
    uint32_t previous = pool_element_owner(e);
    if (previous == registrar || !owners_reserve(h))
        return;
    uint32_t slot = *index_find(&e->pool->elements, pool_element_identifier(e));
    owners_remove(h, slot);
    wire_patch_home_registrar(e->parameter, registrar);
    owners_add(h, slot);
    report(h, HANDLESPACE_ELEMENT_OWNER, HANDLESPACE_PEER, e->pool, e, previous);
}

/* --- finding and choosing
 * ---------------------------------------------------------------------------------------- */

struct pool *handlespace_find_pool(const struct handlespace *h, struct octets handle)
{
    return pools_find(h, handle, pools_hash(h, handle));
}

struct pool_element *handlespace_find(const struct pool *p, uint32_t identifier)
{
    const uint32_t *slot = index_find(&p->elements, identifier);
    return slot ? space_element(p->space, *slot) : NULL;
}

size_t handlespace_select(struct handlespace *h, struct pool *p, size_t k, struct pool_element **out)
{
    (void)h;
    if (k > p->n_elements)
        k = p->n_elements;
    if (k == 0)
        return 0;
    size_t n = p->policy->operations->select(p, k, out);
    p->selections += n;
    return n;
}

bool handlespace_policy_known(uint32_t policy_type)
{
    return policy_find(policy_type) != NULL;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------ */

uint32_t handlespace_pools(const struct handlespace *h)
{
    return h->n_pools;
}

uint32_t handlespace_elements(const struct handlespace *h)
{
    return h->n_elements;
}

size_t handlespace_octets(const struct handlespace *h)
{
    return h->octets;
}

struct pool_element *handlespace_element_after(const struct pool *p, uint32_t identifier)
{
    const struct index_entry *entry = index_after(&p->elements, identifier);
    return entry ? space_element(p->space, entry->value) : NULL;
}

struct pool_element *handlespace_element_next(const struct pool *p, const struct pool_element *e)
{
    if (e)
        return handlespace_element_after(p, pool_element_identifier(e));
    const struct index_leaf *leaf = p->elements.first;
    return leaf ? space_element(p->space, leaf->entries[0].value) : NULL;
}

struct octets pool_handle(const struct pool *p)
{
    return octets_of(p->handle, p->handle_length);
}

uint32_t pool_index(const struct pool *p)
{
    return p->number;
}

uint32_t pool_policy(const struct pool *p)
{
    return p->policy_type;
}

uint16_t pool_transport(const struct pool *p)
{
    return p->transport;
}

uint16_t pool_transport_use(const struct pool *p)
{
    return p->transport_use;
}

uint32_t pool_elements(const struct pool *p)
{
    return p->n_elements;
}

uint64_t pool_selections(const struct pool *p)
{
    return p->selections;
}

struct pool *pool_element_pool(const struct pool_element *e)
{
    return e->pool;
}

uint32_t pool_element_identifier(const struct pool_element *e)
{
    return octets_load32(e->parameter + PE_IDENTIFIER);
}

uint32_t pool_element_index(const struct pool_element *e)
{
    return e->number;
}

uint32_t pool_element_owner(const struct pool_element *e)
{
    return octets_load32(e->parameter + PE_HOME_REGISTRAR);
}

struct octets pool_element_parameter(const struct pool_element *e)
{
    return octets_of(e->parameter, element_parameter_length(e->parameter));
}

void pool_element_decode(const struct pool_element *e, struct wire_pool_element *out)
{
    memset(out, 0, sizeof *out);
    wire_parse_pool_element(pool_element_parameter(e), out);
}

uint64_t pool_element_channel(const struct pool_element *e)
{
    return e->channel;
}

void pool_element_set_channel(struct pool_element *e, uint64_t channel)
{
    e->channel = channel;
}

uint32_t pool_element_reports(const struct pool_element *e)
{
    return e->reports;
}

void pool_element_set_reports(struct pool_element *e, uint32_t reports)
{
    e->reports = (uint16_t)(reports < UINT16_MAX ? reports : UINT16_MAX);
}

/* --- deadlines
 * ---------------------------------------------------------------------------------------------------- */

void pool_element_set_deadline(struct handlespace *h, struct pool_element *e, enum handlespace_deadline kind,
                               uint64_t at_ms)
{
    if (at_ms > LATEST_MS)
        at_ms = LATEST_MS;
    if (kind == DEADLINE_REGISTRATION) {
        e->life_at = at_ms;
    } else {
        e->keep_alive_at = at_ms & LATEST_MS;
        e->keep_alive_is_timeout = kind == DEADLINE_KEEP_ALIVE_TIMEOUT;
    }
    uint32_t position = e->deadline_position;
    deadlines_update(h, position != NO_SLOT ? h->deadlines.slots[position]
                                            : *index_find(&e->pool->elements, pool_element_identifier(e)));
}

uint64_t pool_element_deadline(const struct pool_element *e, enum handlespace_deadline kind)
{
    if (kind == DEADLINE_REGISTRATION)
        return e->life_at;
    bool timeout = kind == DEADLINE_KEEP_ALIVE_TIMEOUT;
    return timeout == e->keep_alive_is_timeout ? e->keep_alive_at : HANDLESPACE_NEVER;
}
