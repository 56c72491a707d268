/* SPDX-License-Identifier: BSD-3-Clause */
/* Registrar, pools and pool elements as JSON: the objects of control/METHODS.md. */
#include "base/clock.h"
#include "registrard/registrard.h"

#include <string.h>

static void put_number(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void put_text(json_t *object, const char *key, const char *value)
{
    json_object_set_new(object, key, json_string(value));
}

static json_t *addresses_of_endpoint(const struct endpoint *e)
{
    struct address addresses[SETTINGS_ADDRESSES_MAX];
    size_t n = e ? endpoint_addresses(e, addresses, SETTINGS_ADDRESSES_MAX) : 0;
    json_t *list = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_string(address_format(&addresses[i], text)));
    return list;
}

static json_t *announce_object(const struct announce_settings *a, bool running)
{
    json_t *object = json_object();
    char text[ADDRESS_TEXT_MAX];

    put_text(object, "address", address_format(&a->address, text));
    put_number(object, "port", a->port);
    json_object_set_new(object, "enabled", json_boolean(running));
    return object;
}

static void put_handlespace(json_t *o, const struct registrard *r)
{
    put_number(o, "pools", handlespace_pools(r->handlespace));
    put_number(o, "elements", handlespace_elements(r->handlespace));
    put_number(o, "owned", handlespace_owned(r->handlespace, r->identifier));
    put_number(o, "checksum", handlespace_checksum(r->handlespace, r->identifier));
    put_number(o, "channels", transport_channels(r->transport));
}

json_t *json_registrar(const struct registrard *r)
{
    const struct settings *s = &r->settings;
    json_t *o = json_object(), *transports = json_array();

    if (r->asap_sctp)
        json_array_append_new(transports, json_string("sctp"));
    if (r->asap_tcp)
        json_array_append_new(transports, json_string("tcp"));
    if (r->asap_tcp && endpoint_kind(r->asap_tcp) == TRANSPORT_MPTCP)
        json_array_append_new(transports, json_string("mptcp"));
    put_number(o, "identifier", r->identifier);
    put_text(o, "description", s->description);
    put_text(o, "scope", s->scope_name);
    put_text(o, "version", POOLWARD_VERSION);
    put_number(o, "uptime", clock_ms() - r->started_ms);
    put_number(o, "asap_port", s->asap_port);
    json_object_set_new(o, "asap_transports", transports);
    json_object_set_new(o, "asap_addresses",
                        addresses_of_endpoint(r->asap_sctp ? r->asap_sctp : r->asap_tcp));
    put_number(o, "enrp_port", r->enrp_sctp ? s->enrp_port : 0); /* 0: not served */
    json_object_set_new(o, "enrp_addresses", addresses_of_endpoint(r->enrp_sctp));
    json_object_set_new(o, "asap_announce", announce_object(&s->asap_announce, r->asap_announcer != NULL));
    json_object_set_new(o, "enrp_announce", announce_object(&s->enrp_announce, r->enrp_announcer != NULL));
    put_handlespace(o, r);
    put_text(o, "state", "serving");
    return o;
}

json_t *json_pool(const struct pool *p)
{
    struct octets handle = pool_handle(p);
    json_t *o = json_object();

    put_number(o, "index", pool_index(p));
    control_put_handle(o, handle.data, handle.length);
    put_number(o, "policy", pool_policy(p));
    put_text(o, "policy_name", wire_policy_name(pool_policy(p)));
    put_text(o, "transport", wire_transport_name(pool_transport(p)));
    put_number(o, "transport_use", pool_transport_use(p));
    put_number(o, "elements", pool_elements(p));
    put_number(o, "selections", pool_selections(p));
    return o;
}

/* Which fields a policy has (RFC 5356 and rsplib's). */
enum { WEIGHT = 1, PRIORITY = 2, LOAD = 4, DEGRADATION = 8, WEIGHT_DPF = 16, LOAD_DPF = 32, DISTANCE = 64 };
static const struct {
    uint32_t type;
    unsigned fields;
} policy_fields[] = {
    {POLICY_WRR, WEIGHT},
    {POLICY_WRAND, WEIGHT},
    {POLICY_PRIO, PRIORITY},
    {POLICY_LU, LOAD},
    {POLICY_RLU, LOAD},
    {POLICY_LUD, LOAD | DEGRADATION},
    {POLICY_PLU, LOAD | DEGRADATION},
    {POLICY_RPLU, LOAD | DEGRADATION},
    {POLICY_RLUD, LOAD | DEGRADATION},
    {POLICY_PLUD, LOAD | DEGRADATION},
    {POLICY_RPLUD, LOAD | DEGRADATION},
    {POLICY_WRAND_DPF, WEIGHT | WEIGHT_DPF | DISTANCE},
    {POLICY_LU_DPF, LOAD | LOAD_DPF | DISTANCE},
    {POLICY_LUD_DPF, LOAD | DEGRADATION | LOAD_DPF | DISTANCE},
};

