/* SPDX-License-Identifier: BSD-3-Clause */
/* IP addresses as values: compared, printed, read from text, turned into socket addresses. */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t family;     /* 4 or 6; 0 = none */
    uint8_t octets[16]; /* the first 4 for IPv4, the rest zero; network order */
};

enum { ADDRESS_TEXT_MAX = 72 }; /* "[v6 address%scope]:port" and its NUL */

/* Reads "192.0.2.1" or "2001:db8::1"; false when it is neither. */
bool address_parse(const char *text, struct address *out);
/* Writes the usual text form into out; returns out. "-" for family 0. */
const char *address_format(const struct address *a, char out[ADDRESS_TEXT_MAX]);
/* The same with a port: "192.0.2.1:3863", "[2001:db8::1]:3863". */
const char *address_format_port(const struct address *a, uint16_t port, char out[ADDRESS_TEXT_MAX]);

bool address_equal(const struct address *a, const struct address *b);
bool address_is_loopback(const struct address *a);
bool address_is_link_local(const struct address *a);
bool address_is_multicast(const struct address *a);
bool address_is_any(const struct address *a);

/* A v4-mapped IPv6 socket address becomes an IPv4 address. port may be NULL. False for other families. */
bool address_from_sockaddr(const struct sockaddr *sa, struct address *out, uint16_t *port);
/* Fills sa (a v4-mapped IPv6 address when as_ipv6 and a is IPv4); returns its length. */
socklen_t address_to_sockaddr(const struct address *a, uint16_t port, bool as_ipv6,
                              struct sockaddr_storage *sa);

#endif
