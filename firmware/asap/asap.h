/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registrar's side of ASAP (RFC 5352): registration, deregistration, handle resolution, keep-alive,
 * unreachable reports, server announces.
 *
 * Knows channels, the handlespace and messages; no socket, no event loop, no clock: the daemon hands in what
 * arrives and the time, and asap_tick() acts on what is due. All sending goes through struct asap_link, so
 * that the whole behaviour is tested without a network. Whom a change concerns besides ASAP (ENRP peers, the
 * control feed) hears of it by the handlespace's own events.
 */
#ifndef ASAP_ASAP_H
#define ASAP_ASAP_H

#include "handlespace/handlespace.h"
#include "transport/channel.h"
#include "wire/message.h"

struct asap;

/* What asap needs of the transport room. Fields left NULL are filled with the functions of
 * transport/channel.h. */
struct asap_link {
    void *context;
    int (*send)(void *context, struct channel *c, struct octets message); /* channel_send with ASAP's PPID */
    struct channel *(*find)(void *context, uint64_t number); /* transport_find; context: the transport */
    /* Opens an association to a pool element's ASAP transport; NULL when it can't be. NULL as default: never.
     */
    struct channel *(*connect)(void *context, const struct address *addresses, size_t n, uint16_t port);
    void (*close)(struct channel *c);
    uint64_t (*number)(const struct channel *c);
    enum transport_kind (*kind)(const struct channel *c);
    size_t (*peers)(const struct channel *c, struct address *out, size_t max, uint16_t *port);
    bool (*has_peer)(const struct channel *c, const struct address *a);
    void (*set_client)(struct channel *c, void *client); /* channel_set_context */
    void *(*client)(const struct channel *c);
    const char *(*describe)(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8]);
};

/* A network, for the scope of user transport addresses. */
struct asap_network {
    struct address address;
    uint8_t bits;
};
enum { ASAP_NETWORKS_MAX = 32 };

/* What can be changed while running. Zero in a field marked * means its default. */
struct asap_settings {
    uint32_t registrar;              /* identifier of this registrar (RFC 5353, 2.1), not 0 */
    bool compat_rsplib;              /* registration life in ms on the wire; handles of at most 32 octets */
    uint32_t keep_alive_interval_ms; /* * 5,000; each is varied by +-50 % (RFC 5352, 3.5) */
    uint32_t keep_alive_timeout_ms;  /* * 5,000 */
    uint32_t max_bad_reports;        /* MAX-BAD-PE-REPORT; one more removes the element */
    uint32_t items;                  /* * 16: elements in a resolution that does not ask for a number */
    uint32_t requests_per_second;    /* for each channel, also the burst; 0 = no limit */
    uint32_t max_handle_size;        /* * 255 octets */
    uint32_t
        max_subscriptions; /* by the S bit of a handle resolution, over all channels; 0: none is accepted */
    uint32_t max_subscriptions_per_channel;
    uint32_t max_element_size; /* * 4,096 octets of a Pool Element parameter as it comes */
    struct asap_network networks[ASAP_NETWORKS_MAX]; /* user addresses elsewhere are dropped */
    size_t n_networks;                               /* 0: any address */
};

struct asap_options {
    struct handlespace *handlespace; /* borrowed */
    struct asap_link link;
    uint64_t random_seed; /* random: for jitter */
    struct asap_settings settings;
};

/* NULL when out of memory. The options are copied. */
struct asap *asap_new(const struct asap_options *o);
void asap_free(struct asap *a); /* channels and handlespace are left alone */
/* Takes effect at once; keep-alives under way keep their old times. A new registrar identifier becomes the
 * home of all own elements. */
void asap_configure(struct asap *a, const struct asap_settings *s);

/* --- from the transport
 * ---------------------------------------------------------------------------------------- */

/* For every channel of the ASAP endpoints, also those opened by asap itself. */
void asap_opened(struct asap *a, struct channel *c, uint64_t now_ms);
/* One message; answered, or dropped and counted. ppid is 0 over TCP. Never ends the channel. */
void asap_message(struct asap *a, struct channel *c, uint32_t ppid, struct octets message, uint64_t now_ms);
/* The elements that registered over the channel are probed over a new association when there is an ASAP
 * transport to reach them by, and have a keep-alive's timeout to come back in any case (RFC 5352, 3.5). */
void asap_closed(struct asap *a, struct channel *c, uint64_t now_ms);

/* For the handlespace's `changed`: subscribers of the pool will hear of it. */
void asap_handlespace_changed(struct asap *a, const struct handlespace_event *event);
/* Acts on what is due, at most a thousand deadlines and some hundred notifications, so that the loop stays
 * responsive; call again as long as asap_next_deadline() lies in the past. */
void asap_tick(struct asap *a, uint64_t now_ms);
/* When the next deadline of the handlespace or notification is due; UINT64_MAX when there is none. */
uint64_t asap_next_deadline(const struct asap *a);

/* After a takeover (RFC 5353, 3.5.2): at at_ms the element, whose owner is this registrar already, is told by
 * the H flag that this is its home, and its keep-alives begin. One that has no ASAP transport (it registered
 * over TCP) can't be told: it comes by itself, or its registration life ends. */
void asap_adopt(struct asap *a, struct pool_element *e, uint64_t at_ms);
/* Another registrar's element shall come here (draft-dreibholz-rserpool-enrp-takeover): asked with the H flag
 * at once, its owner becomes this registrar when it answers. At most ASAP_CLAIMS at a time, more are left
 * where they are. */
void asap_claim(struct asap *a, struct pool_element *e, uint64_t now_ms);
enum { ASAP_CLAIMS = 256 };

/* --- announces (RFC 5352, 2.2.10 and 3.6)
 * ------------------------------------------------------------------------ */

/* Composes ASAP_SERVER_ANNOUNCE with the transports given (none: clients use the sender's address). Length or
 * ERR_NO_SPACE. */
int asap_write_announce(const struct asap *a, const struct wire_transport *transports, size_t n,
                        uint8_t *buffer, size_t capacity);
/* What came to the group of the announces: other registrars are counted. */
void asap_announced(struct asap *a, struct octets message, uint64_t now_ms);
/* Milliseconds to the next announce: (N+1) times T6-Serverannounce with N other registrars, but at most 4
 * seconds where T6 is not longer itself, for clients forget a registrar after 5. */
uint32_t asap_announce_interval(struct asap *a, uint32_t t6_ms, uint64_t now_ms);

/* --- figures
 * ------------------------------------------------------------------------------------------------------ */

enum { ASAP_TYPES = 16, ASAP_CAUSES = 16 };
struct asap_statistics {
    uint64_t received[ASAP_TYPES]; /* by message type; 0 = all unknown types */
    uint64_t sent[ASAP_TYPES];
    uint64_t malformed;             /* could not be parsed */
    uint64_t unrecognized;          /* parameters or message types not known */
    uint64_t unexpected;            /* known, but not for a registrar, or with a foreign PPID */
    uint64_t rejected[ASAP_CAUSES]; /* refused requests by cause (enum wire_cause) */
    uint64_t addresses_dropped;     /* of user transports: not of the association, or out of scope */
    uint64_t overload;              /* messages over the channel's rate, answered or dropped */
    uint64_t notifications;         /* sent because of an S bit */
    uint64_t send_failures;
    uint64_t elements_lost; /* removed because a keep-alive was not answered, or reported too often */
    uint64_t elements_expired;
};
const struct asap_statistics *asap_statistics(const struct asap *a);

#endif
