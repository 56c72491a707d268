/* SPDX-License-Identifier: BSD-3-Clause */
/* pooltool's arguments as text: pool handles, addresses, transports, numbers. */
#include "endpoint/tool.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

bool tool_read_number(const char *text, uint64_t max, uint64_t *out, char why[TOOL_WHY])
{
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 0);
    if (*text >= '0' && *text <= '9' && *end == 0 && errno == 0 && *out <= max)
        return true;
    snprintf(why, TOOL_WHY, "'%s' is no number from 0 to %llu", text, (unsigned long long)max);
    return false;
}

bool tool_read_share(uint32_t *out, const char *text, char why[TOOL_WHY])
{
    char *end;
    uint64_t raw;
    double percent = strtod(text, &end);

    if (end != text && strcmp(end, "%") == 0 && percent >= 0 && percent <= 100) {
        *out = (uint32_t)(percent / 100 * UINT32_MAX + 0.5);
        return true;
    }
    if (tool_read_number(text, UINT32_MAX, &raw, why)) {
        *out = (uint32_t)raw;
        return true;
    }
    snprintf(why, TOOL_WHY, "'%s' is neither a share like 25%% nor a number from 0 to 0xffffffff (100 %%)",
             text);
    return false;
}

bool tool_read_handle(const char *text, uint8_t *out, size_t *length, char why[TOOL_WHY])
{
    size_t n = 0;

    for (; *text && n < TOOL_HANDLE_MAX; n++) {
        if (text[0] == '\\' && text[1] == 'x' && isxdigit((unsigned char)text[2]) &&
            isxdigit((unsigned char)text[3])) {
            char digits[3] = {text[2], text[3]};
            out[n] = (uint8_t)strtoul(digits, NULL, 16);
            text += 4;
        } else {
            out[n] = (uint8_t)*text++;
        }
    }
    *length = n;
    if (n > 0 && *text == 0)
        return true;
    snprintf(why, TOOL_WHY, "a pool handle has 1 to %d octets", TOOL_HANDLE_MAX);
    return false;
}

static bool resolve_name(const char *name, struct address *out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    if (address_parse(name, out))
        return true;
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return false;
    bool found = address_from_sockaddr(list->ai_addr, out, NULL);
    freeaddrinfo(list);
    return found;
}

/* The port's colon: behind a bracket, or the only one after the last comma (a bare IPv6 address has several).
 */
static char *port_of(char *text)
{
    char *last = strrchr(text, ','), *colon = strrchr(text, ':'), *bracket = strrchr(text, ']');
    last = last ? last + 1 : text;
    if (!colon || colon < last || (bracket && colon < bracket))
        return NULL;
    return bracket || strchr(last, ':') == colon ? colon : NULL;
}

/* "A[,B...][:PORT]", IPv6 addresses in brackets when a port follows. */
static bool read_hosts(const char *text, uint16_t default_port, struct pool_registrar *out,
                       char why[TOOL_WHY])
{
    char copy[512], *state, *colon;
    uint64_t port = default_port;

    *out = (struct pool_registrar){0};
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy) {
        snprintf(why, TOOL_WHY, "address list too long");
        return false;
    }
    if ((colon = port_of(copy)) != NULL) {
        *colon = 0;
        if (!tool_read_number(colon + 1, UINT16_MAX, &port, why))
            return false;
    }
    if (port == 0) {
        snprintf(why, TOOL_WHY, "'%s' names no port: write ADDRESS:PORT, or [ADDRESS]:PORT for IPv6", text);
        return false;
    }
    out->port = (uint16_t)port;
    for (char *host = strtok_r(copy, ",", &state); host; host = strtok_r(NULL, ",", &state)) {
        size_t n = strlen(host);
        if (*host == '[' && host[n - 1] == ']')
            host[n - 1] = 0, host++;
        if (out->n_addresses == POOL_ADDRESSES_MAX ||
            !resolve_name(host, &out->addresses[out->n_addresses++])) {
            snprintf(why, TOOL_WHY, "'%s' is no address and no known host, or there are more than %d", host,
                     POOL_ADDRESSES_MAX);
            return false;
        }
    }
    if (out->n_addresses == 0)
        snprintf(why, TOOL_WHY, "no address in '%s'", text);
    return out->n_addresses > 0;
}

bool tool_read_registrar(const char *text, struct pool_registrar *out, char why[TOOL_WHY])
{
    return read_hosts(text, WIRE_PORT_ASAP, out, why);
}

bool tool_read_user(const char *text, struct wire_transport *out, uint8_t *buffer, size_t size,
                    char why[TOOL_WHY])
{
    static const struct {
        const char *prefix;
        uint16_t type, use;
    } kinds[] = {
        {"sctp:", WIRE_SCTP, WIRE_USE_DATA_ONLY}, {"sctp+control:", WIRE_SCTP, WIRE_USE_DATA_PLUS_CONTROL},
        {"tcp:", WIRE_TCP, WIRE_USE_DATA_ONLY},   {"udp:", WIRE_UDP, WIRE_USE_DATA_ONLY},
        {"udplite:", WIRE_UDP_LITE, 0},           {"dccp:", WIRE_DCCP, 0},
    };
    struct pool_registrar hosts;
    struct writer w = writer_of(buffer, size);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, n) != 0)
            continue;
        if (!read_hosts(text + n, 0, &hosts, why))
            return false;
        for (size_t a = 0; a < hosts.n_addresses; a++)
            wire_put_address(&w, &hosts.addresses[a]);
        *out = (struct wire_transport){.type = kinds[i].type, .use = kinds[i].use, .port = hosts.port};
        out->addresses = octets_of(buffer, writer_used(&w));
        return true;
    }
    snprintf(why, TOOL_WHY, "'%s' begins with none of sctp: sctp+control: tcp: udp: udplite: dccp:", text);
    return false;
}
