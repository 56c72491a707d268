/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP: listening sockets, connections taken and made, and their end. What flows through them is in tcp_io.c.
 */
#include "base/clock.h"
#include "base/log.h"
#include "transport/internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    ACCEPT_BATCH = 32, /* connections taken before others get their turn */
    ACCEPT_RETRY_MS = 250,
    KEEPALIVE_S = 60,
    UNACKNOWLEDGED_MS = 60000, /* a peer that is gone frees its channel after this */
    CONNECT_RETRIES = 2        /* SYNs after the first; then the next address: some 7 s each */
};

static void set_options(int fd)
{
    socket_set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    socket_set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    socket_set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_S);
    socket_set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_S / 4);
    socket_set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
    socket_set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS);
}

static int open_socket(const struct endpoint *e, const struct address *address)
{
    return e->kind == TRANSPORT_MPTCP ? mptcp_socket_open(address)
                                      : socket_open(SOCK_STREAM, IPPROTO_TCP, address);
}

static void attach(struct channel *c, int fd)
{
    struct event_base *base = c->endpoint->transport->base;

    c->tcp.fd = fd;
    event_assign(&c->tcp.readable, base, fd, EV_READ | EV_PERSIST, tcp_readable, c);
    event_assign(&c->tcp.writable, base, fd, EV_WRITE, tcp_writable, c);
}

/* --- listening
 * --------------------------------------------------------------------------------------------------- */

static void refuse(struct endpoint *e, int fd)
{
    const struct linger reset = {.l_onoff = 1};

    e->transport->statistics.channels_refused++;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(fd);
}

static void take(struct endpoint *e, int fd, const struct sockaddr_storage *from)
{
    struct address peer;
    uint16_t port;
    struct channel *c;

    if (e->n_channels >= e->max_channels || !address_from_sockaddr((const void *)from, &peer, &port)) {
        refuse(e, fd);
        return;
    }
    c = channel_new(e);
    if (!c) {
        refuse(e, fd);
        return;
    }
    attach(c, fd);
    set_options(fd);
    if (e->stay && stay_prepare(fd)) {
        stay_blocking(fd, true);
        c->tcp.stay = true;
    }
    c->tcp.multipath = e->kind == TRANSPORT_MPTCP && mptcp_in_use(fd);
    if (channel_set_peers(c, &peer, 1, port) && !admission_take(c)) {
        c->tcp.fd = -1;
        channel_forget(c);
        refuse(e, fd);
        return;
    }
    if (c->n_peers == 0 || event_add(&c->tcp.readable, NULL) != 0) {
        channel_forget(c);
        return;
    }
    admission_watch(c);
    channel_opened(c);
}

/* Out of descriptors or memory: the socket stays readable, so waiting for it would spin. */
static void pause_accepting(struct tcp_listener *l)
{
    const struct timeval pause = {.tv_usec = ACCEPT_RETRY_MS * 1000};

    log_warning("transport: accept: %s; new connections wait", strerror(errno));
    event_del(&l->readable);
    evtimer_add(&l->retry, &pause);
}

