/* SPDX-License-Identifier: BSD-3-Clause */
/* Address and transport parameters (RFC 5354, 3.1 to 3.7 and 3.16), and Server Information, which wraps one
 * (3.11). */
#include "wire/tlv.h"

enum { IPV4_OCTETS = 4, IPV6_OCTETS = 16 };

static const struct transport_row {
    uint16_t type;
    uint8_t fixed; /* octets ahead of the addresses */
    bool has_use;
    const char *name;
} transports[] = {
    {WIRE_SCTP, 4, true, "SCTP"},          {WIRE_TCP, 4, false, "TCP"},   {WIRE_UDP, 4, false, "UDP"},
    {WIRE_UDP_LITE, 4, false, "UDP-Lite"}, {WIRE_DCCP, 8, false, "DCCP"}, {WIRE_OPAQUE, 0, false, "Opaque"},
};

static const struct transport_row *row_of(uint16_t type)
{
    for (size_t i = 0; i < sizeof transports / sizeof *transports; i++)
        if (transports[i].type == type)
            return &transports[i];
    return NULL;
}

bool tlv_is_transport(uint16_t type)
{
    return (type >= WIRE_DCCP && type <= WIRE_UDP_LITE) || type == WIRE_OPAQUE;
}

const char *wire_transport_name(uint16_t type)
{
    const struct transport_row *row = row_of(type);
    return row ? row->name : "unknown";
}

static size_t address_octets(uint16_t type)
{
    return type == WIRE_IPV4 ? IPV4_OCTETS : type == WIRE_IPV6 ? IPV6_OCTETS : 0;
}

static int addresses_check(struct parse *p, const struct tlv *transport, struct octets run)
{
    struct tlv t;
    unsigned n = 0;
    int more, e;

    while ((more = tlv_next(&run, &t)) > 0) {
        size_t wanted = address_octets(t.type);
        if (wanted == 0) {
            if ((e = parse_misplaced(p, &t)) != 0)
                return e;
        } else if (t.value.length != wanted) {
            return parse_invalid(p, &t, "address parameter of a wrong length");
        } else {
            n++;
        }
    }
    if (more < 0)
        return parse_broken(p, run, "address parameter does not fit its transport");
    /* Only SCTP may list several by the RFC; rsplib does so for TCP, too (MPTCP), and it does no harm. */
    return n ? 0 : parse_invalid(p, transport, "transport without an address");
}

int transport_read(struct parse *p, const struct tlv *t, struct wire_transport *out)
{
    const struct transport_row *row = row_of(t->type);

    *out = (struct wire_transport){.type = t->type};
    if (!row)
        return parse_misplaced(p, t);
    if (t->type == WIRE_OPAQUE) {
        out->opaque = t->value;
        return 0;
    }
    struct reader r = reader_of(t->value);
    struct octets fixed = reader_take(&r, row->fixed);
    if (r.failed)
        return parse_invalid(p, t, "transport parameter too short");
    out->port = octets_load16(fixed.data);
    if (row->has_use)
        out->use = octets_load16(fixed.data + 2);
    if (out->use > WIRE_USE_DATA_PLUS_CONTROL)
        return parse_invalid(p, t, "unknown transport use");
    if (t->type == WIRE_DCCP)
        out->service_code = octets_load32(fixed.data + 4);
    out->addresses = octets_of(r.at, reader_left(&r));
    return addresses_check(p, t, out->addresses);
}

int server_read(struct parse *p, const struct tlv *t, struct wire_server *out)
{
    struct reader r = reader_of(t->value);
    struct tlv inner;
    int e = 0, more;

    *out = (struct wire_server){.identifier = reader_u32(&r)};
    if (r.failed)
        return parse_invalid(p, t, "server information too short");
    struct octets run = octets_of(r.at, reader_left(&r));
    while ((more = tlv_next(&run, &inner)) > 0) {
        if (inner.type == WIRE_SCTP && out->transport.type == 0)
            e = transport_read(p, &inner, &out->transport);
        else
            e = parse_misplaced(p, &inner);
        if (e)
            return e;
    }
    if (more < 0)
        return parse_broken(p, run, "parameter does not fit the server information");
    return out->transport.type ? 0 : parse_invalid(p, t, "server information without a transport");
}

bool wire_address_next(struct octets *addresses, struct address *out)
{
    struct tlv t;

    while (tlv_next(addresses, &t) > 0) {
        size_t n = address_octets(t.type);
        if (n == 0 || t.value.length != n)
            continue;
        *out = (struct address){.family = n == IPV4_OCTETS ? 4 : 6};
        memcpy(out->octets, t.value.data, n);
        return true;
    }
    return false;
}

void wire_put_address(struct writer *w, const struct address *a)
{
    bool v4 = a->family == 4;
    uint8_t *at = tlv_open(w, v4 ? WIRE_IPV4 : WIRE_IPV6);
    writer_put(w, a->octets, v4 ? IPV4_OCTETS : IPV6_OCTETS);
    tlv_close(w, at);
}

void wire_put_transport(struct writer *w, const struct wire_transport *transport)
{
    uint8_t *at = tlv_open(w, transport->type);
    if (transport->type == WIRE_OPAQUE) {
        writer_put(w, transport->opaque.data, transport->opaque.length);
    } else {
        writer_u16(w, transport->port);
        writer_u16(w, transport->type == WIRE_SCTP ? transport->use : 0);
        if (transport->type == WIRE_DCCP)
            writer_u32(w, transport->service_code);
        writer_put(w, transport->addresses.data, transport->addresses.length);
    }
    tlv_close(w, at);
}

void wire_put_server(struct writer *w, const struct wire_server *server)
{
    uint8_t *at = tlv_open(w, WIRE_SERVER_INFORMATION);
    writer_u32(w, server->identifier);
    wire_put_transport(w, &server->transport);
    tlv_close(w, at);
}
