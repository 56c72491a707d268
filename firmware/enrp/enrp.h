/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Peers of a registrar (RFC 5353): presence, peer list, start-up by a mentor, table download, updates,
 * failure detection, takeover, audit and re-synchronisation.
 *
 * Knows channels, the handlespace and messages; no socket, no event loop, no clock: the daemon hands in what
 * arrives and the time, and enrp_tick() acts on what is due. All sending goes through struct enrp_link, so
 * that the whole behaviour is tested without a network.
 */
#ifndef ENRP_ENRP_H
#define ENRP_ENRP_H

#include "handlespace/handlespace.h"
#include "transport/channel.h"
#include "wire/message.h"

struct enrp;

/* What enrp needs of the transport room. NULL fields: send, close, peers and describe are filled with the
 * functions of transport/channel.h; connect: no channel is ever opened from here; announce: no group-casts.
 */
struct enrp_link {
    void *context;
    int (*send)(void *context, struct channel *c, struct octets message);
    /* Opens an association from the ENRP endpoint: enrp_channel_opened() or _closed() has to follow, later.
     * NULL when it can't be. */
    struct channel *(*connect)(void *context, const struct address *addresses, size_t n, uint16_t port);
    void (*close)(struct channel *c);
    size_t (*peers)(const struct channel *c, struct address *out, size_t max, uint16_t *port);
    const char *(*describe)(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8]);
    /* Sends to the announce group (announcer_send). */
    void (*announce)(void *context, struct octets message);
};

enum { ENRP_ADDRESSES_MAX = 8 };

struct enrp_address {
    struct address address;
    uint16_t port;
};

/* What can be changed while running. Zero in a field marked * means its default. */
struct enrp_settings {
    uint32_t registrar;    /* identifier of this registrar (RFC 5353, 2.1), not 0 */
    bool compat_rsplib;    /* as rsplib: lives in ms, tables in pieces of 1,400 octets, the lower identifier
                              wins; pool handles of more than 32 octets are not told */
    uint32_t heartbeat_ms; /* * 30,000: PEER-HEARTBEAT-CYCLE */
    uint32_t max_time_last_heard_ms;  /* * 61,000 */
    uint32_t max_time_no_response_ms; /* * 5,000; also how long a mentor is looked for at start-up */
    uint32_t max_peers;               /* * 64 */
    uint32_t max_message; /* * octets of a HANDLE_TABLE_RESPONSE; WIRE_MESSAGE_MAX, in compat mode 1,400 */
    /* The own ENRP endpoint, told to peers in the Server Information; at most ENRP_ADDRESSES_MAX count. */
    const struct address *addresses;
    size_t n_addresses;
    uint16_t port;
    /* Peers by administration. */
    const struct enrp_address *peers;
    size_t n_peers;
    bool no_announces; /* link.announce reaches nobody at present: start-up does not wait for strangers */
    /* Suggest a better home with each update of an own element (draft-dreibholz-rserpool-enrp-takeover). What
     * peers suggest is taken in any case. */
    bool suggest_takeover;
    uint32_t adoptions_per_second; /* * 15,000: how fast the elements of a dead registrar are to be told */
};

enum enrp_peer_state {
    ENRP_PEER_CONFIGURED, /* by administration, not heard of yet: identifier 0 */
    ENRP_PEER_LEARNT,     /* told by an announce or another peer, has not answered over an association yet */
    ENRP_PEER_ACTIVE,
    ENRP_PEER_PROBED, /* silent for MAX-TIME-LAST-HEARD, or its association ended: asked to answer */
    ENRP_PEER_DEAD,   /* did not answer within MAX-TIME-NO-RESPONSE, or another registrar takes it over */
};

struct enrp_peer {
    uint32_t identifier;
    enum enrp_peer_state state;
    bool configured, connected;
    struct address addresses[ENRP_ADDRESSES_MAX];
    size_t n_addresses;
    uint16_t port;
    uint64_t last_heard_ms; /* 0 = never */
    bool has_checksum;
    uint16_t
        checksum; /* as the peer last told it; handlespace_checksum() is what is known here of its elements */
};

