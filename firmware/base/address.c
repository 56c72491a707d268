/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

bool address_parse(const char *text, struct address *out)
{
    *out = (struct address){0};
    if (inet_pton(AF_INET, text, out->octets) == 1)
        out->family = 4;
    else if (inet_pton(AF_INET6, text, out->octets) == 1)
        out->family = 6;
    return out->family != 0;
}

const char *address_format(const struct address *a, char out[ADDRESS_TEXT_MAX])
{
    if (a->family == 0 || !inet_ntop(a->family == 4 ? AF_INET : AF_INET6, a->octets, out, ADDRESS_TEXT_MAX))
        memcpy(out, "-", 2);
    return out;
}

const char *address_format_port(const struct address *a, uint16_t port, char out[ADDRESS_TEXT_MAX])
{
    char text[ADDRESS_TEXT_MAX];

    address_format(a, text);
    snprintf(out, ADDRESS_TEXT_MAX, a->family == 6 ? "[%.*s]:%u" : "%.*s:%u", INET6_ADDRSTRLEN, text, port);
    return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->family == b->family && memcmp(a->octets, b->octets, a->family == 4 ? 4 : 16) == 0;
}

bool address_is_loopback(const struct address *a)
{
    static const uint8_t v6[16] = {[15] = 1};
    return a->family == 4 ? a->octets[0] == 127 : a->family == 6 && memcmp(a->octets, v6, 16) == 0;
}

bool address_is_link_local(const struct address *a)
{
    return a->family == 4 ? a->octets[0] == 169 && a->octets[1] == 254
                          : a->family == 6 && a->octets[0] == 0xfe && (a->octets[1] & 0xc0) == 0x80;
}

bool address_is_multicast(const struct address *a)
{
    return a->family == 4 ? (a->octets[0] & 0xf0) == 0xe0 : a->family == 6 && a->octets[0] == 0xff;
}

bool address_is_any(const struct address *a)
{
    static const uint8_t zero[16];
    return memcmp(a->octets, zero, a->family == 4 ? 4 : 16) == 0;
}

bool address_from_sockaddr(const struct sockaddr *sa, struct address *out, uint16_t *port)
{
    *out = (struct address){0};
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        out->family = 4;
        memcpy(out->octets, &in->sin_addr, 4);
        if (port)
            *port = ntohs(in->sin_port);
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
        out->family = mapped ? 4 : 6;
        memcpy(out->octets, in6->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
        if (port)
            *port = ntohs(in6->sin6_port);
    } else {
        return false;
    }
    return true;
}

socklen_t address_to_sockaddr(const struct address *a, uint16_t port, bool as_ipv6,
                              struct sockaddr_storage *sa)
{
    memset(sa, 0, sizeof *sa);
    if (a->family == 4 && !as_ipv6) {
        struct sockaddr_in *in = (void *)sa;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, a->octets, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (void *)sa;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    if (a->family == 4) {
        in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
        memcpy(in6->sin6_addr.s6_addr + 12, a->octets, 4);
    } else {
        memcpy(&in6->sin6_addr, a->octets, 16);
    }
    return sizeof *in6;
}
