/* SPDX-License-Identifier: BSD-3-Clause */
/* Rows of RSERPOOL-MIB's registrar branch: where the rows of each table come from, and one line for each
 * column. */
#include "snmp-agent/rserpool.h"

#include "snmp-agent/description.h"

enum { REGISTRAR_INDEX = 1 }; /* one registrar a box */

/* InetAddressType (RFC 4001) */
enum { INET_UNKNOWN = 0, INET_IPV4 = 1, INET_IPV6 = 2 };

/* --- rows
 * ----------------------------------------------------------------------------------------------------------
 */

/* Every table but the peers' begins with the registrar's index. True when rows of ours can be at or after the
 * index; *exact tells whether the rest of the index counts or is to be taken as 0. */
static bool registrar_from(const struct mirror *m, const uint32_t *index, bool *exact)
{
    *exact = index[0] == REGISTRAR_INDEX;
    return mirror_registrar(m) && index[0] <= REGISTRAR_INDEX;
}

static bool registrar_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    bool exact;

    if (!registrar_from(m, index, &exact))
        return false;
    *out = (struct table_row){.index = {REGISTRAR_INDEX}, .object = mirror_registrar(m)};
    return true;
}

static bool pool_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    bool exact;
    const struct mirror_pool *p;

    if (!registrar_from(m, index, &exact) || !(p = mirror_pool_from(m, exact ? index[1] : 0)))
        return false;
    *out = (struct table_row){.index = {REGISTRAR_INDEX, p->index}, .object = p};
    return true;
}

static bool element_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    bool exact;
    const struct mirror_element *e;

    if (!registrar_from(m, index, &exact) ||
        !(e = exact ? mirror_element_from(m, index[1], index[2]) : mirror_element_from(m, 0, 0)))
        return false;
    *out = (struct table_row){.index = {REGISTRAR_INDEX, e->pool_index, e->index}, .object = e};
    return true;
}

/* Items count from 1; false when there is none at or after `from` (which may be 0). */
static bool item_from(uint32_t from, uint32_t count, uint32_t *item)
{
    *item = from > 1 ? from - 1 : 0;
    return *item < count;
}

/* The first item of an element's list at or after an index; elements without any are passed over. */
static bool element_item_row(const struct mirror *m, const uint32_t *index, struct table_row *out,
                             uint32_t (*count)(const struct mirror_element *e))
{
    uint32_t at[3] = {index[0], index[1], index[2]}, from = index[3], item;

    while (element_row(m, at, out)) {
        const struct mirror_element *e = out->object;
        if (memcmp(at, out->index, sizeof at) != 0)
            from = 0;
        if (item_from(from, count(e), &item)) {
            out->item = item;
            out->index[3] = item + 1;
            return true;
        }
        memcpy(at, out->index, sizeof at);
        if (++at[2] == 0 && ++at[1] == 0)
            return false;
        from = 0;
    }
    return false;
}

static uint32_t asap_items(const struct mirror_element *e)
{
    return e->asap_count;
}

static uint32_t user_items(const struct mirror_element *e)
{
    return e->opaque_length ? 1 : e->user_count;
}

static bool asap_address_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    return element_item_row(m, index, out, asap_items);
}

static bool user_address_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    return element_item_row(m, index, out, user_items);
}

static bool enrp_address_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    bool exact;
    uint32_t item;

    if (!registrar_from(m, index, &exact) ||
        !item_from(exact ? index[1] : 0, mirror_registrar(m)->enrp_addresses_count, &item))
        return false;
    *out =
        (struct table_row){.index = {REGISTRAR_INDEX, item + 1}, .object = mirror_registrar(m), .item = item};
    return true;
}

/* A peer's identifier is its index: unique, never zero, and the same for as long as the peer lives. */
static bool peer_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    const struct mirror_peer *p = mirror_peer_from(m, index[0]);

    if (p)
        *out = (struct table_row){.index = {p->identifier}, .object = p};
    return p != NULL;
}

