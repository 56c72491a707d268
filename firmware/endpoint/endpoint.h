/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ASAP from the other side: a library for pool elements (PE) and pool users (PU), asynchronous on libevent.
 *
 * A pool_client keeps one channel to a home registrar, out of a list of registrars that it may use.
 * Registrations are renewed before they end, keep-alives are answered, requests are repeated when no answer
 * comes (RFC 5352, 3). When the channel is lost, the next registrar of the list is tried, registrations are
 * made anew there and open requests are sent again (RFC 5352, 3.7). Over SCTP another registrar may also call
 * and take over: it becomes the home registrar.
 */
#ifndef ENDPOINT_ENDPOINT_H
#define ENDPOINT_ENDPOINT_H

#include "transport/channel.h"
#include "wire/message.h"

struct pool_client;
struct pool_registration;

enum { POOL_ADDRESSES_MAX = 8, POOL_REGISTRARS_MAX = 8, POOL_ITEMS_ALL = -1 };

/* One registrar: all addresses of it (several for a multi-homed one over SCTP). */
struct pool_registrar {
    struct address addresses[POOL_ADDRESSES_MAX];
    size_t n_addresses;
    uint16_t port;
};

enum pool_event_kind {
    POOL_CONNECTED,    /* to the home registrar */
    POOL_DISCONNECTED, /* result says why (0: by pool_client_close); the next registrar follows after
                          reconnect_ms */
    POOL_REGISTERED,   /* also after each renewal: `renewed` */
    POOL_REFUSED, /* a registration: result and cause say why; it is not tried again by itself (RFC 5352, 3.1)
                   */
    POOL_DEREGISTERED, /* by request, or by the registrar (`unasked`); the registration is freed after return
                        */
    POOL_KEEP_ALIVE,   /* was answered */
    POOL_HOME,         /* `registrar` has become the home registrar (H flag of a keep-alive) */
    POOL_ERROR,        /* ASAP_ERROR from the registrar, or a message that is no valid one: result, cause */
};

struct pool_event {
    enum pool_event_kind kind;
    struct pool_registration *registration; /* REGISTERED, REFUSED, DEREGISTERED, KEEP_ALIVE */
    int result;                             /* 0 or a code of base/error.h */
    uint16_t cause;                         /* enum wire_cause, when has_cause */
    bool has_cause;
    bool renewed, unasked;
    uint32_t registrar; /* KEEP_ALIVE, HOME: server identifier */
};

struct pool_client_options {
    enum transport_kind kind;
    struct pool_registrar registrars[POOL_REGISTRARS_MAX];
    size_t n_registrars;         /* at least 1 */
    const struct address *local; /* SCTP: addresses to bind; none = all */
    size_t n_local;
    uint32_t request_ms; /* T1 to T3, per attempt; 0 = 15,000 */
    uint32_t attempts;   /* 0 = 2: MAX-REG-ATTEMPT, MAX-REQUEST-RETRANSMIT; then the registrar is given up */
    uint32_t reconnect_ms; /* pause before the next registrar is tried; 0 = 1,000 */
    bool silent;           /* leave keep-alives unanswered, as a dead element would; for tests */
    void *context;
    /* Called from the event loop. The client must not be freed in it; new requests may be made. */
    void (*event)(void *context, const struct pool_event *event);
};

/* Starts to connect. NULL and *error: ERR_ARGUMENT, ERR_MEMORY, ERR_UNSUPPORTED (no SCTP in this kernel), or
 * what the transport says; detail as for transport_listen(). The options are copied; transport and base are
 * the caller's. */
struct pool_client *pool_client_new(struct event_base *base, struct transport *transport,
                                    const struct pool_client_options *options, int *error, char *detail);
/* Closes the channel; registrations end without deregistration, requests without an answer. */
void pool_client_free(struct pool_client *c);
/* Ends the channel in an orderly way, so that what was sent arrives; POOL_DISCONNECTED with result 0 follows.
 */
void pool_client_close(struct pool_client *c);
bool pool_client_connected(const struct pool_client *c);
uint32_t pool_client_home(const struct pool_client *c); /* server identifier; 0 until a keep-alive told it */

/* --- pool elements (RFC 5352, 3.1 and 3.2)
 * ----------------------------------------------------------------------- */

/*
 * Registers now, or as soon as there is a connection, and keeps the registration alive. `element` and what it
 * points to are copied; its home_registrar is ignored. renew_ms: T4, 0 = as the RFC recommends (10 minutes,
 * or 20 seconds before the registration life ends). NULL when out of memory. The client owns the
 * registration.
 */
struct pool_registration *pool_client_register(struct pool_client *c, struct octets pool_handle,
                                               const struct wire_pool_element *element, uint32_t renew_ms,
                                               void *context);
/* New policy information (load ...) for the same policy type; sent at once as a re-registration. */
void pool_registration_update(struct pool_registration *r, const struct wire_policy *policy);
/* Asks for deregistration; POOL_DEREGISTERED follows (with ERR_TIMEOUT or ERR_CLOSED when there was no
 * answer). */
void pool_registration_end(struct pool_registration *r);
/* Calls visit for each registration; visit may end it. */
void pool_client_each(struct pool_client *c, void (*visit)(struct pool_registration *r));
uint32_t pool_registration_identifier(const struct pool_registration *r);
struct octets pool_registration_handle(const struct pool_registration *r);
void *pool_registration_context(const struct pool_registration *r);

/* --- pool users (RFC 5352, 3.3 and 3.5)
 * ---------------------------------------------------------------------------- */

struct pool_resolution {
    struct octets pool_handle;
    int result; /* 0, ERR_NOT_FOUND, ERR_TIMEOUT ... */
    uint16_t cause;
    bool has_cause;
    uint32_t policy_type;      /* of the pool; Round Robin when the response names none (RFC 5352, 2.2.6) */
    struct wire_list elements; /* wire_element_next; valid until the callback returns */
};
typedef void pool_resolved(void *context, const struct pool_resolution *r);

/* Resolves a pool handle; `resolved` is called once. items: elements wanted (the handle resolution option), 0
 * = the registrar's default and no option, POOL_ITEMS_ALL. Returns 0, ERR_MEMORY, ERR_ARGUMENT (a handle
 * that no message can carry), or ERR_LIMIT with 65,536 requests open. */
int pool_client_resolve(struct pool_client *c, struct octets pool_handle, int64_t items,
                        pool_resolved *resolved, void *context);
/* Reports a pool element as unreachable: no answer is defined. ERR_CLOSED when not connected. */
int pool_client_report(struct pool_client *c, struct octets pool_handle, uint32_t pe_identifier);

/* The catalogue's code for an error cause: ERR_POLICY, ERR_NOT_FOUND ... */
int pool_cause_result(uint16_t cause);

#endif
