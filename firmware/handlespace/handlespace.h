/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handlespace: pools, pool elements, selection by policy, ownership by registrar, checksums, deadlines.
 *
 * Pure data: no sockets, no event loop, no clock; time is an argument in milliseconds of a monotonic clock.
 * Every operation is O(1) or O(log n) in the number of pool elements.
 *
 * A pool element is stored as its encoded Pool Element parameter (RFC 5354, 3.10), so that a handle
 * resolution copies octets instead of encoding them; what selection and timers need stands beside it.
 */
#ifndef HANDLESPACE_HANDLESPACE_H
#define HANDLESPACE_HANDLESPACE_H

#include "base/octets.h"
#include "wire/message.h"

struct handlespace;
struct pool;
struct pool_element;

struct handlespace_event;

struct handlespace_options {
    uint8_t hash_key[16];     /* random: keys the pool hash against chosen handles */
    uint64_t random_seed;     /* random: for the randomised policies */
    uint32_t max_pools;       /* 0 = 100,000 */
    uint32_t max_elements;    /* 0 = 1,000,000, over all pools */
    uint32_t max_handle_size; /* octets; 0 = 255 */
    /* Called after every change, before the function that made it returns; may be NULL. Reads only: it must
     * not change the handlespace. */
    void (*changed)(void *context, const struct handlespace_event *event);
    void *context;
};

enum handlespace_change {
    HANDLESPACE_POOL_ADDED,   /* element NULL; sent before the first element's ADDED */
    HANDLESPACE_POOL_REMOVED, /* element NULL; sent after the last element's REMOVED; pool is still readable
                               */
    HANDLESPACE_ELEMENT_ADDED,
    HANDLESPACE_ELEMENT_UPDATED,   /* re-registration that changed something besides its lifetime */
    HANDLESPACE_ELEMENT_REFRESHED, /* re-registration that changed nothing else */
    HANDLESPACE_ELEMENT_OWNER,     /* home registrar changed (takeover); previous_owner is the old one */
    HANDLESPACE_ELEMENT_REMOVED,   /* still readable; reason says why */
};

enum handlespace_reason {
    HANDLESPACE_REGISTERED,
    HANDLESPACE_DEREGISTERED,
    HANDLESPACE_EXPIRED,     /* registration life over */
    HANDLESPACE_UNREACHABLE, /* keep-alive not answered, or reported too often */
    HANDLESPACE_PEER,        /* an ENRP peer said so */
    HANDLESPACE_ADMIN,
};

struct handlespace_event {
    enum handlespace_change change;
    enum handlespace_reason reason;
    struct pool *pool;
    struct pool_element *element;
    uint32_t previous_owner;
};

/* NULL when out of memory. The options are copied. */
struct handlespace *handlespace_new(const struct handlespace_options *options);
void handlespace_free(struct handlespace *h); /* with everything in it, without events */
void handlespace_set_limits(struct handlespace *h, uint32_t max_pools, uint32_t max_elements,
                            uint32_t max_handle_size);

/*
 * Adds a pool element, or refreshes it when pool handle and identifier are known. The home registrar (owner)
 * is element->home_registrar; registration_life in seconds is turned into the deadline DEADLINE_REGISTRATION
 * by the caller's now_ms (WIRE_LIFE_FOREVER: none). Errors: ERR_POLICY, ERR_TRANSPORT, ERR_TRANSPORT_USE
 * (must fit the pool: RFC 5352, 3.1), ERR_LIMIT, ERR_TOO_LONG (handle), ERR_MEMORY. On error nothing is
 * changed. *out (may be NULL) is the element.
 */
int handlespace_register(struct handlespace *h, struct octets pool_handle,
                         const struct wire_pool_element *element, uint64_t now_ms,
                         enum handlespace_reason reason, struct pool_element **out);
/* Removes; a pool without elements goes, too (RFC 5352, 3.2). */
void handlespace_remove(struct handlespace *h, struct pool_element *e, enum handlespace_reason reason);
/* Out of memory (a registrar that owns nothing yet): nothing is changed, and no event comes. */
void handlespace_set_owner(struct handlespace *h, struct pool_element *e, uint32_t registrar);

struct pool *handlespace_find_pool(const struct handlespace *h, struct octets pool_handle);
struct pool_element *handlespace_find(const struct pool *p, uint32_t identifier);

