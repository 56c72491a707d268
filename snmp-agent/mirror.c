/* SPDX-License-Identifier: BSD-3-Clause */
/* The mirror's trees, and JSON of the feed turned into their rows. Apart from feed.c so that no socket is
 * needed to test. */
#include "snmp-agent/mirror.h"

#include "control/control.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { POLICY_NAMES_MAX = 64, POLICY_NAME_MAX = 63, OPAQUE_MAX = 1024, HANDLE_LIMIT = 65535 };

RB_HEAD(pools, mirror_pool);
RB_HEAD(elements, mirror_element);
RB_HEAD(peers, mirror_peer);

struct mirror {
    bool has_registrar;
    struct mirror_registrar registrar;
    struct pools pools;
    struct elements elements;
    struct peers peers;
    uint32_t n_pools, n_elements;
    uint32_t generation;       /* of the snapshot that rows belong to */
    uint32_t peers_generation; /* peers come as whole lists */
    unsigned n_policy_names;
    char policy_names[POLICY_NAMES_MAX][POLICY_NAME_MAX + 1]; /* shared: an element keeps only a number */
};

static int compare(uint32_t a, uint32_t b)
{
    return a < b ? -1 : a > b;
}

static int pool_compare(const struct mirror_pool *a, const struct mirror_pool *b)
{
    return compare(a->index, b->index);
}

static int element_compare(const struct mirror_element *a, const struct mirror_element *b)
{
    return a->pool_index != b->pool_index ? compare(a->pool_index, b->pool_index)
                                          : compare(a->index, b->index);
}

static int peer_compare(const struct mirror_peer *a, const struct mirror_peer *b)
{
    return compare(a->identifier, b->identifier);
}

/* libbsd leaves it to the user, as glibc has fields of that name. */
#define __unused __attribute__((unused))
RB_GENERATE_STATIC(pools, mirror_pool, by_index, pool_compare)
RB_GENERATE_STATIC(elements, mirror_element, by_index, element_compare)
RB_GENERATE_STATIC(peers, mirror_peer, by_identifier, peer_compare)

/* --- JSON
 * ----------------------------------------------------------------------------------------------------------
 */

static json_int_t number(const json_t *object, const char *key, json_int_t low, json_int_t high)
{
    json_int_t n = json_integer_value(json_object_get(object, key));
    return n < low ? low : n > high ? high : n;
}

static uint32_t number32(const json_t *object, const char *key)
{
    return (uint32_t)number(object, key, 0, UINT32_MAX);
}

static uint16_t number16(const json_t *object, const char *key)
{
    return (uint16_t)number(object, key, 0, UINT16_MAX);
}

static void read_text(const json_t *object, const char *key, struct mirror_text *out)
{
    const json_t *value = json_object_get(object, key);
    size_t length = json_string_length(value);

    out->length = (uint16_t)(length > MIRROR_TEXT_MAX ? MIRROR_TEXT_MAX : length);
    if (out->length)
        memcpy(out->octets, json_string_value(value), out->length);
}

/* The addresses of an array of text that are addresses; out may be NULL to count them. */
static uint8_t read_addresses(const json_t *array, struct address *out)
{
    uint8_t n = 0;
    struct address a;

    for (size_t i = 0; i < json_array_size(array) && n < MIRROR_ADDRESSES_MAX; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text || !address_parse(text, &a))
            continue;
        if (out)
            out[n] = a;
        n++;
    }
    return n;
}

static struct mirror_announce read_announce(const json_t *object)
{
    struct mirror_announce a = {.enabled = json_is_true(json_object_get(object, "enabled")),
                                .port = number16(object, "port")};
    const char *text = json_string_value(json_object_get(object, "address"));

    if (!text || !address_parse(text, &a.address))
        a.address = (struct address){0};
    return a;
}

