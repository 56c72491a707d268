/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Announces by UDP multicast. One socket sends, bound to the port of the SCTP service because rsplib's
 * clients take the source of the datagram for the service's address; another, bound to the group, listens.
 * Which interfaces there are is asked each time: they come and go.
 */
#include "base/error.h"
#include "transport/channel.h"
#include "transport/interfaces.h"
#include "transport/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 4096, RECEIVE_BATCH = 16, SOURCES_MAX = 64 };

struct announcer {
    struct event_base *base;
    struct announcer_options options;
    struct address *addresses; /* a copy of the options' */
    int send_fd, listen_fd;
    uint16_t source_port;
    struct event readable;
    struct address sources[SOURCES_MAX]; /* what was sent from the last time: not to be taken for another's */
    size_t n_sources;
};

static int level_of(const struct address *group)
{
    return group->family == 4 ? IPPROTO_IP : IPPROTO_IPV6;
}

/* Both are options of the level, of which each family has its own number. */
static void set_option(int fd, const struct address *group, int v4, int v6, int value)
{
    socket_set_int(fd, level_of(group), group->family == 4 ? v4 : v6, value);
}

static int bind_socket(int fd, const struct address *address, uint16_t port, char *detail)
{
    struct sockaddr_storage sa;
    socklen_t length = address_to_sockaddr(address, port, false, &sa);

    if (fd < 0)
        return socket_failed(detail, "socket UDP", address, port);
    socket_set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    socket_set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind(fd, (struct sockaddr *)&sa, length) != 0)
        return socket_failed(detail, "bind UDP", address, port);
    return ERR_OK;
}

static int open_sender(struct announcer *a, char *detail)
{
    const struct announcer_options *o = &a->options;
    const struct address any = {.family = o->group.family};
    int rc;

    a->send_fd = socket_open(SOCK_DGRAM, IPPROTO_UDP, &any);
    rc = bind_socket(a->send_fd, &any, o->source_port, detail);
    if (rc != ERR_OK)
        return rc;
    a->source_port = socket_port(a->send_fd);
    set_option(a->send_fd, &o->group, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, o->ttl ? o->ttl : 1);
    set_option(a->send_fd, &o->group, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, 1);
    /* Nobody reads here: the kernel should keep little for it. */
    set_option(a->send_fd, &o->group, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0);
    socket_set_int(a->send_fd, SOL_SOCKET, SO_RCVBUF, 0);
    return ERR_OK;
}

/* True for a datagram that was sent to the group: an IPv6 socket can't be bound to a group of link scope, and
 * so gets what is sent to the port in any way. */
static bool to_group(const struct announcer *a, struct msghdr *m)
{
    if (a->options.group.family == 4)
        return true;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            const struct in6_pktinfo *info = (const void *)CMSG_DATA(c);
            return memcmp(&info->ipi6_addr, a->options.group.octets, 16) == 0;
        }
    return false;
}

static bool is_own(const struct announcer *a, const struct address *from, uint16_t port)
{
    for (size_t i = 0; port == a->source_port && i < a->n_sources; i++)
        if (address_equal(&a->sources[i], from))
            return true;
    return false;
}

static bool receive_one(struct announcer *a, int fd)
{
    uint8_t buffer[DATAGRAM_MAX];
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control;
    struct sockaddr_storage sa;
    struct iovec iov = {buffer, sizeof buffer};
    struct msghdr m = {&sa, sizeof sa, &iov, 1, &control, sizeof control.space, 0};
    ssize_t n = recvmsg(fd, &m, 0);
    struct address from;
    uint16_t port;

    if (n < 0)
        return errno == EINTR;
    if (!(m.msg_flags & MSG_TRUNC) && to_group(a, &m) &&
        address_from_sockaddr((struct sockaddr *)&sa, &from, &port) && !is_own(a, &from, port))
        a->options.received(a->options.context, &from, port, octets_of(buffer, (size_t)n));
    return true;
}

static void readable(evutil_socket_t fd, short what, void *announcer)
{
    (void)what;
    for (int i = 0; i < RECEIVE_BATCH; i++)
        if (!receive_one(announcer, fd))
            return;
}

