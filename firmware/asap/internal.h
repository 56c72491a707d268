/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the asap room share; nobody else includes it. */
#ifndef ASAP_INTERNAL_H
#define ASAP_INTERNAL_H

#include "asap/asap.h"
#include "base/error.h"
#include "base/log.h"

#include <sys/queue.h>
/* Out of memory is no reason to exit: the association then is not found by its place. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    ASAP_ADDRESSES_MAX = 64,                /* of one pool element or association */
    ASAP_ITEMS_MAX = 1600,                  /* elements in one response: 64 KiB hold no more */
    ASAP_RUN_MAX = ASAP_ADDRESSES_MAX * 20, /* their encoded form */
    ASAP_COMPAT_HANDLE_MAX = 32,            /* rsplib's RSERPOOL_MAX_POOL_HANDLE_SIZE */
    ASAP_LOG_INTERVAL_MS = 10000,           /* between two lines of one kind about one client */
    ASAP_DROPPED_INTERVAL_MS = 600000,      /* the same for what comes with every re-registration */
    ASAP_PROBE_INTERVAL_MS = 1000,          /* between two keep-alives to one element because of reports */
    ASAP_BURST = 64,       /* keep-alives at once when a channel with many elements is lost */
    ASAP_NOTIFY_MS = 100,  /* from a pool's change to the word of it; those between are one */
    ASAP_NOTIFY_MAX = 256, /* subscribers told in one tick */
    ASAP_LOG_BUDGET = 50,  /* lines a second about all of them */
};

/* A place to reach a pool element: key of the table of associations. Zero it before filling: compared as
 * octets. */
struct asap_place {
    uint64_t secret;
    struct address address;
    uint16_t port;
};

/* What asap keeps for one channel. The elements that registered over it are remembered by pool index and
 * identifier, not by pointer: they may go in many ways. */
struct asap_client {
    LIST_ENTRY(asap_client) all;
    UT_hash_handle hh; /* by place; SCTP only */
    struct asap_place place;
    struct channel *channel;
    bool placed;
    bool connected;
    uint8_t probe_flags; /* of the keep-alives that wait for `connected` */
    uint64_t refilled_ms;
    uint64_t tokens; /* thousandths of a request */
    struct log_limit malformed_log, overload_log, reject_log, dropped_log;
    LIST_HEAD(, asap_subscription) subscriptions;
    uint32_t n_subscriptions;
    uint64_t *elements; /* pool index << 32 | identifier */
    uint32_t n_elements, room;
};
LIST_HEAD(asap_clients, asap_client);

/* An element asked to come here: as an element of asap_client.elements. */
struct asap_claim {
    uint64_t key;
    uint64_t until_ms;
};

/* Who was sent a keep-alive because of a report, and when. */
struct asap_probed {
    uint64_t key;
    uint64_t at_ms;
};
enum { ASAP_PROBED = 1024 };

/* Another registrar, by its announces. */
struct asap_announcer {
    uint32_t registrar;
    uint64_t heard_ms;
};
enum { ASAP_ANNOUNCERS_MAX = 64 };

struct asap {
    struct handlespace *handlespace;
    struct asap_link link;
    struct asap_settings settings;
    struct asap_statistics statistics;
    struct asap_clients clients;
    struct asap_client *places;
    uint64_t random, secret;
    uint64_t now_ms; /* of the call under way */
    uint64_t log_second;
    uint32_t log_lines;
    struct asap_claim claims[ASAP_CLAIMS];
    uint32_t n_claims;
    struct asap_probed probed[ASAP_PROBED];
    struct asap_announcer announcers[ASAP_ANNOUNCERS_MAX];
    uint32_t n_announcers;
    struct asap_watch *watches;       /* pools that have subscribers, by index */
    TAILQ_HEAD(, asap_watch) changed; /* those that changed, oldest first */
    uint32_t n_subscriptions;
    struct wire_message in; /* the message under way; too large to clear on the stack each time */
    struct wire_fault fault;
    uint8_t buffer[WIRE_MESSAGE_MAX + 4]; /* the one answer under way */
    uint8_t causes[WIRE_MESSAGE_MAX];
};

