/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the ENRP room share. Not for other rooms. */
#ifndef ENRP_INTERNAL_H
#define ENRP_INTERNAL_H

#include "base/log.h"
#include "enrp/enrp.h"

#include <sys/queue.h>

enum { RETRY_MS = 1000 }; /* between attempts that were refused at once */

/* A download under way, kept by the mentor (RFC 5353, 3.2.3): where to go on when the peer asks again. */
struct table_session {
    uint64_t until_ms; /* 0: no session */
    bool own_only;
    uint32_t pool;    /* index of the pool that was written last */
    uint32_t element; /* identifier of its element that was written last */
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
    bool mentor_failed;
    struct table_session session;
};

enum startup_phase { STARTUP_SEARCH, STARTUP_LIST, STARTUP_TABLE, STARTUP_DONE };

struct startup {
    enum startup_phase phase;
    struct peer *mentor; /* in phases LIST and TABLE */
    uint64_t search_until_ms;
    uint64_t retry_at_ms;
    uint64_t answer_by_ms;
    uint32_t elements;
};

struct enrp {
    struct enrp_options options;
    struct enrp_settings settings; /* without the lists: own addresses are in own[], peers in the list */
    TAILQ_HEAD(peer_list, peer) peers;
    uint32_t n_peers;
    uint64_t heartbeat_at_ms;
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
/* NULL: too many, or out of memory. certain: configured, or heard over an association. */
struct peer *peer_add(struct enrp *e, uint32_t identifier, enum enrp_peer_state state, bool certain);
void peer_remove(struct enrp *e, struct peer *p);
int peers_configure(struct enrp *e, const struct enrp_address *wanted, size_t n, uint64_t now_ms);
void peer_set_state(struct enrp *e, struct peer *p, enum enrp_peer_state state);
void peer_set_server(struct peer *p, const struct wire_server *server);
void peer_connect(struct enrp *e, struct peer *p, uint64_t now_ms);
/* The peer that a message comes from, known from now on; NULL when it may not be or cannot be. */
struct peer *peer_of_message(struct enrp *e, const struct wire_message *m, const struct origin *o);
void peer_learn(struct enrp *e, const struct wire_server *server, uint64_t now_ms);
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
bool update_accept(struct enrp *e, struct octets handle, const struct wire_pool_element *element,
                   uint64_t now_ms);
/* Writes an element as it goes over the wire. */
void update_put_element(const struct enrp *e, struct writer *w, const struct pool_element *element);

/* startup.c */
void startup_begin(struct enrp *e, uint64_t now_ms);
void startup_lost(struct enrp *e, struct peer *p, uint64_t now_ms);
void startup_tick(struct enrp *e, uint64_t now_ms);
uint64_t startup_next_deadline(const struct enrp *e);
void list_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);
void table_received(struct enrp *e, struct peer *p, const struct wire_message *m, const struct origin *o);

static inline void sooner(uint64_t *next, uint64_t at)
{
    if (at && at < *next)
        *next = at;
}

#endif