static bool peer_address_row(const struct mirror *m, const uint32_t *index, struct table_row *out)
{
    uint32_t at = index[0], from = index[1], item;

    for (; peer_row(m, &at, out); from = 0) {
        const struct mirror_peer *p = out->object;
        if (item_from(p->identifier == at ? from : 0, p->addresses_count, &item)) {
            out->item = item;
            out->index[1] = item + 1;
            return true;
        }
        if ((at = p->identifier + 1) == 0)
            return false;
    }
    return false;
}

/* --- cells
 * ---------------------------------------------------------------------------------------------------------
 */

#define REGISTRAR ((const struct mirror_registrar *)row->object)
#define POOL      ((const struct mirror_pool *)row->object)
#define ELEMENT   ((const struct mirror_element *)row->object)
#define PEER      ((const struct mirror_peer *)row->object)

/* One getter: the number or the octets of a cell as an expression over the row. */
#define NUMBER(name, expression)                                                                             \
    static void name(const struct table_view *v, const struct table_row *row, struct table_cell *out)        \
    {                                                                                                        \
        (void)v;                                                                                             \
        out->number = (uint32_t)(expression);                                                                \
    }
#define OCTETS(name, expression)                                                                             \
    static void name(const struct table_view *v, const struct table_row *row, struct table_cell *out)        \
    {                                                                                                        \
        (void)v;                                                                                             \
        out->octets = (expression);                                                                          \
    }
#define PRESENT(name, expression)                                                                            \
    static bool name(const struct table_row *row)                                                            \
    {                                                                                                        \
        return (expression);                                                                                 \
    }

static struct octets text_octets(const struct mirror_text *t)
{
    return octets_of(t->octets, t->length);
}

static struct octets string_octets(const char *s)
{
    return octets_of(s, strlen(s));
}

static struct octets address_octets(const struct address *a)
{
    return octets_of(a->octets, a->family == 4 ? 4 : 16);
}

static uint32_t address_type(const struct address *a)
{
    return a->family == 4 ? INET_IPV4 : INET_IPV6;
}

/* Milliseconds as TimeTicks: hundredths of a second, which wrap as the type says (RFC 2578, 7.1.8). */
static uint32_t ticks(uint64_t now_ms, uint64_t since_ms)
{
    return now_ms > since_ms ? (uint32_t)((now_ms - since_ms) / 10) : 0;
}

/* A length of time is no clock: it is clamped, and for ever is the largest. */
static uint32_t life_ticks(int32_t seconds)
{
    return seconds < 0 || (uint32_t)seconds > UINT32_MAX / 100 ? UINT32_MAX : (uint32_t)seconds * 100;
}

NUMBER(registrar_identifier, REGISTRAR->identifier)
OCTETS(registrar_scope, text_octets(&REGISTRAR->scope))
OCTETS(registrar_description, text_octets(&REGISTRAR->description))
NUMBER(registrar_uptime, ticks(v->now_ms, REGISTRAR->started_ms))
NUMBER(registrar_port, REGISTRAR->enrp_port)
NUMBER(asap_announce_port, REGISTRAR->asap_announce.port)
NUMBER(asap_announce_type, address_type(&REGISTRAR->asap_announce.address))
OCTETS(asap_announce_address, address_octets(&REGISTRAR->asap_announce.address))
NUMBER(enrp_announce_port, REGISTRAR->enrp_announce.port)
NUMBER(enrp_announce_type, address_type(&REGISTRAR->enrp_announce.address))
OCTETS(enrp_announce_address, address_octets(&REGISTRAR->enrp_announce.address))
PRESENT(registrar_identified, REGISTRAR->identifier != 0)
PRESENT(registrar_speaks_enrp, REGISTRAR->enrp_port != 0)
PRESENT(asap_announces, REGISTRAR->asap_announce.enabled && REGISTRAR->asap_announce.address.family != 0)
PRESENT(enrp_announces, REGISTRAR->enrp_announce.enabled && REGISTRAR->enrp_announce.address.family != 0)

