/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mirror: what the subagent knows of the registrar, as ordered rows. It is filled from the control feed
 * (feed.c) and read by the tables (rserpool.c). Pure data: no sockets, no Net-SNMP; time is an argument in
 * milliseconds of a monotonic clock. Finding a row, or the first row after an index, is O(log n).
 */
#ifndef SNMP_AGENT_MIRROR_H
#define SNMP_AGENT_MIRROR_H

#include "base/address.h"
#include "base/octets.h"

#include <bsd/sys/tree.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    MIRROR_TEXT_MAX = 255, /* octets of a description (its type allows no more) */
    MIRROR_HANDLE_MAX =
        1024, /* octets kept of a pool handle: more does not fit a datagram beside its headers */
    MIRROR_ADDRESSES_MAX = 255, /* of one endpoint */
    MIRROR_LIFE_FOREVER = -1,   /* registration life */
};

struct mirror_text {
    uint16_t length;
    uint8_t octets[MIRROR_TEXT_MAX];
};

struct mirror_announce {
    bool enabled;
    uint16_t port;
    struct address address; /* family 0: none */
};

struct mirror_registrar {
    uint32_t identifier;
    uint16_t enrp_port; /* 0: speaks no ENRP */
    struct mirror_text description;
    struct mirror_text scope;
    uint64_t started_ms;
    struct mirror_announce asap_announce;
    struct mirror_announce enrp_announce;
    uint8_t enrp_addresses_count;
    struct address enrp_addresses[MIRROR_ADDRESSES_MAX];
};

struct mirror_pool {
    RB_ENTRY(mirror_pool) by_index;
    uint32_t index;
    uint32_t generation;
    uint16_t handle_length;
    uint8_t handle[];
};

/* Which of its policy's values an element has. */
enum {
    MIRROR_HAS_WEIGHT = 1 << 0,
    MIRROR_HAS_LOAD = 1 << 1,
    MIRROR_HAS_DEGRADATION = 1 << 2,
    MIRROR_HAS_ASAP = 1 << 3
};

struct mirror_element {
    RB_ENTRY(mirror_element) by_index;
    uint32_t pool_index;
    uint32_t index;
    uint32_t identifier; /* 0: not known */
    uint32_t home_registrar;
    uint32_t policy;
    uint32_t weight, load, degradation;
    int32_t registration_life; /* seconds, MIRROR_LIFE_FOREVER */
    uint32_t generation;
    uint16_t asap_port, user_port;
    uint16_t opaque_length; /* of the user transport's opaque address; 0: it has IP addresses */
    uint8_t protocol;       /* IANA number of the user transport */
    uint8_t use;            /* 0 data, 1 data and control */
    uint8_t has;            /* MIRROR_HAS_ flags */
    uint8_t policy_name;    /* see mirror_policy_name() */
    uint8_t asap_count, user_count;
    struct address addresses[]; /* asap_count, then user_count, then the octets of the opaque address */
};

struct mirror_peer {
    RB_ENTRY(mirror_peer) by_identifier;
    uint32_t identifier;
    uint32_t generation;
    uint64_t heard_ms; /* when its last ENRP_PRESENCE came */
    uint16_t port;
    uint8_t addresses_count;
    struct address addresses[];
};

struct mirror;

struct mirror *mirror_new(void); /* NULL when out of memory */
void mirror_free(struct mirror *m);
/* Forgets everything: the registrar is not there, or is another one. */
void mirror_clear(struct mirror *m);

/*
 * Applies one notification of the registrar's feed (control/METHODS.md), or nothing when it is of an unknown
 * kind or malformed: then false. Between snapshot-begin and snapshot-end rows are renewed; what the snapshot
 * did not name is gone at its end.
 */
bool mirror_apply(struct mirror *m, const json_t *params, uint64_t now_ms);
/* Takes a *registrar* or the array of all *peer* as the methods give them. */
void mirror_set_registrar(struct mirror *m, const json_t *registrar, uint64_t now_ms);
void mirror_set_peers(struct mirror *m, const json_t *peers, uint64_t now_ms);
/* The description was changed by us; the feed will confirm it. At most MIRROR_TEXT_MAX octets. */
void mirror_set_description(struct mirror *m, struct octets text);

/* NULL while the registrar is not there. */
const struct mirror_registrar *mirror_registrar(const struct mirror *m);
/* The first row at or after an index; NULL when there is none. Borrowed until the next change. */
const struct mirror_pool *mirror_pool_from(const struct mirror *m, uint32_t index);
const struct mirror_element *mirror_element_from(const struct mirror *m, uint32_t pool_index, uint32_t index);
const struct mirror_peer *mirror_peer_from(const struct mirror *m, uint32_t identifier);
/* Rows held. */
uint32_t mirror_pools(const struct mirror *m);
uint32_t mirror_elements(const struct mirror *m);

const char *mirror_policy_name(const struct mirror *m, const struct mirror_element *e);
static inline const struct address *mirror_user_addresses(const struct mirror_element *e)
{
    return e->addresses + e->asap_count;
}
static inline struct octets mirror_opaque(const struct mirror_element *e)
{
    return octets_of(e->addresses + e->asap_count + e->user_count, e->opaque_length);
}

#endif
