/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCTP by the kernel's one-to-many sockets: one socket an endpoint, an association of it is a channel. Here:
 * the socket and its options, associations made and looked up, and which addresses they have. sctp_receive.c
 * and sctp_send.c hold what flows.
 */
#include "transport/interfaces.h"
#include "transport/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    BUFFER_WANTED = 8 << 20, /* shared by all associations; what is allowed is taken */
    SHARE_MIN = 16 << 10,
    SHARE_MAX = 512 << 10,
    PEERS_MAX = 64
};

/* --- the socket
 * -------------------------------------------------------------------------------------------------- */

static void widen_buffer(int fd, int option, int forced)
{
    const int wanted = BUFFER_WANTED;

    if (setsockopt(fd, SOL_SOCKET, forced, &wanted, sizeof wanted) != 0)
        socket_set_int(fd, SOL_SOCKET, option, wanted);
}

/* By default the kernel counts the sends of all associations against one buffer, so that a few peers that do
 * not read could fill it for all; each may therefore hold an eighth. With net.sctp.sndbuf_policy=1 each has a
 * buffer of its own, and half of it keeps the line busy while the other half is refilled. */
static uint32_t kernel_share(int fd)
{
    int buffer = 0, own = 0;
    socklen_t length = sizeof buffer;
    FILE *f = fopen("/proc/sys/net/sctp/sndbuf_policy", "re");
    uint32_t share;

    if (f && fscanf(f, "%d", &own) != 1)
        own = 0;
    if (f)
        fclose(f);
    getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, &length);
    share = (uint32_t)buffer / (own ? 2 : 8);
    return share < SHARE_MIN ? SHARE_MIN : share > SHARE_MAX ? SHARE_MAX : share;
}

static int set_options(int fd)
{
    const struct sctp_event_subscribe events = {
        .sctp_association_event = 1,
        .sctp_address_event = 1,
        .sctp_shutdown_event = 1,
        .sctp_partial_delivery_event = 1,
    };
    const struct sctp_event failed = {.se_type = SCTP_SEND_FAILED_EVENT, .se_on = 1};
    const int on = 1;

    widen_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE);
    widen_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE);
    socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    /* Without it the kernel would hold back all associations while one peer's long message comes in pieces.
     */
    if (setsockopt(fd, IPPROTO_SCTP, SCTP_FRAGMENT_INTERLEAVE, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_SCTP, SCTP_RECVRCVINFO, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_SCTP, SCTP_EVENTS, &events, sizeof events) != 0)
        return -1;
    socket_set_int(fd, IPPROTO_SCTP, SCTP_AUTOCLOSE, 0);
    return setsockopt(fd, IPPROTO_SCTP, SCTP_EVENT, &failed, sizeof failed);
}

static int bind_any(struct endpoint *e, char *detail)
{
    static const struct address any;
    struct sockaddr_storage sa;
    struct address where = any;
    int domain = AF_INET6;
    socklen_t length = sizeof domain;

    getsockopt(e->sctp.fd, SOL_SOCKET, SO_DOMAIN, &domain, &length);
    where.family = domain == AF_INET6 ? 6 : 4;
    length = address_to_sockaddr(&where, e->port, domain == AF_INET6, &sa);
    if (bind(e->sctp.fd, (struct sockaddr *)&sa, length) != 0)
        return socket_failed(detail, "bind", NULL, e->port);
    e->port = socket_port(e->sctp.fd);
    return ERR_OK;
}

/* One by one, so that an error names its address. */
static int bind_chosen(struct endpoint *e, char *detail)
{
    for (size_t i = 0; i < e->n_addresses; i++) {
        struct sockaddr_storage sa;

        address_to_sockaddr(&e->addresses[i], e->port, false, &sa);
        if (sctp_bindx(e->sctp.fd, (struct sockaddr *)&sa, 1, SCTP_BINDX_ADD_ADDR) != 0)
            return socket_failed(detail, "bind", &e->addresses[i], e->port);
        if (e->port == 0)
            e->port = socket_port(e->sctp.fd);
    }
    return ERR_OK;
}

/* The address whose family the socket must have: an IPv6 socket serves IPv4 too, but not where IPv6 is
 * missing. */
static const struct address *family_of(const struct endpoint *e)
{
    const struct address *chosen = e->n_addresses ? &e->addresses[0] : NULL;

    for (size_t i = 0; i < e->n_addresses; i++)
        if (e->addresses[i].family == 6)
            chosen = &e->addresses[i];
    return chosen;
}