OCTETS(pool_handle_octets, octets_of(POOL->handle, POOL->handle_length))

NUMBER(element_identifier, ELEMENT->identifier)
NUMBER(element_asap_port, ELEMENT->asap_port)
NUMBER(element_protocol, ELEMENT->protocol)
NUMBER(element_user_port, ELEMENT->user_port)
NUMBER(element_use, ELEMENT->use)
NUMBER(element_policy, ELEMENT->policy)
OCTETS(element_policy_name, string_octets(mirror_policy_name(v->mirror, ELEMENT)))
NUMBER(element_weight, ELEMENT->weight)
NUMBER(element_load, ELEMENT->load)
NUMBER(element_degradation, ELEMENT->degradation)
NUMBER(element_life, life_ticks(ELEMENT->registration_life))
NUMBER(element_home, ELEMENT->home_registrar)
PRESENT(element_identified, ELEMENT->identifier != 0)
PRESENT(element_has_asap, (ELEMENT->has & MIRROR_HAS_ASAP) != 0)
PRESENT(element_has_ip, ELEMENT->opaque_length == 0)
PRESENT(element_has_policy, ELEMENT->policy != 0)
PRESENT(element_has_weight, (ELEMENT->has & MIRROR_HAS_WEIGHT) != 0)
PRESENT(element_has_load, (ELEMENT->has & MIRROR_HAS_LOAD) != 0)
PRESENT(element_has_degradation, (ELEMENT->has & MIRROR_HAS_DEGRADATION) != 0)
PRESENT(element_has_home, ELEMENT->home_registrar != 0)

NUMBER(asap_address_type, address_type(&ELEMENT->addresses[row->item]))
OCTETS(asap_address, address_octets(&ELEMENT->addresses[row->item]))
NUMBER(user_address_type,
       ELEMENT->opaque_length ? INET_UNKNOWN : address_type(&mirror_user_addresses(ELEMENT)[row->item]))
OCTETS(user_address, ELEMENT->opaque_length ? octets_of(NULL, 0)
                                            : address_octets(&mirror_user_addresses(ELEMENT)[row->item]))
OCTETS(user_opaque, mirror_opaque(ELEMENT))
PRESENT(user_is_opaque, ELEMENT->opaque_length != 0)

NUMBER(enrp_address_type, address_type(&REGISTRAR->enrp_addresses[row->item]))
OCTETS(enrp_address, address_octets(&REGISTRAR->enrp_addresses[row->item]))

NUMBER(peer_identifier, PEER->identifier)
NUMBER(peer_port, PEER->port)
NUMBER(peer_last_heard, ticks(v->now_ms, PEER->heard_ms))
NUMBER(peer_address_type, address_type(&PEER->addresses[row->item]))
OCTETS(peer_address, address_octets(&PEER->addresses[row->item]))

/* --- tables
 * -------------------------------------------------------------------------------------------------------- */

static const struct table_column registrar_columns[] = {
    {2, ASN_OCTET_STR, registrar_scope, NULL, NULL},
    {3, ASN_UNSIGNED, registrar_identifier, registrar_identified, NULL},
    {4, ASN_OCTET_STR, registrar_description, NULL, &description_setter},
    {5, ASN_TIMETICKS, registrar_uptime, NULL, NULL},
    {6, ASN_UNSIGNED, registrar_port, registrar_speaks_enrp, NULL},
    {7, ASN_UNSIGNED, asap_announce_port, asap_announces, NULL},
    {8, ASN_INTEGER, asap_announce_type, asap_announces, NULL},
    {9, ASN_OCTET_STR, asap_announce_address, asap_announces, NULL},
    {10, ASN_UNSIGNED, enrp_announce_port, enrp_announces, NULL},
    {11, ASN_INTEGER, enrp_announce_type, enrp_announces, NULL},
    {12, ASN_OCTET_STR, enrp_announce_address, enrp_announces, NULL},
};

