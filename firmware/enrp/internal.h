/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the ENRP room share. Not for other rooms. */
#ifndef ENRP_INTERNAL_H
#define ENRP_INTERNAL_H

#include "base/log.h"
#include "enrp/enrp.h"

#include <sys/queue.h>

enum { RETRY_MS = 1000 }; /* between attempts that were refused at once */

enum { PLACES = 8 };

/* A download under way, kept by the mentor (RFC 5353, 3.2.3): where to go on when the peer asks again. */
struct table_session {
    uint64_t until_ms; /* 0: no session */
    bool own_only;
    uint32_t pool;    /* index of the pool that was written last */
    uint32_t element; /* identifier of its element that was written last */
    /* Own elements go by the owner's list, whose order is nothing that can be remembered: the last ones that
     * were written, as keys, of which one at least has to be there when the peer asks again. */
    uint64_t places[PLACES];
    unsigned n_places, restarts;
};

/* The way of a dead peer's elements to a new home (RFC 5353, 3.5); kept with the dead one. */
enum takeover_phase {
    TAKEOVER_NONE,
    TAKEOVER_ARBITRATION, /* this registrar wants to: acknowledgements are awaited */
    TAKEOVER_WAITING,     /* another one does, or start-up goes on: looked at again at until_ms */
    TAKEOVER_DONE,        /* this registrar has; not heard of since */
};

struct takeover {
    enum takeover_phase phase;
    uint64_t until_ms, ask_at_ms;
    unsigned attempts;
    uint32_t winner;   /* WAITING: who takes over; 0 = nobody yet */
    uint32_t *awaited; /* ARBITRATION: registrars that have not acknowledged */
    size_t n_awaited;
};

/* Re-synchronisation with a peer's own elements (RFC 5353, 3.6.3). What the table names is gathered; only
 * when the peer's checksum over that is right, what it does not name is removed. */
enum sync_phase { SYNC_NONE, SYNC_TABLE, SYNC_CONFIRM };

struct sync {
    enum sync_phase phase;
    uint64_t answer_by_ms, not_before_ms;
    unsigned failures;
    uint64_t *keys; /* pool index << 32 | PE identifier */
    size_t n_keys, room;
    uint64_t entries;
    struct wire_checksum refused; /* over the peer's elements that were not taken */
    bool conflicts;               /* own elements are among them */
    bool conflicted;              /* so it was the last time */
};

struct peer {
    struct enrp_peer seen; /* first: what others may read */
    TAILQ_ENTRY(peer) entries;
    struct enrp_address configured;
    struct channel *channel; /* seen.connected says whether it is open */
    struct channel *spare;   /* a second one, when both sides have connected at the same time */
    bool shown;              /* a message of this peer came over `channel` */
    uint64_t answer_by_ms;   /* a sign of life is awaited until then; 0 = not */
    uint64_t connect_at_ms;  /* 0 = not planned */
    unsigned refusals;       /* of connections in a row */
    bool mentor_failed;
    bool unseen;               /* known as the home of elements only */
    uint64_t requests_paid_ms; /* up to when its requests are paid for, see peer_may_ask() */
    struct table_session session;
    struct takeover takeover;
    struct sync sync;
};

enum startup_phase { STARTUP_SEARCH, STARTUP_LIST, STARTUP_TABLE, STARTUP_DONE };

struct startup {
    enum startup_phase phase;
    struct peer *mentor; /* in phases LIST and TABLE */
    uint64_t search_until_ms;
    uint64_t retry_at_ms;
    uint64_t answer_by_ms;
    uint64_t give_up_ms;
    uint32_t elements;
    uint64_t stale; /* elements that were told since the last one that was new */
};

struct enrp {
    struct enrp_options options;
    struct enrp_settings settings; /* without the lists: own addresses are in own[], peers in the list */
    TAILQ_HEAD(peer_list, peer) peers;
    uint32_t n_peers;
    uint64_t heartbeat_at_ms;
    bool moving; /* a takeover changes owners: the peers know */
    bool leaving;
    struct startup startup;
    struct enrp_statistics statistics;
    struct log_limit log_malformed, log_unexpected, log_refused;
    uint8_t own[ENRP_ADDRESSES_MAX * 20]; /* the own addresses as parameters */
    size_t own_length;
    uint8_t buffer[WIRE_MESSAGE_MAX];
};

/* Where a message comes from: over an association, or as a group-cast. */
struct origin {
    struct channel *channel;  /* NULL: a group-cast */
    struct enrp_address from; /* of a group-cast */
    uint64_t now_ms;
};

/* enrp.c */
bool enrp_send(struct enrp *e, struct channel *c, uint8_t type, int length); /* what enrp_begin began */
struct writer enrp_begin(struct enrp *e, uint8_t type, uint8_t flags, uint32_t receiver);
void enrp_unexpected(struct enrp *e, const struct wire_message *m, const struct origin *o, const char *why);

