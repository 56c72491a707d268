/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this room share: the client, its registrations and its open requests. Not for other
 * rooms. */
#ifndef ENDPOINT_INTERNAL_H
#define ENDPOINT_INTERNAL_H

#include "base/error.h"
#include "endpoint/endpoint.h"

#include <bsd/sys/queue.h>

struct request; /* a handle resolution without an answer yet */

struct pool_client {
    struct pool_client_options options;
    struct event_base *base;
    struct transport *transport;
    struct endpoint *endpoint; /* SCTP: also takes calls of registrars; NULL over TCP */
    struct channel *channel;   /* to the home registrar, or on its way there */
    bool connected;
    bool closing;     /* pool_client_close: no reconnection */
    int abandoned;    /* why this side gives the channel up; 0 = it does not */
    size_t registrar; /* index of the one in use */
    uint32_t home;
    struct event *reconnect;
    TAILQ_HEAD(, pool_registration) registrations;
    TAILQ_HEAD(, request) requests;
    uint32_t n_requests;
    uint8_t buffer[WIRE_MESSAGE_MAX]; /* one message on its way out */
};

/* Sends to the home registrar, or over another channel. ERR_CLOSED when there is none. */
int client_send(struct pool_client *c, const struct wire_message *m);
int client_send_over(struct pool_client *c, struct channel *channel, const struct wire_message *m);
void client_event(struct pool_client *c, const struct pool_event *e);
/* Gives up the home registrar, which does not answer: the next one follows (RFC 5352, 3.7.2). */
void client_abandon(struct pool_client *c, int reason);
void client_arm(struct event *timer, uint32_t ms);
/* The first cause of an Operation Error, as an event's or a resolution's fields. */
bool message_cause(const struct wire_message *m, uint16_t *cause);

/* registration.c */
void registrations_connected(struct pool_client *c);
void registrations_disconnected(struct pool_client *c);
void registrations_free(struct pool_client *c);
void registration_response(struct pool_client *c, const struct wire_message *m);
void deregistration_response(struct pool_client *c, const struct wire_message *m);
void keep_alive(struct pool_client *c, struct channel *channel, const struct wire_message *m);

/* resolution.c */
void requests_connected(struct pool_client *c);
void requests_free(struct pool_client *c);
void resolution_response(struct pool_client *c, const struct wire_message *m);

#endif