static const struct table_column pool_columns[] = {
    {2, ASN_OCTET_STR, pool_handle_octets, NULL, NULL},
};

static const struct table_column element_columns[] = {
    {2, ASN_UNSIGNED, element_identifier, element_identified, NULL},
    {3, ASN_UNSIGNED, element_asap_port, element_has_asap, NULL},
    {4, ASN_UNSIGNED, element_protocol, element_has_ip, NULL},
    {5, ASN_UNSIGNED, element_user_port, element_has_ip, NULL},
    {6, ASN_INTEGER, element_use, NULL, NULL},
    {7, ASN_UNSIGNED, element_policy, element_has_policy, NULL},
    {8, ASN_OCTET_STR, element_policy_name, NULL, NULL},
    {9, ASN_UNSIGNED, element_weight, element_has_weight, NULL},
    {10, ASN_UNSIGNED, element_load, element_has_load, NULL},
    {11, ASN_UNSIGNED, element_degradation, element_has_degradation, NULL},
    {12, ASN_TIMETICKS, element_life, NULL, NULL},
    {13, ASN_UNSIGNED, element_home, element_has_home, NULL},
};

static const struct table_column asap_address_columns[] = {
    {2, ASN_INTEGER, asap_address_type, NULL, NULL},
    {3, ASN_OCTET_STR, asap_address, NULL, NULL},
};

static const struct table_column user_address_columns[] = {
    {2, ASN_INTEGER, user_address_type, NULL, NULL},
    {3, ASN_OCTET_STR, user_address, NULL, NULL},
    {4, ASN_OCTET_STR, user_opaque, user_is_opaque, NULL},
};

static const struct table_column enrp_address_columns[] = {
    {2, ASN_INTEGER, enrp_address_type, NULL, NULL},
    {3, ASN_OCTET_STR, enrp_address, NULL, NULL},
};

static const struct table_column peer_columns[] = {
    {2, ASN_UNSIGNED, peer_identifier, NULL, NULL},
    {3, ASN_UNSIGNED, peer_port, NULL, NULL},
    {4, ASN_TIMETICKS, peer_last_heard, NULL, NULL},
};

static const struct table_column peer_address_columns[] = {
    {2, ASN_INTEGER, peer_address_type, NULL, NULL},
    {3, ASN_OCTET_STR, peer_address, NULL, NULL},
};

#define RSERPOOL_MIB 1, 3, 6, 1, 3, 125
#define TABLE(name, number, indexes, columns, rows)                                                          \
    {                                                                                                        \
        name, {RSERPOOL_MIB, 1, 1, number}, 9, indexes, sizeof(columns) / sizeof(columns)[0], columns, rows  \
    }

const oid rserpool_mib[RSERPOOL_MIB_LENGTH] = {RSERPOOL_MIB};

const struct table rserpool_tables[] = {
    TABLE("rserpoolENRPTable", 1, 1, registrar_columns, registrar_row),
    TABLE("rserpoolENRPPoolTable", 3, 2, pool_columns, pool_row),
    TABLE("rserpoolENRPPoolElementTable", 4, 3, element_columns, element_row),
    TABLE("rserpoolENRPASAPAddrTable", 5, 4, asap_address_columns, asap_address_row),
    TABLE("rserpoolENRPUserAddrTable", 6, 4, user_address_columns, user_address_row),
    TABLE("rserpoolENRPENRPAddrTable", 7, 2, enrp_address_columns, enrp_address_row),
    TABLE("rserpoolENRPPeerTable", 8, 1, peer_columns, peer_row),
    TABLE("rserpoolENRPPeerAddrTable", 9, 2, peer_address_columns, peer_address_row),
};
const size_t rserpool_tables_count = sizeof rserpool_tables / sizeof rserpool_tables[0];
