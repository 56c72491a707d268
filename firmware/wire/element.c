/* SPDX-License-Identifier: BSD-3-Clause */
/* The Pool Element parameter (RFC 5354, 3.10): on its own, because the handlespace keeps and patches it
 * encoded. */
#include "wire/tlv.h"

enum { HOME_REGISTRAR_AT = TLV_HEADER + 4, FIXED = 12 };

/* User transport, policy, ASAP transport come in this order: it is what tells the two transports apart. */
static int member_read(struct parse *p, const struct tlv *t, struct wire_pool_element *out)
{
    if (t->type == WIRE_POLICY && out->policy.type == 0 && out->user.type != 0)
        return policy_read(p, t, &out->policy);
    if (tlv_is_transport(t->type) && out->user.type == 0)
        return transport_read(p, t, &out->user);
    if (t->type == WIRE_SCTP && out->policy.type != 0 && out->asap.type == 0)
        return transport_read(p, t, &out->asap);
    return parse_misplaced(p, t);
}

int element_read(struct parse *p, const struct tlv *t, struct wire_pool_element *out)
{
    struct reader r = reader_of(t->value);
    struct tlv inner;
    int more;

    memset(out, 0, sizeof *out);
    out->parameter = t->whole;
    struct octets fixed = reader_take(&r, FIXED);
    if (r.failed)
        return parse_invalid(p, t, "pool element too short");
    out->identifier = octets_load32(fixed.data);
    out->home_registrar = octets_load32(fixed.data + 4);
    out->registration_life = (int32_t)octets_load32(fixed.data + 8);
    struct octets run = octets_of(r.at, reader_left(&r));
    while ((more = tlv_next(&run, &inner)) > 0) {
        int e = member_read(p, &inner, out);
        if (e)
            return e;
    }
    if (more < 0)
        return parse_broken(p, run, "parameter does not fit the pool element");
    if (out->user.type == 0)
        return parse_invalid(p, t, "pool element without a user transport");
    if (out->policy.type == 0)
        return parse_invalid(p, t, "pool element without a policy");
    return 0;
}

int wire_parse_pool_element(struct octets parameter, struct wire_pool_element *out)
{
    struct parse p = {.start = parameter.data};
    struct tlv t;

    if (tlv_next(&parameter, &t) <= 0 || t.type != WIRE_POOL_ELEMENT || parameter.length != 0)
        return ERR_MALFORMED;
    return element_read(&p, &t, out) ? ERR_MALFORMED : 0;
}

void wire_put_pool_element(struct writer *w, const struct wire_pool_element *element)
{
    uint8_t *at = tlv_open(w, WIRE_POOL_ELEMENT);
    writer_u32(w, element->identifier);
    writer_u32(w, element->home_registrar);
    writer_u32(w, (uint32_t)element->registration_life);
    wire_put_transport(w, &element->user);
    wire_put_policy(w, &element->policy);
    if (element->asap.type)
        wire_put_transport(w, &element->asap);
    tlv_close(w, at);
}

void wire_patch_home_registrar(uint8_t *parameter, uint32_t home_registrar)
{
    octets_store32(parameter + HOME_REGISTRAR_AT, home_registrar);
}