/* A request under way. */
struct asap_call {
    struct asap *asap;
    struct channel *channel;
    struct asap_client *client;
    const struct wire_message *in;
    uint64_t now_ms;
};

/* A reason to refuse: cause and its information (RFC 5354, 3.12). */
struct asap_reject {
    uint16_t cause;
    struct octets information;
    const char *why;
};

/* reply.c: every message that leaves. */
int asap_send(struct asap *a, struct channel *c, uint8_t type, int length);
void asap_reply_registration(const struct asap_call *call, uint32_t identifier,
                             const struct asap_reject *reject);
/* With an Operation Error, but without the R flag, where something had to be left out (cause not 0). */
void asap_reply_accepted(const struct asap_call *call, uint32_t identifier,
                         const struct asap_reject *warning);
void asap_reply_deregistration(const struct asap_call *call, const struct asap_reject *reject);
void asap_reply_resolution_error(const struct asap_call *call, const struct asap_reject *reject);
void asap_send_resolution_error(struct asap *a, struct channel *c, struct octets handle, uint16_t cause,
                                struct octets information);
void asap_send_removed(struct asap *a, struct pool_element *e);
int asap_send_keep_alive(struct asap *a, struct channel *c, const struct pool_element *e, uint8_t flags);
void asap_send_error(struct asap *a, struct channel *c, const struct wire_fault *fault,
                     struct octets message);

/* client.c: one struct a channel, and the elements bound to it. */
struct asap_client *asap_client_new(struct asap *a, struct channel *c, uint64_t now_ms);
void asap_client_free(struct asap *a, struct asap_client *client);
bool asap_client_allows(struct asap *a, struct asap_client *client, uint64_t now_ms);
void asap_client_place(struct asap *a, struct asap_client *client, const struct address *address,
                       uint16_t port);
struct asap_client *asap_client_at(struct asap *a, const struct address *addresses, size_t n, uint16_t port);
void asap_bind(struct asap *a, struct asap_client *client, struct pool_element *e);
void asap_unbind(struct asap *a, struct asap_client *client, const struct pool_element *e);
uint64_t asap_key(const struct pool_element *e);
struct pool_element *asap_bound(struct asap *a, const struct asap_client *client, uint32_t i);

/* registration.c, resolution.c, keepalive.c: the requests. */
void asap_registration(const struct asap_call *call);
void asap_deregistration(const struct asap_call *call);
void asap_resolution(const struct asap_call *call);
/* Up to k elements of the pool; an error when none fits. */
void asap_send_resolution(struct asap *a, struct channel *c, struct pool *p, size_t k, uint8_t flags);
void asap_keep_alive_ack(const struct asap_call *call);
void asap_unreachable(const struct asap_call *call);
void asap_keep_alive_start(struct asap *a, struct pool_element *e, uint64_t now_ms);
void asap_probe(struct asap *a, struct pool_element *e, uint8_t flags, uint64_t now_ms);
void asap_lose(struct asap *a, struct pool_element *e, const char *why);
bool asap_unclaim(struct asap *a, struct pool_element *e); /* false: it was not claimed */

/* subscription.c: the S bit. */
/* False: over a limit. */
bool asap_subscribe(struct asap *a, struct asap_client *client, const struct pool *p, uint32_t items);
void asap_unsubscribe(struct asap *a, struct asap_client *client);
void asap_notify(struct asap *a);

/* May the channel change this element? PROTOCOL-NOTES of the field: rsplib checks nothing; here the channel
 * must be the one of the registration or share an address with it. */
bool asap_may_change(struct asap *a, struct channel *c, const struct pool_element *e);
bool asap_owns(const struct asap *a, const struct pool_element *e);
size_t asap_unpack_addresses(struct octets run, struct address *out, size_t max);
void asap_log_element(struct asap *a, int level, const struct pool_element *e, const struct channel *c,
                      const char *what);
void asap_log_reject(const struct asap_call *call, const struct asap_reject *reject);
void asap_log_dropped(const struct asap_call *call, unsigned addresses);

#endif
