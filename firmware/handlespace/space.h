/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the handlespace share: the structs behind the public names. Not for other rooms.
 *
 * Elements lie in chunks that are never moved; inside the handlespace they are named by a 32-bit slot, half
 * the size of a pointer. An element is one cache line; its encoded parameter is a block of its own, so that a
 * re-registration with other transport addresses doesn't move the element.
 */
#ifndef HANDLESPACE_SPACE_H
#define HANDLESPACE_SPACE_H

#include "handlespace/handlespace.h"
#include "handlespace/index.h"
#include "handlespace/sums.h"

enum { NO_SLOT = UINT32_MAX };
enum { CHUNK_BITS = 8, CHUNK_ELEMENTS = 1 << CHUNK_BITS };
/* Offsets in a Pool Element parameter (RFC 5354, 3.10). */
enum { PE_IDENTIFIER = 4, PE_HOME_REGISTRAR = 8, PE_LIFE = 12, PE_USER_TRANSPORT = 16 };

struct pool_element {
    struct pool *pool;
    uint8_t *parameter;
    uint64_t channel;
    uint64_t life_at;            /* DEADLINE_REGISTRATION */
    uint64_t keep_alive_at : 47; /* the other two */
    uint64_t keep_alive_is_timeout : 1;
    uint64_t reports : 16;
    uint32_t number;                     /* index for SNMP */
    uint32_t owner_next, owner_previous; /* slots of the owner's list; owner_next also links free slots */
    uint32_t deadline_position;          /* in the queue, NO_SLOT when out of it */
    uint32_t turn[2];                    /* the policy's: a position, or links */
};
_Static_assert(sizeof(struct pool_element) == 64, "a pool element is one cache line");

/* Round Robin: the circular list as an array with holes. */
struct turns {
    uint32_t *slots; /* NO_SLOT: the element there is gone */
    uint32_t used, capacity, holes;
    uint32_t head; /* position whose element starts the next answer */
};

/* Random: the elements as an array in no order, without holes. */
struct dense {
    uint32_t *slots;
    uint32_t used, capacity;
};

struct policy;
struct wrr;

struct pool {
    struct handlespace *space;
    const struct policy *policy;
    struct index elements; /* PE identifier -> slot */
    union {
        struct turns turns; /* policy_rr.c */
        struct index loads; /* policy_lu.c: load -> slot that starts the next answer */
        struct wrr *wrr;    /* policy_wrr.c; NULL while nothing has a turn */
        struct {
            struct dense dense; /* policy_rand.c, policy_wrand.c */
            struct sums sums;   /* policy_wrand.c: weight at each position of the array */
        };
    };
    uint64_t selections;
    uint32_t policy_type;
    uint16_t transport, transport_use;
    uint32_t number;   /* index for SNMP */
    uint32_t position; /* in the order of numbers */
    uint32_t n_elements;
    uint32_t last_number; /* of an element */
    uint32_t hash;
    uint16_t checksum_share;
    uint16_t handle_length;
    uint8_t handle[];
};

/* The pools by number; a removed pool leaves a hole until a quarter are holes. */
struct pool_order {
    uint32_t *numbers;
    struct pool **pools;
    uint32_t used, capacity, holes;
};

struct pool_bucket {
    struct pool *pool;
    uint32_t hash;
};

struct owner {
    uint32_t identifier;
    uint32_t count; /* 0: the bucket is free */
    uint32_t first; /* slot */
    struct wire_checksum checksum;
};

struct owner_table {
    struct owner *buckets;
    uint32_t used, mask;
};

/* A heap of four children a node. at[] is a lower bound of the element's next deadline: postponing one costs
 * nothing until the old time has come. */
struct deadline_queue {
    uint64_t *at;
    uint32_t *slots;
    uint32_t used, capacity;
};

/* Pages of encoded parameters of one length that have room. */
struct parameter_page;
enum { PARAMETER_CLASSES = 64 }; /* lengths are multiples of four */

struct handlespace {
    struct handlespace_options options;
    size_t octets;
    uint64_t random; /* the state of random.h */
    struct parameter_page *pages[PARAMETER_CLASSES];
    uint32_t n_pools, n_elements;
    uint32_t last_pool_number;
    struct pool_element **chunks;
    uint32_t n_chunks, chunk_capacity;
    uint32_t fresh_slots, free_slot;
    struct pool_bucket *buckets;
    uint32_t bucket_mask;
    struct pool_order order;
    struct owner_table owners;
    struct deadline_queue deadlines;
};

static inline struct pool_element *space_element(const struct handlespace *h, uint32_t slot)
{
    return h->chunks[slot >> CHUNK_BITS] + (slot & (CHUNK_ELEMENTS - 1));
}

static inline size_t element_parameter_length(const uint8_t *parameter)
{
    return (octets_load16(parameter + 2) + 3u) & ~3u;
}

/* The Member Selection Policy parameter inside an element's own: it follows the User Transport parameter. */
static inline const uint8_t *parameter_policy(const uint8_t *parameter)
{
    const uint8_t *user = parameter + PE_USER_TRANSPORT;
    return user + element_parameter_length(user);
}

static inline const uint8_t *element_policy(const struct pool_element *e)
{
    return parameter_policy(e->parameter);
}

/* What selections have added to the load (RFC 5356, 5.2.2). It stands behind the parameter, and only where
 * the policy degrades. */
static inline uint32_t *element_degradation(const struct pool_element *e)
{
    return (uint32_t *)(void *)(e->parameter + element_parameter_length(e->parameter));
}

/* elements.c: NO_SLOT when out of memory. */
uint32_t elements_take(struct handlespace *h);
void elements_give(struct handlespace *h, uint32_t slot);
void elements_release(struct handlespace *h);

/* parameters.c: room for a parameter of a length that is a multiple of four, and for the degradation if its
 * pool's policy degrades, which begins as 0. NULL when out of memory. */
uint8_t *parameters_take(struct handlespace *h, const struct policy *policy, size_t length);
void parameters_give(struct handlespace *h, const struct policy *policy, uint8_t *parameter); /* not NULL */

/* pools.c */
uint32_t pools_hash(const struct handlespace *h, struct octets handle);
struct pool *pools_find(const struct handlespace *h, struct octets handle, uint32_t hash);
struct pool *pools_add(struct handlespace *h, struct octets handle, uint32_t hash); /* NULL: out of memory */
void pools_remove(struct handlespace *h, struct pool *p); /* out of the tables; still readable */
void pools_free(struct handlespace *h, struct pool *p);
void pools_release(struct handlespace *h);

/* owners.c: a reserve makes the next add succeed. */
bool owners_reserve(struct handlespace *h);
void owners_add(struct handlespace *h, uint32_t slot);
void owners_remove(struct handlespace *h, uint32_t slot);
const struct owner *owners_find(const struct handlespace *h, uint32_t identifier);
void owners_release(struct handlespace *h);

/* deadlines.c: the same. */
bool deadlines_reserve(struct handlespace *h);
void deadlines_update(struct handlespace *h, uint32_t slot);
void deadlines_remove(struct handlespace *h, struct pool_element *e);
void deadlines_release(struct handlespace *h);

#endif