static void put_policy(json_t *o, const struct wire_policy *p)
{
    const struct {
        unsigned field;
        const char *name;
        uint32_t value;
    } all[] = {
        {WEIGHT, "weight", p->weight},
        {PRIORITY, "priority", p->priority},
        {LOAD, "load", p->load},
        {DEGRADATION, "degradation", p->degradation},
        {WEIGHT_DPF, "weight_dpf", p->weight_dpf},
        {LOAD_DPF, "load_dpf", p->load_dpf},
        {DISTANCE, "distance", p->distance},
    };
    unsigned fields = 0;

    put_number(o, "policy", p->type);
    put_text(o, "policy_name", wire_policy_name(p->type));
    for (size_t i = 0; i < sizeof policy_fields / sizeof policy_fields[0]; i++)
        if (policy_fields[i].type == p->type)
            fields = policy_fields[i].fields;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (fields & all[i].field)
            put_number(o, all[i].name, all[i].value);
}

/* IANA's protocol numbers, as RFC 5525 shows them; 0 for opaque. */
static uint8_t protocol_of(uint16_t type)
{
    switch (type) {
    case WIRE_DCCP:
        return 33;
    case WIRE_SCTP:
        return 132;
    case WIRE_TCP:
        return 6;
    case WIRE_UDP:
        return 17;
    case WIRE_UDP_LITE:
        return 136;
    default:
        return 0;
    }
}

static json_t *transport_object(const struct wire_transport *t)
{
    json_t *o = json_object(), *addresses = json_array();
    struct octets run = t->addresses;
    struct address address;
    char text[ADDRESS_TEXT_MAX];

    while (wire_address_next(&run, &address))
        json_array_append_new(addresses, json_string(address_format(&address, text)));
    put_text(o, "transport", wire_transport_name(t->type));
    put_number(o, "protocol", protocol_of(t->type));
    put_number(o, "port", t->port);
    put_number(o, "use", t->use);
    json_object_set_new(o, "addresses", addresses);
    return o;
}

static void put_opaque(json_t *o, const struct wire_transport *t)
{
    json_t *hex = json_object();

    control_put_handle(hex, t->opaque.data, t->opaque.length);
    json_object_set(o, "opaque_hex", json_object_get(hex, "handle_hex"));
    json_decref(hex);
}

static void put_life(json_t *o, const struct pool_element *e, int32_t life)
{
    uint64_t deadline = pool_element_deadline(e, DEADLINE_REGISTRATION), now = clock_ms();

    json_object_set_new(o, "registration_life", json_integer(life));
    if (deadline != HANDLESPACE_NEVER)
        put_number(o, "remaining", deadline > now ? deadline - now : 0);
}

json_t *json_element(const struct pool_element *e)
{
    struct wire_pool_element element;
    json_t *o = json_object(), *user;

    pool_element_decode(e, &element);
    put_number(o, "pool_index", pool_index(pool_element_pool(e)));
    put_number(o, "index", pool_element_index(e));
    put_number(o, "identifier", pool_element_identifier(e));
    put_number(o, "home_registrar", pool_element_owner(e));
    put_policy(o, &element.policy);
    put_life(o, e, element.registration_life);
    user = transport_object(&element.user);
    if (element.user.type == WIRE_OPAQUE)
        put_opaque(user, &element.user);
    json_object_set_new(o, "user", user);
    json_object_set_new(o, "asap", element.asap.type ? transport_object(&element.asap) : json_null());
    put_number(o, "reports", pool_element_reports(e));
    return o;
}

const char *json_reason(enum handlespace_reason reason)
{
    static const char *const names[] = {
        [HANDLESPACE_REGISTERED] = "registered",
        [HANDLESPACE_DEREGISTERED] = "deregistered",
        [HANDLESPACE_EXPIRED] = "expired",
        [HANDLESPACE_UNREACHABLE] = "unreachable",
        [HANDLESPACE_PEER] = "peer",
        [HANDLESPACE_ADMIN] = "admin",
    };
    return reason < sizeof names / sizeof names[0] ? names[reason] : "unknown";
}

