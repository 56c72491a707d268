/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of this room share and nobody else sees: the structures behind channel.h and the table of
 * operations that each kind of transport fills. A further kind (MPTCP, TLS) is one more table and one more
 * row in transport.c.
 */
#ifndef TRANSPORT_INTERNAL_H
#define TRANSPORT_INTERNAL_H

#include "base/error.h"
#include "transport/channel.h"
#include "transport/queue.h"

#include <event2/event_struct.h>
#include <netinet/sctp.h>
#include <sys/queue.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    DETAIL_MAX = 128,
    RECEIVE_SLOTS = 16,        /* messages that one recvmmsg() can bring */
    RECEIVE_SLOT = 65536,      /* octets of each; a longer message comes in pieces */
    REASSEMBLY_MAX = 64 << 20, /* octets that all unfinished messages together may hold */
    CLOSE_LINGER_MS = 5000     /* an orderly end that takes longer becomes an abrupt one */
};

enum channel_state {
    CHANNEL_CONNECTING,
    CHANNEL_OPEN,
    CHANNEL_CLOSING, /* orderly: the queue is sent, then the peer's end is awaited; what comes in is dropped
                      */
    CHANNEL_DOOMED,  /* waits for the loop, which calls closed() */
    CHANNEL_DEAD     /* closed() runs or has run */
};

/* What a kind of transport can do. All but the first two get a channel or endpoint that they made. */
struct transport_ops {
    const char *name;
    int (*listen)(struct endpoint *e, const struct endpoint_options *o, char *detail);
    int (*connect)(struct channel *c, const struct address *addresses, size_t n, uint16_t port);
    int (*send)(struct channel *c, uint32_t ppid, struct octets message); /* 0, ERR_LIMIT, or a fatal code */
    void (*shutdown)(struct channel *c); /* the queue is empty: tell the peer that this is the end */
    void (*release)(struct channel *c);  /* give back the association or the descriptor */
    void (*close)(struct endpoint *e);   /* the sockets of the endpoint */
};
extern const struct transport_ops transport_sctp_ops, transport_tcp_ops;

/* Octets of a message of which not all have come yet. */
struct partial {
    uint8_t *data;
    uint32_t have, capacity;
};

struct sctp_channel {
    sctp_assoc_t association; /* 0 = none (any more) */
    uint32_t in_kernel;       /* charged to the kernel's buffer since it was last known to be empty */
    enum { SCTP_WAITS_NOT, SCTP_WAITS_DRY, SCTP_WAITS_ROOM } waits;
    uint64_t waits_since_ms;
    bool dry_subscribed;
    bool discarding; /* the rest of a message that is too long */
};

struct tcp_channel {
    int fd;
    struct event readable, writable;
    uint32_t need; /* octets of the message that the partial begins; 0 = not known yet */
    uint32_t skip; /* octets still to come of a message that is too long */
    bool peer_ended;
    bool multipath;             /* the connection is MPTCP's */
    bool stay;                  /* a blocking descriptor, whose reads give up in time */
    bool watched;               /* the timer of an unfinished message runs */
    struct address *candidates; /* while connecting: the peer's further addresses */
    size_t n_candidates, candidate;
};

struct channel {
    uint64_t number;
    struct endpoint *endpoint;
    enum channel_state state;
    bool opened, shut; /* opened() was called; ops->shutdown() was called */
    int reason;
    void *context;
    struct peer_share *share;
    bool silent; /* nothing has come yet, and there is a time for that */
    uint64_t silent_until_ms;
    struct address *peers;
    size_t n_peers;
    uint16_t peer_port;
    struct queue queue;
    struct partial partial;
    struct event timer; /* runs while a TCP message is partial, and while an orderly end is awaited */
    TAILQ_ENTRY(channel) in_transport, in_endpoint, in_doomed, in_waiting, in_silent;
    UT_hash_handle by_number, by_association;
    union {
        struct sctp_channel sctp;
        struct tcp_channel tcp;
    };
    struct channel *next_dead;
};
TAILQ_HEAD(channel_list, channel);

struct sctp_endpoint {
    int fd;
    struct event readable, writable, jam;
    struct channel *associations; /* hash by association */
    struct channel *last;         /* found last in it */
    struct channel_list
        dry_waiters; /* wait until the kernel's buffer holds nothing of theirs; oldest first */
    struct channel_list room_waiters; /* wait for room that others hold; served in turn */
    uint32_t kernel_share;            /* octets of the kernel's buffer that one association may hold */
};

struct tcp_listener {
    struct endpoint *endpoint;
    int fd;
    struct event readable, retry;
};

struct tcp_endpoint {
    struct tcp_listener *listeners;
    size_t n_listeners;
};

struct endpoint {
    struct transport *transport;
    const struct transport_ops *ops;
    enum transport_kind kind;
    struct transport_handler handler;
    struct address *addresses;
    size_t n_addresses;
    uint16_t port;
    uint32_t max_channels, max_per_peer, silent_ms, max_message, max_queued, idle_ms;
    struct peer_share *shares;  /* hash by address */
    struct channel_list silent; /* oldest first */
    struct event silence;
    uint32_t n_channels;
    bool stay;   /* readers may stay at their socket, which is a blocking one then */
    bool single; /* made by transport_connect(): ends with its channel */
    bool dead;
    struct channel_list channels;
    TAILQ_ENTRY(endpoint) in_transport;
    union {
        struct sctp_endpoint sctp;
        struct tcp_endpoint tcp;
    };
    struct endpoint *next_dead;
};

/* Who was read last, and how often in a row: stay.c. */
struct stay {
    int fd;
    uint32_t in_a_row, needed, turns, worth_in_a_row;
    uint64_t since_us;
};

