/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/interfaces.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>

static size_t count_addresses(const struct ifaddrs *list)
{
    size_t n = 0;

    for (const struct ifaddrs *i = list; i; i = i->ifa_next)
        n += i->ifa_addr && (i->ifa_addr->sa_family == AF_INET || i->ifa_addr->sa_family == AF_INET6);
    return n;
}

struct interface_address *interface_addresses(size_t *count)
{
    struct ifaddrs *list;
    struct interface_address *out;
    size_t n;

    *count = 0;
    if (getifaddrs(&list) != 0)
        return NULL;
    n = count_addresses(list);
    out = n ? calloc(n, sizeof *out) : NULL;
    for (const struct ifaddrs *i = list; out && i; i = i->ifa_next) {
        struct interface_address *a = &out[*count];
        if (!i->ifa_addr || !address_from_sockaddr(i->ifa_addr, &a->address, NULL))
            continue;
        a->interface = if_nametoindex(i->ifa_name);
        a->up = (i->ifa_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
        a->multicast = i->ifa_flags & IFF_MULTICAST;
        a->loopback = i->ifa_flags & IFF_LOOPBACK;
        if (a->interface)
            ++*count;
    }
    freeifaddrs(list);
    return out;
}
