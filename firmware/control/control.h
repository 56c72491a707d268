/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control: JSON-RPC 2.0 on a Unix socket between the daemons and their faces (CLI, SNMP subagent), both ends.
 * One JSON value a line (jansson, compact). A server answers requests and publishes a feed: notifications
 * with a number each, so that a subscriber sees a gap. METHODS.md lists what each daemon offers.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define CONTROL_DIR        "/run/poolward"
#define CONTROL_REGISTRARD CONTROL_DIR "/registrard.sock"
#define CONTROL_CONFIGD    CONTROL_DIR "/configd.sock"

enum { CONTROL_LEVEL_NONE = 0, CONTROL_LEVEL_READ = 1, CONTROL_LEVEL_ADMIN = 15 };

/* --- server
 * ------------------------------------------------------------------------------------------------------ */

struct control_server;
struct control_request;

struct control_method {
    const char *name; /* "pools.list" */
    int level;        /* privilege that the caller's user must have */
    /* params is never NULL (an empty object when the caller sent none), borrowed. Answers by exactly one call
     * of control_reply or control_fail, now or later. */
    void (*call)(void *context, struct control_request *r, const json_t *params);
};

struct control_server_options {
    const char *path;
    mode_t mode;                          /* of the socket; 0 = 0660 */
    const char *group;                    /* owner group of the socket; NULL = unchanged */
    const struct control_method *methods; /* ended by {0}; kept by reference */
    void *context;
    uint32_t max_connections; /* 0 = 64 */
    uint32_t max_line;        /* octets of a request; 0 = 1 MiB; longer: error and close */
    uint32_t max_queued;      /* octets waiting for a slow reader; 0 = 16 MiB; beyond: closed */
};
/* NULL and *error; a stale socket file of a dead process is replaced, a live one is ERR_ADDRESS_IN_USE. */
struct control_server *control_server_new(struct event_base *base, const struct control_server_options *o,
                                          int *error);
void control_server_free(struct control_server *s);

/* Who asks, from SO_PEERCRED: level is 15 for root and for the daemon's own user, 15 or 1 for members of the
 * groups poolward-admin and poolward-read, else 0. */
struct control_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    int level;
};
const struct control_peer *control_request_peer(const struct control_request *r);
void control_reply(struct control_request *r, json_t *result); /* steals result */
/* code of base/error.h; detail (may be NULL) says what and where. The caller sees code, text, detail and
 * advice. */
void control_fail(struct control_request *r, int code, const char *detail, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds the asker's connection to the feed; use inside a method, before control_reply. `drained` (may be NULL)
 * is called each time the connection's queue runs empty, to send a long snapshot piece by piece with
 * control_feed_send(); `gone` when the connection ends. NULL: the connection is gone or has too many
 * subscriptions, or out of memory. */
struct control_subscriber;
struct control_subscriber *control_subscribe(struct control_request *r, void *context,
                                             void (*drained)(void *context, struct control_subscriber *s),
                                             void (*gone)(void *context, struct control_subscriber *s));
/* One notification {"jsonrpc":"2.0","method":METHOD,"params":{"sequence":N, ...params}} to one or to all.
 * Steals params. */
void control_feed_send(struct control_subscriber *s, const char *method, json_t *params);
void control_feed_publish(struct control_server *s, const char *method, json_t *params);
uint32_t control_subscribers(const struct control_server *s); /* 0: building an event can be saved */

/* --- client that blocks (CLI)
 * ---------------------------------------------------------------------------------- */

struct control_client;
/* NULL and *error: ERR_NOT_FOUND / ERR_CLOSED when the daemon is not there. timeout_ms for each call. */
struct control_client *control_client_new(const char *path, int timeout_ms, int *error);
void control_client_free(struct control_client *c);
/* Steals params (may be NULL). 0 and *result (new reference), or a code and *message (static until the next
 * call): "no such pool: Echo (list what there is with ...)". */
int control_call(struct control_client *c, const char *method, json_t *params, json_t **result,
                 const char **message);
/* Waits for the next notification of a subscription. ERR_TIMEOUT, ERR_CLOSED. */
int control_next_event(struct control_client *c, int timeout_ms, char **method, json_t **params);
int control_client_fd(const struct control_client *c);

/* --- link of a daemon: on its event loop, reconnects by itself
 * ---------------------------------------------------- */

struct control_link;
struct control_link_options {
    const char *path;
    uint32_t retry_ms; /* 0 = 500 */
    void *context;
    void (*up)(void *context, struct control_link *l);   /* connected: subscribe here */
    void (*down)(void *context, struct control_link *l); /* calls under way get ERR_CLOSED first */
    void (*event)(void *context, struct control_link *l, const char *method, const json_t *params);
};
struct control_link *control_link_new(struct event_base *base, const struct control_link_options *o);
void control_link_free(struct control_link *l);
bool control_link_is_up(const struct control_link *l);
/* Steals params. `done` (may be NULL) gets 0 and a borrowed result, or a code and a text. */
void control_link_call(struct control_link *l, const char *method, json_t *params, void *context,
                       void (*done)(void *context, int code, const json_t *result, const char *message));

/* A pool handle is any octets: as JSON it is {"handle": printable text with \xNN escapes, "handle_hex":
 * exact}. Adds both to object. Reading takes "handle_hex" if present, else "handle" (unescaped). buffer holds
 * the octets; returns their number or ERR_ARGUMENT. */
void control_put_handle(json_t *object, const uint8_t *data, size_t length);
int control_get_handle(const json_t *object, uint8_t *buffer, size_t capacity);

#endif