struct transport {
    struct event_base *base;
    TAILQ_HEAD(, endpoint) endpoints;
    struct channel_list channels, doomed;
    struct channel *numbers; /* hash by number */
    uint64_t last_number;
    uint32_t n_channels;
    size_t reassembly; /* octets held by all partials */
    struct event deferred;
    bool silent; /* transport_free(): no handler is called any more */
    struct channel *dead_channels;
    struct endpoint *dead_endpoints;
    uint8_t *receive; /* RECEIVE_SLOTS x RECEIVE_SLOT, shared: what is read is handled before the next read */
    struct sctp_batch *batch;   /* headers for recvmmsg() over `receive` */
    struct sctp_outbox *outbox; /* SCTP: the answers to one batch, in `cork` */
    struct channel *corked;     /* TCP: the channel whose input is being handled ... */
    uint8_t *cork;              /* ... and the answers to it, sent by one write */
    size_t cork_used;
    struct stay stay;
    struct transport_statistics statistics;
};

enum { CORK_MAX = 65536 };

/* transport.c */
/* A channel in state CONNECTING, counted and numbered; NULL when there is no memory. */
struct channel *channel_new(struct endpoint *e);
/* The channel is up: calls opened(). */
void channel_opened(struct channel *c);
/* Takes copies of the peer's addresses. False when there is no memory. */
bool channel_set_peers(struct channel *c, const struct address *peers, size_t n, uint16_t port);
/* The loop will call closed(reason); until then nothing is sent or delivered. Harmless when that is so
 * already. */
void channel_doom(struct channel *c, int reason);
/* For a channel that never came to be known to the handler: goes without a call. */
void channel_forget(struct channel *c);
/* The queue of a closing channel may have run empty. */
void channel_drained(struct channel *c);
/* One whole message for the handler, if the channel is still open. */
void channel_deliver(struct channel *c, uint32_t ppid, struct octets message);
/* The peer ends in an orderly way: drops what is queued and waits for the rest at most CLOSE_LINGER_MS. */
void channel_peer_ending(struct channel *c);

/* partial.c */
/* Appends; 0, ERR_LIMIT (all partials together hold too much) or ERR_MEMORY. */
int partial_append(struct channel *c, const uint8_t *data, size_t n);
/* Takes the octets out of the channel: .data is the caller's to free. */
struct partial partial_take(struct channel *c);
void partial_clear(struct channel *c);

/* socket.c */
/* A non-blocking socket for all (family 6, dual stack, or 4 where IPv6 is missing) or for an address's
 * family; -1. */
int socket_open(int type, int protocol, const struct address *address);
/* Writes "what address:port: text of errno" into detail (may be NULL); returns the catalogue's code for
 * errno. */
int socket_failed(char *detail, const char *what, const struct address *address, uint16_t port);
uint16_t socket_port(int fd);
void socket_set_int(int fd, int level, int option, int value);

/* admission.c */
/* A place for a channel that its peer opened; false: that address has enough. */
bool admission_take(struct channel *c);
/* From now on the peer's silence is timed, until admission_spoke(). */
void admission_watch(struct channel *c);
void admission_spoke(struct channel *c);
void admission_give(struct channel *c);
void admission_start(struct endpoint *e);
void admission_stop(struct endpoint *e);

/* stay.c */
/* A read without MSG_DONTWAIT from this socket gives up after some 11 ms. */
bool stay_prepare(int fd);
void stay_blocking(int fd, bool blocking);
/* After an input from fd: may its reader wait for the next one there? */
bool stay_begin(struct transport *t, int fd);
/* Before each such read; false: back to the loop. */
bool stay_on(struct transport *t);
/* The read brought nothing. */
void stay_in_vain(struct transport *t);

/* mptcp.c */
/* A stream socket as socket_open() makes it, of MPTCP where the kernel has it. */
int mptcp_socket_open(const struct address *address);
bool mptcp_in_use(int fd);
/* Takes the peer's addresses from the subflows of this moment. */
void mptcp_load_peers(struct channel *c);

/* tcp_io.c */
void tcp_readable(evutil_socket_t fd, short what, void *channel);
void tcp_writable(evutil_socket_t fd, short what, void *channel);
int tcp_send(struct channel *c, uint32_t ppid, struct octets message);
void tcp_shutdown(struct channel *c);

/* sctp.c, sctp_receive.c, sctp_send.c */
struct sctp_batch *association_batch_new(uint8_t *receive); /* to be freed with free() */
void association_readable(evutil_socket_t fd, short what, void *endpoint);
struct channel *association_find(struct endpoint *e, sctp_assoc_t association);
bool association_attach(struct channel *c, sctp_assoc_t association);
void association_detach(struct channel *c);
void association_load_peers(struct channel *c);
void association_abort(struct endpoint *e, sctp_assoc_t association);
/* From now on what is sent waits for association_scatter(), which sends it all by one system call. */
void association_gather(struct endpoint *e);
void association_scatter(struct transport *t);
struct sctp_outbox *association_outbox_new(uint8_t *buffer, size_t size); /* to be freed with free() */
int association_send(struct channel *c, uint32_t ppid, struct octets message);
void association_shutdown(struct channel *c);
/* The kernel holds nothing more of this association (SCTP_SENDER_DRY_EVENT). */
void association_dry(struct channel *c);
/* Forgets what the channel waits for. */
void association_stop_waiting(struct channel *c);
void association_writable(evutil_socket_t fd, short what, void *endpoint);
void association_jammed(evutil_socket_t fd, short what, void *endpoint);

#endif
