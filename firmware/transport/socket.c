/* SPDX-License-Identifier: BSD-3-Clause */
/* What every kind of socket here needs: opened without blocking, and a failure told with its place. */
#include "transport/internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int socket_open(int type, int protocol, const struct address *address)
{
    int flags = type | SOCK_NONBLOCK | SOCK_CLOEXEC;
    int fd = -1;

    if (!address || address->family == 6)
        fd = socket(AF_INET6, flags, protocol);
    if (fd >= 0)
        socket_set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, address != NULL && type != SOCK_SEQPACKET);
    else if (!address ? errno == EAFNOSUPPORT : address->family == 4)
        fd = socket(AF_INET, flags, protocol);
    return fd;
}

int socket_failed(char *detail, const char *what, const struct address *address, uint16_t port)
{
    int err = errno;
    char where[ADDRESS_TEXT_MAX] = "";

    if (address)
        address_format_port(address, port, where);
    else if (port)
        snprintf(where, sizeof where, "*:%u", port);
    if (detail)
        snprintf(detail, DETAIL_MAX, "%s%s%s: %s", what, *where ? " " : "", where, strerror(err));
    errno = err;
    return error_from_errno(err);
}

uint16_t socket_port(int fd)
{
    struct sockaddr_storage sa;
    socklen_t length = sizeof sa;
    struct address ignored;
    uint16_t port = 0;

    if (getsockname(fd, (struct sockaddr *)&sa, &length) == 0)
        address_from_sockaddr((struct sockaddr *)&sa, &ignored, &port);
    return port;
}

void socket_set_int(int fd, int level, int option, int value)
{
    setsockopt(fd, level, option, &value, sizeof value);
}