static int sctp_endpoint_open(struct endpoint *e, const struct endpoint_options *o, char *detail)
{
    struct event_base *base = e->transport->base;
    struct sctp_endpoint *s = &e->sctp;
    int rc = ERR_OK;

    TAILQ_INIT(&s->dry_waiters);
    TAILQ_INIT(&s->room_waiters);
    s->fd = socket_open(SOCK_SEQPACKET, IPPROTO_SCTP, family_of(e));
    if (s->fd < 0)
        return socket_failed(detail, "socket SCTP", NULL, e->port);
    event_assign(&s->readable, base, s->fd, EV_READ | EV_PERSIST, association_readable, e);
    event_assign(&s->writable, base, s->fd, EV_WRITE, association_writable, e);
    evtimer_assign(&s->jam, base, association_jammed, e);
    if (set_options(s->fd) != 0)
        return socket_failed(detail, "options of SCTP", NULL, e->port);
    if (e->stay && (e->stay = stay_prepare(s->fd)))
        stay_blocking(s->fd, true);
    s->kernel_share = kernel_share(s->fd);
    if (o) {
        rc = e->n_addresses ? bind_chosen(e, detail) : bind_any(e, detail);
        if (rc == ERR_OK && listen(s->fd, BACKLOG) != 0)
            rc = socket_failed(detail, "listen", e->n_addresses ? &e->addresses[0] : NULL, e->port);
    }
    if (rc == ERR_OK && event_add(&s->readable, NULL) != 0)
        rc = ERR_MEMORY;
    return rc;
}

static void sctp_endpoint_close(struct endpoint *e)
{
    struct sctp_endpoint *s = &e->sctp;

    if (s->fd < 0)
        return;
    event_del(&s->readable);
    event_del(&s->writable);
    event_del(&s->jam);
    close(s->fd);
    s->fd = -1;
}

/* --- associations
 * ------------------------------------------------------------------------------------------------ */

struct channel *association_find(struct endpoint *e, sctp_assoc_t association)
{
    struct channel *c;

    /* Most often the one of the message before. */
    if (e->sctp.last && e->sctp.last->sctp.association == association && association)
        return e->sctp.last;
    HASH_FIND(by_association, e->sctp.associations, &association, sizeof association, c);
    e->sctp.last = c;
    return c;
}

bool association_attach(struct channel *c, sctp_assoc_t association)
{
    c->sctp.association = association;
    HASH_ADD(by_association, c->endpoint->sctp.associations, sctp.association, sizeof association, c);
    if (!c->by_association.tbl)
        c->sctp.association = 0;
    return c->sctp.association != 0;
}

void association_detach(struct channel *c)
{
    if (c->sctp.association == 0)
        return;
    HASH_DELETE(by_association, c->endpoint->sctp.associations, c);
    if (c->endpoint->sctp.last == c)
        c->endpoint->sctp.last = NULL;
    c->sctp.association = 0;
    association_stop_waiting(c);
}

void association_load_peers(struct channel *c)
{
    struct sockaddr *list;
    struct address peers[PEERS_MAX];
    uint16_t port = c->peer_port;
    int n = sctp_getpaddrs(c->endpoint->sctp.fd, c->sctp.association, &list);
    size_t used = 0;
    const uint8_t *at;

    if (n <= 0)
        return; /* gone already: what was known stays */
    at = (const uint8_t *)list;
    for (int i = 0; i < n && used < PEERS_MAX; i++) {
        const struct sockaddr *sa = (const void *)at;
        used += address_from_sockaddr(sa, &peers[used], &port);
        at += sctp_getaddrlen(sa->sa_family);
    }
    sctp_freepaddrs(list);
    channel_set_peers(c, peers, used, port);
}

static int sctp_connect(struct channel *c, const struct address *addresses, size_t n, uint16_t port)
{
    struct sockaddr_storage sa;
    uint8_t *packed = malloc(n * sizeof sa);
    size_t used = 0;
    sctp_assoc_t association = 0;
    int rc, err;

    if (!packed || !channel_set_peers(c, addresses, n, port)) {
        free(packed);
        return ERR_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        socklen_t length = address_to_sockaddr(&addresses[i], port, false, &sa);
        memcpy(packed + used, &sa, length);
        used += length;
    }
    if (c->endpoint->stay)
        stay_blocking(c->endpoint->sctp.fd, false);
    rc = sctp_connectx(c->endpoint->sctp.fd, (struct sockaddr *)packed, (int)n, &association);
    err = errno;
    if (c->endpoint->stay)
        stay_blocking(c->endpoint->sctp.fd, true);
    free(packed);
    if (rc != 0 && err != EINPROGRESS)
        return err == EISCONN || err == EALREADY ? ERR_EXISTS : error_from_errno(err);
    if (association_find(c->endpoint, association))
        return ERR_EXISTS;
    return association_attach(c, association) ? ERR_OK : ERR_MEMORY;
}

static void sctp_release(struct channel *c)
{
    sctp_assoc_t association = c->sctp.association;

    association_detach(c);
    if (association && c->endpoint->sctp.fd >= 0)
        association_abort(c->endpoint, association);
}

const struct transport_ops transport_sctp_ops = {
    .name = "sctp",
    .listen = sctp_endpoint_open,
    .connect = sctp_connect,
    .send = association_send,
    .shutdown = association_shutdown,
    .release = sctp_release,
    .close = sctp_endpoint_close,
};
