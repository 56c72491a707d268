/* SPDX-License-Identifier: BSD-3-Clause */
/* Pool member selection policies on the wire (RFC 5354, 3.8; RFC 5356; rsplib's private ones): one row each.
 */
#include "wire/tlv.h"

#include <strings.h>

#define FIELD(name) offsetof(struct wire_policy, name)

enum { FIELDS_MAX = 4, FIELD_NONE = 0 }; /* offset 0 is the type itself, so 0 ends a row's list */

static const struct policy_row {
    uint32_t type;
    const char *name, *short_name;
    uint8_t fields[FIELDS_MAX]; /* u32 each, in the order of the wire, as offsets in struct wire_policy */
} policies[] = {
    {POLICY_RR, "RoundRobin", "RR", {FIELD_NONE}},
    {POLICY_LU, "LeastUsed", "LU", {FIELD(load)}},
    {POLICY_WRR, "WeightedRoundRobin", "WRR", {FIELD(weight)}},
    {POLICY_RAND, "Random", "RAND", {FIELD_NONE}},
    {POLICY_WRAND, "WeightedRandom", "WRAND", {FIELD(weight)}},
    {POLICY_PRIO, "Priority", "PRIO", {FIELD(priority)}},
    {POLICY_LUD, "LeastUsedDegradation", "LUD", {FIELD(load), FIELD(degradation)}},
    {POLICY_PLU, "PriorityLeastUsed", "PLU", {FIELD(load), FIELD(degradation)}},
    {POLICY_RLU, "RandomizedLeastUsed", "RLU", {FIELD(load)}},
    {POLICY_RPLU, "RandomizedPriorityLeastUsed", "RPLU", {FIELD(load), FIELD(degradation)}},
    {POLICY_RLUD, "RandomizedLeastUsedDegradation", "RLUD", {FIELD(load), FIELD(degradation)}},
    {POLICY_PLUD, "PriorityLeastUsedDegradation", "PLUD", {FIELD(load), FIELD(degradation)}},
    {POLICY_RPLUD, "RandomizedPriorityLeastUsedDegradation", "RPLUD", {FIELD(load), FIELD(degradation)}},
    {POLICY_WRAND_DPF, "WeightedRandomDPF", "WRAND-DPF", {FIELD(weight), FIELD(weight_dpf), FIELD(distance)}},
    {POLICY_LU_DPF, "LeastUsedDPF", "LU-DPF", {FIELD(load), FIELD(load_dpf), FIELD(distance)}},
    {POLICY_LUD_DPF,
     "LeastUsedDegradationDPF",
     "LUD-DPF",
     {FIELD(load), FIELD(degradation), FIELD(load_dpf), FIELD(distance)}},
};

static const struct policy_row *row_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (policies[i].type == type)
            return &policies[i];
    return NULL;
}

static uint32_t *field(struct wire_policy *policy, uint8_t offset)
{
    return (uint32_t *)(void *)((char *)policy + offset);
}

int policy_read(struct parse *p, const struct tlv *t, struct wire_policy *out)
{
    struct reader r = reader_of(t->value);

    *out = (struct wire_policy){.type = reader_u32(&r)};
    if (r.failed || out->type == 0) /* 0 is reserved, invalid (RFC 5356, 7.1) */
        return parse_invalid(p, t, "policy without a type");
    const struct policy_row *row = row_of(out->type);
    if (!row) {
        out->other = octets_of(r.at, reader_left(&r));
        return 0;
    }
    for (unsigned i = 0; i < FIELDS_MAX && row->fields[i] != FIELD_NONE; i++)
        *field(out, row->fields[i]) = reader_u32(&r);
    if (r.failed || reader_left(&r) != 0)
        return parse_invalid(p, t, "policy has not the fields of its type");
    return 0;
}

void wire_put_policy(struct writer *w, const struct wire_policy *policy)
{
    const struct policy_row *row = row_of(policy->type);
    struct wire_policy copy = *policy;
    uint8_t *at = tlv_open(w, WIRE_POLICY);

    writer_u32(w, policy->type);
    for (unsigned i = 0; row && i < FIELDS_MAX && row->fields[i] != FIELD_NONE; i++)
        writer_u32(w, *field(&copy, row->fields[i]));
    if (!row)
        writer_put(w, policy->other.data, policy->other.length);
    tlv_close(w, at);
}

void wire_begin_resolution_response(struct writer *w, uint8_t flags, struct octets handle, uint32_t policy)
{
    const struct policy_row *row = row_of(policy);
    size_t room = TLV_HEADER + 4;
    uint8_t *at;

    for (unsigned i = 0; row && i < FIELDS_MAX && row->fields[i] != FIELD_NONE; i++)
        room += 4;
    at = message_open(w, ASAP_HANDLE_RESOLUTION_RESPONSE, flags, handle, room);
    if (!at)
        return;
    octets_store32(at, (uint32_t)WIRE_POLICY << 16 | (uint32_t)room);
    octets_store32(at + TLV_HEADER, policy);
    for (size_t i = TLV_HEADER + 4; i < room; i += 4)
        octets_store32(at + i, 0);
}

const char *wire_policy_name(uint32_t type)
{
    const struct policy_row *row = row_of(type);
    return row ? row->name : "unknown";
}

const char *wire_policy_short_name(uint32_t type)
{
    const struct policy_row *row = row_of(type);
    return row ? row->short_name : "unknown";
}

bool wire_policy_from_name(const char *name, uint32_t *type)
{
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strcasecmp(name, policies[i].name) == 0 || strcasecmp(name, policies[i].short_name) == 0) {
            *type = policies[i].type;
            return true;
        }
    return false;
}