struct enrp_options {
    struct handlespace *handlespace; /* borrowed */
    struct enrp_link link;
    struct enrp_settings settings;
    /* A peer came, changed its state, or is about to be forgotten (gone). May be NULL. */
    void (*peer_changed)(void *context, const struct enrp_peer *peer, bool gone);
    /* Start-up is over: see enrp_serving(). May be NULL. */
    void (*serving)(void *context);
    /* An element of a dead registrar is this registrar's now: it is to be told by a home-flagged keep-alive
     * at at_ms. May be NULL. */
    void (*adopted)(void *context, struct pool_element *element, uint64_t at_ms);
    /* A peer wants its element to come here: a home-flagged keep-alive is to ask it. When it answers, the
     * caller changes the owner. May be NULL. */
    void (*suggested)(void *context, struct pool_element *element, uint64_t now_ms);
    void *context; /* of the four above */
};

/* NULL when out of memory. The options are copied, with the lists in them. Nothing is sent before the first
 * tick. */
struct enrp *enrp_new(const struct enrp_options *o, uint64_t now_ms);
void enrp_free(struct enrp *e); /* channels and handlespace are left alone */
/* Takes effect at once. A peer that is no longer configured is kept if it has been heard. ERR_MEMORY: as far
 * as it got. */
int enrp_configure(struct enrp *e, const struct enrp_settings *s, uint64_t now_ms);

/* --- from the transport
 * ------------------------------------------------------------------------------------------- */

/* For every channel of the ENRP endpoint, also those opened by enrp itself. */
void enrp_channel_opened(struct enrp *e, struct channel *c, uint64_t now_ms);
/* One message; acted upon, or dropped and counted. ppid is 0 where the transport has none. Never ends the
 * channel. */
void enrp_receive(struct enrp *e, struct channel *c, uint32_t ppid, struct octets message, uint64_t now_ms);
void enrp_channel_closed(struct enrp *e, struct channel *c, uint64_t now_ms);
/* A group-cast. Its source address is believed only as a hint where to ask (RFC 5353, 6.2). Own ones are
 * dropped. */
void enrp_announced(struct enrp *e, const struct address *from, uint16_t port, struct octets message,
                    uint64_t now_ms);

/* This registrar is about to stop: suggests its elements to the living, to be called before the channels are
 * closed. Peers see the association end, then be refused, and take over what is left. */
void enrp_leave(struct enrp *e);

/* --- from the handlespace
 * ------------------------------------------------------------------------------------------ */

/* To be called for each event of the handlespace. Changes of own elements go to all peers (RFC 5353, 3.3). */
void enrp_handlespace_changed(struct enrp *e, const struct handlespace_event *event);

/* --- time
 * -----------------------------------------------------------------------------------------------------------
 */

/* Each of the functions above may bring it forward. Never UINT64_MAX: there is always a next heartbeat. */
uint64_t enrp_next_deadline(const struct enrp *e);
void enrp_tick(struct enrp *e, uint64_t now_ms);

/* --- reading
 * ---------------------------------------------------------------------------------------------------------
 */

/* False during start-up (RFC 5353, 3.2): peers that ask for the list or the table are rejected then. ASAP
 * need not wait. */
bool enrp_serving(const struct enrp *e);
/* All known peers; NULL first and last. Borrowed until the next call of any other function. */
const struct enrp_peer *enrp_peer_next(const struct enrp *e, const struct enrp_peer *peer);
uint32_t enrp_peers(const struct enrp *e);

enum { ENRP_TYPES = 16 };
struct enrp_statistics {
    uint64_t received[ENRP_TYPES]; /* by message type; 0 = all unknown types */
    uint64_t sent[ENRP_TYPES];
    uint64_t malformed;    /* could not be parsed */
    uint64_t unrecognized; /* message types or parameters not known */
    uint64_t unexpected;   /* in no place here: nobody asked, foreign PPID, wrong sender for that channel */
    uint64_t elements_accepted; /* from updates and tables */
    uint64_t elements_refused;  /* by the handlespace, or not the sender's to change */
    uint64_t peers_refused;     /* over max_peers */
    uint64_t send_failures;
    uint64_t overload;         /* requests refused because the peer asks too often */
    uint64_t takeovers;        /* carried out by this registrar */
    uint64_t elements_adopted; /* by them */
    uint64_t synchronizations; /* begun, because a checksum differed */
    uint64_t elements_swept;   /* removed by them */
};
const struct enrp_statistics *enrp_statistics(const struct enrp *e);

#endif