/* Chooses up to k different elements by the pool's policy (RFC 5356); returns how many. k may exceed the
 * pool. Each answer moves the head of the circle by one element, whatever k was (RFC 5356, 4.1.2). None has
 * the weight 0 (RFC 5356, 3.2), so there may be none at all. With a policy that degrades, each element that
 * is returned is loaded by that, until it registers again (RFC 5356, 5.2.2). */
size_t handlespace_select(struct handlespace *h, struct pool *p, size_t k, struct pool_element **out);

/* Policies that are complete here; a registration with another type is ERR_POLICY. */
bool handlespace_policy_known(uint32_t policy_type);

/* --- reading
 * ------------------------------------------------------------------------------------------------- */

uint32_t handlespace_pools(const struct handlespace *h);
uint32_t handlespace_elements(const struct handlespace *h);
size_t handlespace_octets(const struct handlespace *h); /* heap in use by h, for figures */

/* Pools in ascending order of index; NULL first and last. Safe against removal of what was returned earlier
 * when the walk is resumed by handlespace_pool_after(). */
struct pool *handlespace_pool_next(const struct handlespace *h, const struct pool *p);
/* First pool whose index is greater than index: O(log n). */
struct pool *handlespace_pool_after(const struct handlespace *h, uint32_t index);
/* Elements of a pool in ascending order of identifier. */
struct pool_element *handlespace_element_next(const struct pool *p, const struct pool_element *e);
/* First element with an identifier greater than the given one; O(log n). */
struct pool_element *handlespace_element_after(const struct pool *p, uint32_t identifier);
/* Elements owned by a registrar; unordered. Fetch the next one before removing one or changing its owner. */
struct pool_element *handlespace_owned_next(const struct handlespace *h, uint32_t registrar,
                                            const struct pool_element *e);
uint32_t handlespace_owned(const struct handlespace *h, uint32_t registrar);
/* O(1): kept incrementally (RFC 5353, 3.6.2). */
uint16_t handlespace_checksum(const struct handlespace *h, uint32_t registrar);

struct octets pool_handle(const struct pool *p);
uint32_t pool_index(const struct pool *p); /* 1 ..; never used again, for SNMP */
uint32_t pool_policy(const struct pool *p);
uint16_t pool_transport(const struct pool *p);
uint16_t pool_transport_use(const struct pool *p);
uint32_t pool_elements(const struct pool *p);
uint64_t pool_selections(const struct pool *p); /* elements given out */

struct pool *pool_element_pool(const struct pool_element *e);
uint32_t pool_element_identifier(const struct pool_element *e);
uint32_t
pool_element_index(const struct pool_element *e); /* 1 .. within its pool; never used again, for SNMP */
uint32_t pool_element_owner(const struct pool_element *e);
/* The encoded Pool Element parameter, valid until the element changes. */
struct octets pool_element_parameter(const struct pool_element *e);
/* The decoded form of the same. */
void pool_element_decode(const struct pool_element *e, struct wire_pool_element *out);

/* --- what the ASAP room keeps with an element
 * ------------------------------------------------------------------ */

/* The channel over which the element registered (0 = none), as an opaque number of the caller's. */
uint64_t pool_element_channel(const struct pool_element *e);
void pool_element_set_channel(struct pool_element *e, uint64_t channel);
/* Count of unreachable reports (RFC 5352, 3.5); 0 after a registration. */
uint32_t pool_element_reports(const struct pool_element *e);
void pool_element_set_reports(struct pool_element *e, uint32_t reports);

/* --- deadlines: one queue for all
 * --------------------------------------------------------------------------------- */

enum handlespace_deadline {
    DEADLINE_REGISTRATION,       /* registration life over */
    DEADLINE_KEEP_ALIVE,         /* time to send a keep-alive */
    DEADLINE_KEEP_ALIVE_TIMEOUT, /* time by which the ack has to be there; shares its slot with
                                    DEADLINE_KEEP_ALIVE */
};
enum { HANDLESPACE_NEVER = 0 };

/* Sets or clears (HANDLESPACE_NEVER) one of an element's deadlines. */
void pool_element_set_deadline(struct handlespace *h, struct pool_element *e, enum handlespace_deadline kind,
                               uint64_t at_ms);
uint64_t pool_element_deadline(const struct pool_element *e, enum handlespace_deadline kind);
/* When the next deadline of all is due; UINT64_MAX when there is none. */
uint64_t handlespace_next_deadline(const struct handlespace *h);
/* Takes one deadline that is due at now_ms off the queue (clearing it); NULL when none is. The caller acts on
 * it. */
struct pool_element *handlespace_due(struct handlespace *h, uint64_t now_ms, enum handlespace_deadline *kind);

#endif