static void acceptable(evutil_socket_t fd, short what, void *listener)
{
    struct tcp_listener *l = listener;
    struct endpoint *e = l->endpoint;

    (void)what;
    for (int i = 0; i < ACCEPT_BATCH && !e->dead; i++) {
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        int connection = accept4(fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (connection >= 0) {
            take(e, connection, &from);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_accepting(l);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void accept_again(evutil_socket_t fd, short what, void *listener)
{
    struct tcp_listener *l = listener;

    (void)fd, (void)what;
    event_add(&l->readable, NULL);
}

static int open_listener(struct endpoint *e, struct tcp_listener *l, const struct address *address,
                         char *detail)
{
    static const struct address any;
    struct sockaddr_storage sa;
    struct address where = address ? *address : any;
    bool v6;
    socklen_t length;
    int domain;
    socklen_t domain_length = sizeof domain;

    l->endpoint = e;
    l->fd = open_socket(e, address);
    if (l->fd < 0)
        return socket_failed(detail, "socket TCP", address, e->port);
    event_assign(&l->readable, e->transport->base, l->fd, EV_READ | EV_PERSIST, acceptable, l);
    evtimer_assign(&l->retry, e->transport->base, accept_again, l);
    getsockopt(l->fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_length);
    v6 = domain == AF_INET6;
    where.family = v6 ? 6 : 4;
    length = address_to_sockaddr(&where, e->port, v6, &sa);
    socket_set_int(l->fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(l->fd, (struct sockaddr *)&sa, length) != 0)
        return socket_failed(detail, "bind", address, e->port);
    if (listen(l->fd, BACKLOG) != 0)
        return socket_failed(detail, "listen", address, e->port);
    e->port = socket_port(l->fd);
    return event_add(&l->readable, NULL) == 0 ? ERR_OK : ERR_MEMORY;
}

static int tcp_listen(struct endpoint *e, const struct endpoint_options *o, char *detail)
{
    size_t n = e->n_addresses ? e->n_addresses : 1;
    int rc = ERR_OK;

    if (!o) /* only to connect from */
        return ERR_OK;
    e->tcp.listeners = calloc(n, sizeof *e->tcp.listeners);
    if (!e->tcp.listeners)
        return ERR_MEMORY;
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        e->tcp.n_listeners++;
        rc = open_listener(e, &e->tcp.listeners[i], e->n_addresses ? &e->addresses[i] : NULL, detail);
    }
    return rc;
}

static void tcp_close(struct endpoint *e)
{
    for (size_t i = 0; i < e->tcp.n_listeners; i++) {
        struct tcp_listener *l = &e->tcp.listeners[i];
        if (l->fd < 0)
            continue;
        event_del(&l->readable);
        event_del(&l->retry);
        close(l->fd);
    }
    free(e->tcp.listeners);
    e->tcp.listeners = NULL;
    e->tcp.n_listeners = 0;
}

/* --- connecting
 * -------------------------------------------------------------------------------------------------- */

static void connected(evutil_socket_t fd, short what, void *channel);

/* Binds to the endpoint's address of the peer's family, so that the peer sees the address it knows. */
static void bind_source(struct channel *c, int fd, const struct address *peer)
{
    struct endpoint *e = c->endpoint;
    struct sockaddr_storage sa;

    for (size_t i = 0; i < e->n_addresses; i++)
        if (e->addresses[i].family == peer->family) {
            socklen_t length = address_to_sockaddr(&e->addresses[i], 0, false, &sa);
            socket_set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
            bind(fd, (struct sockaddr *)&sa, length); /* the kernel's choice serves if this fails */
            return;
        }
}

/* Begins to connect to the next address that the system does not refuse at once. */
static int try_next(struct channel *c)
{
    int rc = ERR_CLOSED;

    while (c->tcp.candidate < c->tcp.n_candidates) {
        const struct address *peer = &c->tcp.candidates[c->tcp.candidate++];
        struct sockaddr_storage sa;
        socklen_t length = address_to_sockaddr(peer, c->peer_port, false, &sa);
        int fd = open_socket(c->endpoint, peer);

        if (fd < 0)
            return error_from_errno(errno);
        set_options(fd);
        socket_set_int(fd, IPPROTO_TCP, TCP_SYNCNT, CONNECT_RETRIES);
        bind_source(c, fd, peer);
        if (connect(fd, (struct sockaddr *)&sa, length) == 0 || errno == EINPROGRESS) {
            attach(c, fd);
            event_assign(&c->tcp.writable, c->endpoint->transport->base, fd, EV_WRITE, connected, c);
            return event_add(&c->tcp.writable, NULL) == 0 ? ERR_OK : ERR_MEMORY;
        }
        rc = error_from_errno(errno);
        close(fd);
    }
    return rc;
}

static void detach(struct channel *c)
{
    if (c->tcp.fd < 0)
        return;
    event_del(&c->tcp.readable);
    event_del(&c->tcp.writable);
    close(c->tcp.fd);
    c->tcp.fd = -1;
}

static void connected(evutil_socket_t fd, short what, void *channel)
{
    struct channel *c = channel;
    const struct address peer = c->tcp.candidates[c->tcp.candidate - 1];
    int err = 0;
    socklen_t length = sizeof err;

    (void)what;
    if (c->state != CHANNEL_CONNECTING)
        return;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &length);
    if (err) {
        detach(c);
        if (try_next(c) != ERR_OK)
            channel_doom(c, error_from_errno(err));
        return;
    }
    attach(c, fd);
    c->tcp.multipath = c->endpoint->kind == TRANSPORT_MPTCP && mptcp_in_use(fd);
    if (!channel_set_peers(c, &peer, 1, c->peer_port) || event_add(&c->tcp.readable, NULL) != 0) {
        channel_doom(c, ERR_MEMORY);
        return;
    }
    channel_opened(c);
}

static int tcp_connect(struct channel *c, const struct address *addresses, size_t n, uint16_t port)
{
    c->tcp.fd = -1;
    c->tcp.candidates = malloc(n * sizeof *c->tcp.candidates);
    if (!c->tcp.candidates || !channel_set_peers(c, addresses, n, port))
        return ERR_MEMORY;
    memcpy(c->tcp.candidates, addresses, n * sizeof *addresses);
    c->tcp.n_candidates = n;
    return try_next(c);
}

static void tcp_release(struct channel *c)
{
    detach(c);
    free(c->tcp.candidates);
    c->tcp.candidates = NULL;
}

const struct transport_ops transport_tcp_ops = {
    .name = "tcp",
    .listen = tcp_listen,
    .connect = tcp_connect,
    .send = tcp_send,
    .shutdown = tcp_shutdown,
    .release = tcp_release,
    .close = tcp_close,
};