static const char *peer_state(enum enrp_peer_state state)
{
    static const char *const names[] = {
        [ENRP_PEER_CONFIGURED] = "configured", [ENRP_PEER_LEARNT] = "learnt", [ENRP_PEER_ACTIVE] = "active",
        [ENRP_PEER_PROBED] = "probed",         [ENRP_PEER_DEAD] = "dead",
    };
    return state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

json_t *json_peer(const struct registrard *r, const struct enrp_peer *peer)
{
    json_t *o = json_object(), *addresses = json_array();
    char text[ADDRESS_TEXT_MAX];

    for (size_t i = 0; i < peer->n_addresses; i++)
        json_array_append_new(addresses, json_string(address_format(&peer->addresses[i], text)));
    put_number(o, "identifier", peer->identifier);
    json_object_set_new(o, "addresses", addresses);
    put_number(o, "port", peer->port);
    if (peer->last_heard_ms)
        put_number(o, "last_heard", clock_ms() - peer->last_heard_ms);
    put_text(o, "state", peer_state(peer->state));
    json_object_set_new(o, "configured", json_boolean(peer->configured));
    json_object_set_new(o, "connected", json_boolean(peer->connected));
    if (peer->has_checksum)
        put_number(o, "checksum", peer->checksum);
    put_number(o, "elements", handlespace_owned(r->handlespace, peer->identifier));
    return o;
}

static json_t *by_type(enum wire_protocol protocol, const uint64_t *counts)
{
    json_t *o = json_object();

    for (uint8_t type = 1; type < ASAP_TYPES; type++)
        if (counts[type])
            put_number(o, wire_message_name(protocol, type), counts[type]);
    if (counts[0])
        put_number(o, "unknown", counts[0]);
    return o;
}

static json_t *by_cause(const uint64_t *counts)
{
    json_t *o = json_object();

    for (uint16_t cause = 0; cause < ASAP_CAUSES; cause++)
        if (counts[cause])
            put_number(o, wire_cause_name(cause), counts[cause]);
    return o;
}

static json_t *asap_object(const struct asap_statistics *s)
{
    json_t *o = json_object();

    json_object_set_new(o, "sent", by_type(WIRE_ASAP, s->sent));
    json_object_set_new(o, "received", by_type(WIRE_ASAP, s->received));
    json_object_set_new(o, "rejected", by_cause(s->rejected));
    put_number(o, "malformed", s->malformed);
    put_number(o, "unrecognized", s->unrecognized);
    put_number(o, "unexpected", s->unexpected);
    put_number(o, "overload", s->overload);
    put_number(o, "addresses_dropped", s->addresses_dropped);
    put_number(o, "notifications", s->notifications);
    put_number(o, "send_failures", s->send_failures);
    put_number(o, "elements_lost", s->elements_lost);
    put_number(o, "elements_expired", s->elements_expired);
    return o;
}

static json_t *enrp_object(const struct enrp_statistics *s)
{
    json_t *o = json_object();

    json_object_set_new(o, "sent", by_type(WIRE_ENRP, s->sent));
    json_object_set_new(o, "received", by_type(WIRE_ENRP, s->received));
    json_object_set_new(o, "rejected", json_object()); /* ENRP refuses no request by a cause */
    put_number(o, "malformed", s->malformed);
    put_number(o, "unrecognized", s->unrecognized);
    put_number(o, "unexpected", s->unexpected);
    put_number(o, "elements_accepted", s->elements_accepted);
    put_number(o, "elements_refused", s->elements_refused);
    put_number(o, "peers_refused", s->peers_refused);
    put_number(o, "send_failures", s->send_failures);
    put_number(o, "overload", s->overload);
    put_number(o, "takeovers", s->takeovers);
    put_number(o, "elements_adopted", s->elements_adopted);
    put_number(o, "synchronizations", s->synchronizations);
    put_number(o, "elements_swept", s->elements_swept);
    return o;
}

static json_t *transport_counters(const struct transport_statistics *s)
{
    const struct {
        const char *name;
        uint64_t value;
    } all[] = {
        {"channels_opened", s->channels_opened},
        {"channels_closed", s->channels_closed},
        {"channels_refused", s->channels_refused},
        {"channels_silent", s->channels_silent},
        {"messages_received", s->messages_received},
        {"messages_sent", s->messages_sent},
        {"octets_received", s->octets_received},
        {"octets_sent", s->octets_sent},
        {"messages_too_long", s->messages_too_long},
        {"unframeable", s->unframeable},
        {"queues_overflowed", s->queues_overflowed},
        {"paths_lost", s->paths_lost},
        {"reads", s->reads},
        {"stayed", s->stayed},
        {"stays_in_vain", s->stays_in_vain},
    };
    json_t *o = json_object();

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        put_number(o, all[i].name, all[i].value);
    return o;
}

json_t *json_statistics(const struct registrard *r)
{
    json_t *o = json_object();

    json_object_set_new(o, "asap", asap_object(asap_statistics(r->asap)));
    if (r->enrp)
        json_object_set_new(o, "enrp", enrp_object(enrp_statistics(r->enrp)));
    json_object_set_new(o, "transport", transport_counters(transport_statistics(r->transport)));
    return o;
}
