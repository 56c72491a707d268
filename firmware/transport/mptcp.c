/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Multipath TCP (RFC 8684) under the TCP kind: the socket that speaks it, or plain TCP where the kernel does
 * not, and the addresses of a connection's subflows. All else is TCP's: one ordered stream, whatever subflows
 * carry it.
 */
#include "transport/internal.h"

#include <errno.h>
#include <linux/mptcp.h>

enum { SUBFLOWS_MAX = 16 };

int mptcp_socket_open(const struct address *address)
{
    int fd = socket_open(SOCK_STREAM, IPPROTO_MPTCP, address);

    /* Not compiled in, or switched off (net.mptcp.enabled), or forbidden by a sandbox. */
    if (fd < 0 && (errno == EPROTONOSUPPORT || errno == ENOPROTOOPT || errno == EINVAL || errno == EPERM))
        fd = socket_open(SOCK_STREAM, IPPROTO_TCP, address);
    return fd;
}

bool mptcp_in_use(int fd)
{
    struct mptcp_info info = {0};
    socklen_t length = sizeof info;

    return getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &length) == 0 && length > 0 &&
           !(info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK);
}

static bool listed(const struct address *list, size_t n, const struct address *a)
{
    for (size_t i = 0; i < n; i++)
        if (address_equal(&list[i], a))
            return true;
    return false;
}

void mptcp_load_peers(struct channel *c)
{
    struct {
        struct mptcp_subflow_data head;
        struct mptcp_subflow_addrs addresses[SUBFLOWS_MAX];
    } reply = {.head = {.size_subflow_data = sizeof reply.head, .size_user = sizeof reply.addresses[0]}};
    struct address peers[SUBFLOWS_MAX], peer;
    socklen_t length = sizeof reply;
    size_t n = 0;

    if (c->tcp.fd < 0 || getsockopt(c->tcp.fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, &reply, &length) != 0)
        return; /* what was known stays */
    for (uint32_t i = 0; i < reply.head.num_subflows && i < SUBFLOWS_MAX; i++)
        if (address_from_sockaddr(&reply.addresses[i].sa_remote, &peer, NULL) && !listed(peers, n, &peer))
            peers[n++] = peer;
    if (n > 0)
        channel_set_peers(c, peers, n, c->peer_port);
}