static int open_listener(struct announcer *a, char *detail)
{
    const struct announcer_options *o = &a->options;
    const struct address any = {.family = 6};
    const struct address *where = o->group.family == 4 ? &o->group : &any;
    int rc;

    if (!o->listen)
        return ERR_OK;
    a->listen_fd = socket_open(SOCK_DGRAM, IPPROTO_UDP, where);
    rc = bind_socket(a->listen_fd, where, o->group_port, detail);
    if (rc != ERR_OK)
        return rc;
    set_option(a->listen_fd, &o->group, IP_MULTICAST_ALL, IPV6_MULTICAST_ALL, 0);
    if (o->group.family == 6)
        socket_set_int(a->listen_fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    event_assign(&a->readable, a->base, a->listen_fd, EV_READ | EV_PERSIST, readable, a);
    return event_add(&a->readable, NULL) == 0 ? ERR_OK : ERR_MEMORY;
}

/* --- interfaces
 * -------------------------------------------------------------------------------------------------- */

static bool is_chosen(const struct announcer *a, const struct address *address)
{
    for (size_t i = 0; i < a->options.n_addresses; i++)
        if (address_equal(&a->addresses[i], address))
            return true;
    return false;
}

/* An address that peers beyond the link can reach is the better source. */
static bool is_better(const struct interface_address *a, const struct interface_address *b)
{
    bool a_local = address_is_link_local(&a->address), b_local = address_is_link_local(&b->address);

    return a_local == b_local ? a < b : b_local;
}

/* Is list[i] to be sent from? Of an interface's addresses one, or those that were chosen. */
static bool is_source(const struct announcer *a, const struct interface_address *list, size_t n, size_t i)
{
    const struct interface_address *me = &list[i];

    if (!me->up || me->address.family != a->options.group.family)
        return false;
    if (a->options.n_addresses)
        return is_chosen(a, &me->address);
    if (!me->multicast || me->loopback)
        return false;
    for (size_t j = 0; j < n; j++)
        if (list[j].interface == me->interface && list[j].address.family == me->address.family &&
            is_better(&list[j], me))
            return false;
    return true;
}

static void join(struct announcer *a, const struct interface_address *i)
{
    struct group_req request = {.gr_interface = i->interface};

    /* Joined already: EADDRINUSE. */
    address_to_sockaddr(&a->options.group, 0, false, &request.gr_group);
    setsockopt(a->listen_fd, level_of(&a->options.group), MCAST_JOIN_GROUP, &request, sizeof request);
}

static size_t source_control(const struct interface_address *i, struct cmsghdr *c)
{
    if (i->address.family == 4) {
        struct in_pktinfo info = {.ipi_ifindex = (int)i->interface};
        memcpy(&info.ipi_spec_dst, i->address.octets, 4);
        *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
        memcpy(CMSG_DATA(c), &info, sizeof info);
        return CMSG_SPACE(sizeof info);
    }
    struct in6_pktinfo info = {.ipi6_ifindex = i->interface};
    memcpy(&info.ipi6_addr, i->address.octets, 16);
    *c = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
    memcpy(CMSG_DATA(c), &info, sizeof info);
    return CMSG_SPACE(sizeof info);
}

static bool send_from(struct announcer *a, const struct interface_address *i, struct octets message)
{
    union {
        struct cmsghdr header;
        uint8_t space[CMSG_SPACE(sizeof(struct in6_pktinfo))];
    } control = {0};
    struct sockaddr_storage sa;
    socklen_t length = address_to_sockaddr(&a->options.group, a->options.group_port, false, &sa);
    struct iovec iov = {(uint8_t *)message.data, message.length};
    struct msghdr m = {&sa, length, &iov, 1, &control, source_control(i, &control.header), 0};

    return sendmsg(a->send_fd, &m, MSG_NOSIGNAL) == (ssize_t)message.length;
}

/* Joins the group on each interface and, if there is a message, sends it from there. */
static int visit_interfaces(struct announcer *a, const struct octets *message)
{
    size_t n;
    struct interface_address *list = interface_addresses(&n);
    int sent = 0;

    a->n_sources = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_source(a, list, n, i))
            continue;
        if (a->n_sources < SOURCES_MAX)
            a->sources[a->n_sources++] = list[i].address;
        if (a->listen_fd >= 0)
            join(a, &list[i]);
        sent += message && send_from(a, &list[i], *message);
    }
    free(list);
    return sent;
}

/* --- life
 * -------------------------------------------------------------------------------------------------------- */

struct announcer *announcer_new(struct event_base *base, const struct announcer_options *o, int *error,
                                char *detail)
{
    struct announcer *a;

    if (detail)
        *detail = '\0';
    *error = ERR_ARGUMENT;
    if (!address_is_multicast(&o->group) || (o->listen && !o->received))
        return NULL;
    *error = ERR_MEMORY;
    a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    a->base = base;
    a->options = *o;
    a->send_fd = a->listen_fd = -1;
    a->addresses = calloc(o->n_addresses + 1, sizeof *a->addresses);
    if (a->addresses) {
        if (o->n_addresses)
            memcpy(a->addresses, o->addresses, o->n_addresses * sizeof *a->addresses);
        *error = open_sender(a, detail);
        if (*error == ERR_OK)
            *error = open_listener(a, detail);
    }
    if (*error != ERR_OK) {
        announcer_free(a);
        return NULL;
    }
    visit_interfaces(a, NULL);
    return a;
}

void announcer_free(struct announcer *a)
{
    if (!a)
        return;
    if (a->listen_fd >= 0) {
        if (event_initialized(&a->readable))
            event_del(&a->readable);
        close(a->listen_fd);
    }
    if (a->send_fd >= 0)
        close(a->send_fd);
    free(a->addresses);
    free(a);
}

int announcer_send(struct announcer *a, struct octets message)
{
    return visit_interfaces(a, &message);
}
