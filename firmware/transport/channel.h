/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channels: one way to send and receive whole messages over SCTP (kernel, one-to-many sockets), TCP, and
 * later their TLS kin; and the UDP announces. Stands on base and libevent; knows no message: a stream is cut
 * into messages by a function that the caller gives.
 *
 * A channel is one association or one connection. It lives from `opened` to the return of `closed`; its
 * number is never used again, so that others can remember a channel without owning it. Slow readers cost a
 * bounded queue, then their channel.
 */
#ifndef TRANSPORT_CHANNEL_H
#define TRANSPORT_CHANNEL_H

#include "base/address.h"
#include "base/octets.h"

#include <event2/event.h>

/* TRANSPORT_MPTCP listens for MPTCP and TCP on one port and connects by MPTCP where both ends have it;
 * without it in the kernel, or in the peer, it is TCP. */
enum transport_kind { TRANSPORT_SCTP, TRANSPORT_TCP, TRANSPORT_MPTCP };

struct transport; /* all endpoints and channels of a daemon on one event_base */
struct endpoint;  /* a socket that listens */
struct channel;

/* Callbacks run from the event loop; a channel may be sent to and closed from within them. */
struct transport_handler {
    void *context;
    void (*opened)(void *context, struct channel *c); /* may be NULL */
    /* One whole message, borrowed until return. ppid is 0 over TCP. */
    void (*message)(void *context, struct channel *c, uint32_t ppid, struct octets message);
    /* The channel is gone after return. reason: 0 for an orderly end, else a code of base/error.h. May be
     * NULL. */
    void (*closed)(void *context, struct channel *c, int reason);
    /* An SCTP path changed (up or down); for logs and statistics. May be NULL. */
    void (*path)(void *context, struct channel *c, const struct address *peer, bool reachable);
    /* Streams: length of the message that begins at data (padding included), 0 = need more, < 0 = can't be
     * framed: the channel is closed. */
    int (*frame)(const uint8_t *data, size_t available);
};

struct transport *transport_new(struct event_base *base);
void transport_free(struct transport *t); /* closes everything, calls no handler */

struct endpoint_options {
    enum transport_kind kind;
    const struct address *addresses; /* bound with sctp_bindx for SCTP; TCP: one socket each */
    size_t n_addresses;              /* 0 = all addresses, IPv4 and IPv6 in one socket */
    uint16_t port;                   /* 0 = the kernel chooses: see endpoint_port() */
    uint32_t max_channels;           /* 0 = 20,000; one more is refused */
    uint32_t max_per_peer;           /* channels that one peer address may have opened here; 0 = no limit */
    uint32_t silent_ms; /* a channel whose peer opened it and has sent no message in this time is closed; 0 =
                           never */
    uint32_t max_message; /* octets; 0 = 65,536; longer ones are dropped and counted */
    uint32_t max_queued;  /* octets waiting for a slow peer; 0 = 1 MiB; beyond: channel closed */
    uint32_t idle_ms;     /* TCP: a partial message older than this closes the channel; 0 = 30,000 */
    /* A reader that gets one input after the other, and none from elsewhere, waits for the next one in the
     * read instead of the loop: a system call less for each, but other events may wait some 10 ms. */
    bool stay;
    struct transport_handler handler;
};
/* NULL and *error (base/error.h: ERR_ADDRESS_IN_USE, ERR_UNSUPPORTED without SCTP in the kernel, ERR_DENIED
 * ...). detail (may be NULL, 128 octets) gets the place: "bind 10.1.0.1:3863: Address already in use". */
struct endpoint *transport_listen(struct transport *t, const struct endpoint_options *o, int *error,
                                  char *detail);
/* Closes the endpoint and its channels (closed is called for each). */
void endpoint_close(struct endpoint *e);
uint16_t endpoint_port(const struct endpoint *e);
enum transport_kind endpoint_kind(const struct endpoint *e);
/* The local addresses in use (for 0 addresses given: those of the host, without loopback and link-local). */
size_t endpoint_addresses(const struct endpoint *e, struct address *out, size_t max);

/*
 * Opens a channel from an endpoint to a peer (all its addresses, SCTP: sctp_connectx). Returns at once;
 * `opened` or `closed` of the endpoint's handler follows. NULL on a local error. For a client,
 * transport_connect() makes its own unbound endpoint with the handler, closed with the channel.
 */
struct channel *endpoint_connect(struct endpoint *e, const struct address *addresses, size_t n, uint16_t port,
                                 int *error);
struct channel *transport_connect(struct transport *t, enum transport_kind kind,
                                  const struct address *addresses, size_t n, uint16_t port,
                                  const struct transport_handler *handler, int *error);

/* Sends one message, copied. 0, ERR_LIMIT (queue full: the channel will be closed), ERR_CLOSED. One system
 * call when nothing is queued. */
int channel_send(struct channel *c, uint32_t ppid, struct octets message);
void channel_close(struct channel *c);            /* orderly; `closed` follows from the loop */
uint64_t channel_number(const struct channel *c); /* 1 ..; never used again */
struct channel *transport_find(struct transport *t, uint64_t number); /* NULL when it is gone */
/* Of a channel of a TRANSPORT_MPTCP endpoint: TRANSPORT_TCP when the peer has no MPTCP. */
enum transport_kind channel_kind(const struct channel *c);
struct endpoint *channel_endpoint(const struct channel *c);
/* The peer's addresses: SCTP all of the association (sctp_getpaddrs), MPTCP those of its subflows now, TCP
 * one. Returns how many were written. */
size_t channel_peers(const struct channel *c, struct address *out, size_t max, uint16_t *port);
bool channel_has_peer(const struct channel *c, const struct address *a);
/* "sctp 10.1.0.2:4711", for logs. */
const char *channel_describe(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8]);

void channel_set_context(struct channel *c,
                         void *context); /* the owner's, e.g. a rate limiter; not freed here */
void *channel_context(const struct channel *c);
struct channel *transport_channel_next(const struct transport *t, const struct channel *c);

struct transport_statistics {
    uint64_t channels_opened, channels_closed, channels_refused;
    uint64_t channels_silent; /* closed because their peer never said anything */
    uint64_t messages_received, messages_sent, octets_received, octets_sent;
    uint64_t messages_too_long, unframeable, queues_overflowed, paths_lost;
    uint64_t messages_undelivered;         /* SCTP: given back by the kernel when the association was lost */
    uint64_t reads, stayed, stays_in_vain; /* reads in all; those that did not go around the loop (stay.c) */
};
const struct transport_statistics *transport_statistics(const struct transport *t);
uint32_t transport_channels(const struct transport *t);

/* --- UDP announces (RFC 5352, 3.8... ; RFC 5353, 3.1)
 * ----------------------------------------------------------- */

struct announcer;

struct announcer_options {
    struct address group; /* multicast */
    uint16_t group_port;
    const struct address
        *addresses; /* send from each of these; none = every multicast-capable interface that is up */
    size_t n_addresses;
    uint16_t source_port; /* as the SCTP endpoint's: rsplib's clients take it for the service's port */
    bool listen;          /* join the group and call received() for what others send */
    uint8_t ttl;          /* 0 = 1 */
    void *context;
    void (*received)(void *context, const struct address *from, uint16_t port, struct octets message);
};
struct announcer *announcer_new(struct event_base *base, const struct announcer_options *o, int *error,
                                char *detail);
void announcer_free(struct announcer *a);
/* Sends to the group on each interface; looks up the interfaces anew each time, so that new ones are served.
 * Returns how many copies were sent. */
int announcer_send(struct announcer *a, struct octets message);

#endif