/* peers.c */
struct peer *peer_find(const struct enrp *e, uint32_t identifier);
struct peer *peer_of_channel(const struct enrp *e, const struct channel *c);
/* NULL: too many, or out of memory. The better the origin, the more make room for it. */
enum peer_origin { PEER_HINT, PEER_HEARD, PEER_CONFIGURED };
struct peer *peer_add(struct enrp *e, uint32_t identifier, enum enrp_peer_state state,
                      enum peer_origin origin);
void peer_remove(struct enrp *e, struct peer *p);
int peers_configure(struct enrp *e, const struct enrp_address *wanted, size_t n, uint64_t now_ms);
void peer_set_state(struct enrp *e, struct peer *p, enum enrp_peer_state state);
void peer_set_server(struct peer *p, const struct wire_server *server);
void peer_connect(struct enrp *e, struct peer *p, uint64_t now_ms);
void peer_detach(struct enrp *e, struct peer *p, bool close);     /* from its channels */
void peer_probe(struct enrp *e, struct peer *p, uint64_t now_ms); /* it has to show that it lives */
/* May it have what costs much: a list, the beginning of a table, a commotion? */
bool peer_may_ask(struct enrp *e, struct peer *p, uint64_t now_ms);
uint32_t peer_owns(const struct enrp *e, const struct peer *p);
/* The peer that a message comes from, known from now on; NULL when it may not be or cannot be. */
struct peer *peer_of_message(struct enrp *e, const struct wire_message *m, const struct origin *o);
void peer_learn(struct enrp *e, const struct wire_server *server, uint64_t now_ms);
/* A registrar that is the home of elements: it shows itself in time, or they are taken over. */
void peer_learn_home(struct enrp *e, uint32_t identifier, uint64_t now_ms);
void peer_tick(struct enrp *e, struct peer *p, uint64_t now_ms);
uint64_t peer_next_deadline(const struct enrp *e, const struct peer *p);

/* presence.c */
void presence_announce(struct enrp *e);
/* Over one of the peer's channels; a reply takes that of the question. */
void presence_send(struct enrp *e, struct peer *p, struct channel *c, uint8_t flags);
void presence_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);

/* table.c */
void list_requested(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
void table_requested(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);

/* update.c */
void update_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
/* NULL: refused. */
struct pool_element *update_accept(struct enrp *e, struct octets handle,
                                   const struct wire_pool_element *element, uint64_t now_ms);
/* Tells one peer of one own element. */
void update_send(struct enrp *e, struct peer *p, const struct pool_element *element, uint8_t flags);
/* May a pool of that handle be told? (compat rsplib: a longer one ends its process) */
bool update_may_tell(const struct enrp *e, struct octets handle);
/* Writes an element as it goes over the wire. */
void update_put_element(const struct enrp *e, struct writer *w, const struct pool_element *element);

/* takeover.c */
/* The peer is dead: what it owns needs a new home, and nobody waits for it any more. */
void takeover_of(struct enrp *e, struct peer *dead, uint64_t now_ms);
/* Whoever waits for this registrar waits no longer: to be acted upon by the next tick. */
void takeover_without(struct enrp *e, uint32_t identifier);
void takeover_end(struct peer *target);
void takeover_tick(struct enrp *e, struct peer *target, uint64_t now_ms);
void takeover_announced(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
void takeover_acknowledged(struct enrp *e, struct peer *p, const struct wire_message *m,
                           const struct origin *o);
void takeover_enforced(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
/* RFC 5353, 3.5.1: which of two registrars gives way. */
bool takeover_beats(const struct enrp *e, uint32_t other);

/* sync.c */
void sync_audit(struct enrp *e, struct peer *p, uint16_t checksum, uint64_t now_ms);
void sync_table(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
void sync_note(struct peer *p, const struct pool_element *element); /* it has come by an update */
void sync_end(struct peer *p);
void sync_tick(struct enrp *e, struct peer *p, uint64_t now_ms);

/* startup.c */
void startup_begin(struct enrp *e, uint64_t now_ms);
void startup_lost(struct enrp *e, struct peer *p, uint64_t now_ms);
void startup_tick(struct enrp *e, uint64_t now_ms);
uint64_t startup_next_deadline(const struct enrp *e);
void list_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
void table_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);

static inline uint64_t element_key(const struct pool_element *e)
{
    return (uint64_t)pool_index(pool_element_pool(e)) << 32 | pool_element_identifier(e);
}

static inline void sooner(uint64_t *next, uint64_t at)
{
    if (at && at < *next)
        *next = at;
}

#endif