/* "data", "data+control" or the number on the wire (RFC 5354, 3.3) */
static uint8_t read_use(const json_t *value)
{
    const char *text = json_string_value(value);
    return text ? strstr(text, "control") != NULL : json_integer_value(value) == 1;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

static uint16_t read_hex(const char *text, uint8_t *out)
{
    uint16_t n = 0;
    int high, low;

    while (text && n < OPAQUE_MAX && (high = hex_digit(text[0])) >= 0 && (low = hex_digit(text[1])) >= 0) {
        out[n++] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    return n;
}

static uint8_t policy_name(struct mirror *m, const char *name)
{
    for (unsigned i = 0; i < m->n_policy_names; i++)
        if (strncmp(m->policy_names[i], name, POLICY_NAME_MAX) == 0)
            return (uint8_t)i;
    if (m->n_policy_names == POLICY_NAMES_MAX)
        return POLICY_NAMES_MAX;
    strncpy(m->policy_names[m->n_policy_names], name, POLICY_NAME_MAX);
    return (uint8_t)m->n_policy_names++;
}

/* --- rows
 * ----------------------------------------------------------------------------------------------------------
 */

static void pool_remove(struct mirror *m, struct mirror_pool *p)
{
    RB_REMOVE(pools, &m->pools, p);
    m->n_pools--;
    free(p);
}

static void element_remove(struct mirror *m, struct mirror_element *e)
{
    RB_REMOVE(elements, &m->elements, e);
    m->n_elements--;
    free(e);
}

static void peer_remove(struct mirror *m, struct mirror_peer *p)
{
    RB_REMOVE(peers, &m->peers, p);
    free(p);
}

static bool pool_put(struct mirror *m, const json_t *pool)
{
    uint8_t handle[HANDLE_LIMIT];
    uint32_t index = number32(pool, "index");
    int length = control_get_handle(pool, handle, sizeof handle);

    if (index == 0 || length < 0)
        return false;
    size_t kept = length > MIRROR_HANDLE_MAX ? MIRROR_HANDLE_MAX : (size_t)length;
    struct mirror_pool *p = malloc(sizeof *p + kept);
    if (!p)
        return false;
    p->index = index;
    p->generation = m->generation;
    p->handle_length = (uint16_t)kept;
    memcpy(p->handle, handle, kept);
    struct mirror_pool *old = RB_FIND(pools, &m->pools, p);
    if (old)
        pool_remove(m, old);
    RB_INSERT(pools, &m->pools, p);
    m->n_pools++;
    return true;
}

static void element_read(struct mirror *m, const json_t *element, struct mirror_element *e)
{
    const json_t *user = json_object_get(element, "user"), *asap = json_object_get(element, "asap");
    const char *name = json_string_value(json_object_get(element, "policy_name"));
    static const struct {
        const char *key;
        uint8_t flag;
    } values[] = {
        {"weight", MIRROR_HAS_WEIGHT}, {"load", MIRROR_HAS_LOAD}, {"degradation", MIRROR_HAS_DEGRADATION}};

    e->identifier = number32(element, "identifier");
    e->home_registrar = number32(element, "home_registrar");
    e->policy = number32(element, "policy");
    e->weight = number32(element, "weight");
    e->load = number32(element, "load");
    e->degradation = number32(element, "degradation");
    e->registration_life = (int32_t)number(element, "registration_life", MIRROR_LIFE_FOREVER, INT32_MAX);
    e->generation = m->generation;
    e->has = json_is_object(asap) ? MIRROR_HAS_ASAP : 0;
    for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++)
        if (json_is_integer(json_object_get(element, values[i].key)))
            e->has |= values[i].flag;
    e->asap_port = number16(asap, "port");
    e->user_port = number16(user, "port");
    e->protocol = (uint8_t)number(user, "protocol", 0, UINT8_MAX);
    e->use = read_use(json_object_get(user, "use"));
    e->policy_name = policy_name(m, name ? name : "");
}

static bool element_put(struct mirror *m, const json_t *element)
{
    const json_t *user = json_object_get(element, "user");
    const json_t *user_addresses = json_object_get(user, "addresses");
    const json_t *asap_addresses = json_object_get(json_object_get(element, "asap"), "addresses");
    struct mirror_element key = {.pool_index = number32(element, "pool_index"),
                                 .index = number32(element, "index")};
    uint8_t opaque[OPAQUE_MAX];

    if (key.pool_index == 0 || key.index == 0)
        return false;
    uint16_t opaque_length = read_hex(json_string_value(json_object_get(user, "opaque_hex")), opaque);
    uint8_t asap_count = read_addresses(asap_addresses, NULL);
    uint8_t user_count = opaque_length ? 0 : read_addresses(user_addresses, NULL);
    struct mirror_element *e =
        malloc(sizeof *e + (size_t)(asap_count + user_count) * sizeof e->addresses[0] + opaque_length);
    if (!e)
        return false;
    *e = key;
    e->asap_count = asap_count;
    e->user_count = user_count;
    e->opaque_length = opaque_length;
    read_addresses(asap_addresses, e->addresses);
    if (user_count)
        read_addresses(user_addresses, e->addresses + asap_count);
    memcpy(e->addresses + asap_count + user_count, opaque, opaque_length);
    element_read(m, element, e);
    struct mirror_element *old = RB_FIND(elements, &m->elements, e);
    if (old)
        element_remove(m, old);
    RB_INSERT(elements, &m->elements, e);
    m->n_elements++;
    return true;
}

static bool peer_put(struct mirror *m, const json_t *peer, uint64_t now_ms)
{
    const json_t *addresses = json_object_get(peer, "addresses");
    uint32_t identifier = number32(peer, "identifier");
    uint64_t ago_ms = (uint64_t)number(peer, "last_heard", 0, LLONG_MAX);

    if (identifier == 0) /* a configured address from which none has spoken yet */
        return false;
    uint8_t count = read_addresses(addresses, NULL);
    struct mirror_peer *p = malloc(sizeof *p + count * sizeof p->addresses[0]);
    if (!p)
        return false;
    p->identifier = identifier;
    p->generation = m->peers_generation;
    p->heard_ms = ago_ms < now_ms ? now_ms - ago_ms : 0;
    p->port = number16(peer, "port");
    p->addresses_count = read_addresses(addresses, p->addresses);
    struct mirror_peer *old = RB_FIND(peers, &m->peers, p);
    if (old)
        peer_remove(m, old);
    RB_INSERT(peers, &m->peers, p);
    return true;
}

void mirror_set_registrar(struct mirror *m, const json_t *registrar, uint64_t now_ms)
{
    struct mirror_registrar *r = &m->registrar;
    uint64_t uptime_ms = (uint64_t)number(registrar, "uptime", 0, LLONG_MAX);

    if (!json_is_object(registrar))
        return;
    m->has_registrar = true;
    r->identifier = number32(registrar, "identifier");
    r->enrp_port = number16(registrar, "enrp_port");
    read_text(registrar, "description", &r->description);
    read_text(registrar, "scope", &r->scope);
    r->started_ms = uptime_ms < now_ms ? now_ms - uptime_ms : 0;
    r->asap_announce = read_announce(json_object_get(registrar, "asap_announce"));
    r->enrp_announce = read_announce(json_object_get(registrar, "enrp_announce"));
    r->enrp_addresses_count = read_addresses(json_object_get(registrar, "enrp_addresses"), r->enrp_addresses);
}

void mirror_set_peers(struct mirror *m, const json_t *peers, uint64_t now_ms)
{
    struct mirror_peer *p, *after;

    m->peers_generation++;
    for (size_t i = 0; i < json_array_size(peers); i++)
        peer_put(m, json_array_get(peers, i), now_ms);
    RB_FOREACH_SAFE(p, peers, &m->peers, after)
    if (p->generation != m->peers_generation)
        peer_remove(m, p);
}

void mirror_set_description(struct mirror *m, struct octets text)
{
    struct mirror_text *d = &m->registrar.description;

    d->length = (uint16_t)(text.length > MIRROR_TEXT_MAX ? MIRROR_TEXT_MAX : text.length);
    if (d->length)
        memcpy(d->octets, text.data, d->length);
}

/* --- the feed's kinds
 * ------------------------------------------------------------------------------------------------ */

static bool on_begin(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    (void)params;
    (void)now_ms;
    m->generation++;
    return true;
}

static bool on_end(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    struct mirror_pool *p, *p_after;
    struct mirror_element *e, *e_after;

    (void)params;
    (void)now_ms;
    RB_FOREACH_SAFE(p, pools, &m->pools, p_after)
    if (p->generation != m->generation)
        pool_remove(m, p);
    RB_FOREACH_SAFE(e, elements, &m->elements, e_after)
    if (e->generation != m->generation)
        element_remove(m, e);
    return true;
}

static bool on_pool(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    (void)now_ms;
    return pool_put(m, json_object_get(params, "pool"));
}

static bool on_pool_removed(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    struct mirror_pool key = {.index = number32(params, "index")}, *p = RB_FIND(pools, &m->pools, &key);
    struct mirror_element first = {.pool_index = key.index}, *e = RB_NFIND(elements, &m->elements, &first),
                          *after;

    (void)now_ms;
    for (; e && e->pool_index == key.index; e = after) {
        after = RB_NEXT(elements, &m->elements, e);
        element_remove(m, e);
    }
    if (p)
        pool_remove(m, p);
    return p != NULL;
}

static bool on_element(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    (void)now_ms;
    return element_put(m, json_object_get(params, "element"));
}

static bool on_element_removed(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    struct mirror_element key = {.pool_index = number32(params, "pool_index"),
                                 .index = number32(params, "index")};
    struct mirror_element *e = RB_FIND(elements, &m->elements, &key);

    (void)now_ms;
    if (e)
        element_remove(m, e);
    return e != NULL;
}

static bool on_registrar(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    mirror_set_registrar(m, json_object_get(params, "registrar"), now_ms);
    return true;
}

static bool on_peer(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    return peer_put(m, json_object_get(params, "peer"), now_ms);
}

static bool on_peer_removed(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    struct mirror_peer key = {.identifier = number32(params, "identifier")},
                       *p = RB_FIND(peers, &m->peers, &key);

    (void)now_ms;
    if (p)
        peer_remove(m, p);
    return p != NULL;
}

bool mirror_apply(struct mirror *m, const json_t *params, uint64_t now_ms)
{
    static const struct {
        const char *kind;
        bool (*apply)(struct mirror *m, const json_t *params, uint64_t now_ms);
    } kinds[] = {
        {"element", on_element},
        {"element-removed", on_element_removed},
        {"pool", on_pool},
        {"pool-removed", on_pool_removed},
        {"registrar", on_registrar},
        {"peer", on_peer},
        {"peer-removed", on_peer_removed},
        {"snapshot-begin", on_begin},
        {"snapshot-end", on_end},
    };
    const char *kind = json_string_value(json_object_get(params, "kind"));

    for (unsigned i = 0; kind && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].apply(m, params, now_ms);
    return false;
}

/* --- reading
 * ---------------------------------------------------------------------------------------------------------
 */

const struct mirror_registrar *mirror_registrar(const struct mirror *m)
{
    return m->has_registrar ? &m->registrar : NULL;
}

/* The searches of <sys/tree.h> take no const head, but change nothing. */
const struct mirror_pool *mirror_pool_from(const struct mirror *m, uint32_t index)
{
    struct mirror_pool key = {.index = index};
    return RB_NFIND(pools, (struct pools *)&m->pools, &key);
}

const struct mirror_element *mirror_element_from(const struct mirror *m, uint32_t pool_index, uint32_t index)
{
    struct mirror_element key = {.pool_index = pool_index, .index = index};
    return RB_NFIND(elements, (struct elements *)&m->elements, &key);
}

const struct mirror_peer *mirror_peer_from(const struct mirror *m, uint32_t identifier)
{
    struct mirror_peer key = {.identifier = identifier};
    return RB_NFIND(peers, (struct peers *)&m->peers, &key);
}

uint32_t mirror_pools(const struct mirror *m)
{
    return m->n_pools;
}

uint32_t mirror_elements(const struct mirror *m)
{
    return m->n_elements;
}

const char *mirror_policy_name(const struct mirror *m, const struct mirror_element *e)
{
    return e->policy_name < m->n_policy_names ? m->policy_names[e->policy_name] : "";
}

struct mirror *mirror_new(void)
{
    struct mirror *m = calloc(1, sizeof *m);

    if (m) {
        RB_INIT(&m->pools);
        RB_INIT(&m->elements);
        RB_INIT(&m->peers);
    }
    return m;
}

void mirror_clear(struct mirror *m)
{
    struct mirror_pool *pool;
    struct mirror_element *element;
    struct mirror_peer *peer;

    while ((pool = RB_ROOT(&m->pools)))
        pool_remove(m, pool);
    while ((element = RB_ROOT(&m->elements)))
        element_remove(m, element);
    while ((peer = RB_ROOT(&m->peers)))
        peer_remove(m, peer);
    m->has_registrar = false;
}

void mirror_free(struct mirror *m)
{
    if (!m)
        return;
    mirror_clear(m);
    free(m);
}
