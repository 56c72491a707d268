/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A valid message out of any octets: the octets are the dice. Whatever comes out must be written, read back
 * and be the same. For the writing fuzz target, and for the unit test's round trip of every message type.
 */
#ifndef TESTS_WIRE_BUILD_H
#define TESTS_WIRE_BUILD_H

#include "wire/message.h"

/* Where the views of a built message point to. */
struct build_arena {
    uint8_t octets[32768];
    size_t used;
};

static inline uint8_t *arena_take(struct build_arena *arena, size_t n)
{
    if (sizeof arena->octets - arena->used < n)
        __builtin_trap(); /* the limits of build_message keep within it */
    arena->used += n;
    return arena->octets + arena->used - n;
}

static inline struct octets arena_keep(struct build_arena *arena, const struct writer *w)
{
    if (w->failed)
        __builtin_trap();
    uint8_t *copy = arena_take(arena, writer_used(w));
    if (writer_used(w))
        memcpy(copy, w->start, writer_used(w));
    return octets_of(copy, writer_used(w));
}

static inline struct octets build_octets(struct reader *dice, struct build_arena *arena, size_t least,
                                         size_t most)
{
    size_t n = least + reader_u8(dice) % (most - least + 1);
    uint8_t *at = arena_take(arena, n);
    for (size_t i = 0; i < n; i++)
        at[i] = reader_u8(dice);
    return octets_of(at, n);
}

static inline struct octets build_addresses(struct reader *dice, struct build_arena *arena)
{
    uint8_t buffer[256];
    struct writer w = writer_of(buffer, sizeof buffer);
    unsigned n = 1 + reader_u8(dice) % 4;

    while (n--) {
        struct address a = {.family = reader_u8(dice) & 1 ? 6 : 4};
        for (unsigned i = 0; i < (a.family == 4 ? 4u : 16u); i++)
            a.octets[i] = reader_u8(dice);
        wire_put_address(&w, &a);
    }
    return arena_keep(arena, &w);
}

static inline struct wire_transport build_transport(struct reader *dice, struct build_arena *arena,
                                                    uint16_t type)
{
    struct wire_transport t = {.type = type};

    if (type == WIRE_OPAQUE) {
        t.opaque = build_octets(dice, arena, 0, 40);
        return t;
    }
    t.port = reader_u16(dice);
    if (type == WIRE_SCTP)
        t.use = reader_u8(dice) & 1;
    if (type == WIRE_DCCP)
        t.service_code = reader_u32(dice);
    t.addresses = build_addresses(dice, arena);
    return t;
}

static const uint32_t build_policies[] = {
    POLICY_RR,    POLICY_WRR,       POLICY_RAND,   POLICY_WRAND,   POLICY_PRIO, POLICY_LU,
    POLICY_LUD,   POLICY_PLU,       POLICY_RLU,    POLICY_RPLU,    POLICY_RLUD, POLICY_PLUD,
    POLICY_RPLUD, POLICY_WRAND_DPF, POLICY_LU_DPF, POLICY_LUD_DPF, 0x12345678};

/* The fields that the type has come from what the RFC and the drafts say, apart from the table in policy.c.
 */
static inline struct wire_policy build_policy(struct reader *dice, struct build_arena *arena)
{
    struct wire_policy p = {
        .type = build_policies[reader_u8(dice) % (sizeof build_policies / sizeof *build_policies)]};

    switch (p.type) {
    case POLICY_WRR:
    case POLICY_WRAND:
    case POLICY_WRAND_DPF:
        p.weight = reader_u32(dice);
        break;
    case POLICY_PRIO:
        p.priority = reader_u32(dice);
        break;
    case POLICY_RR:
    case POLICY_RAND:
        break;
    case 0x12345678:
        p.other = build_octets(dice, arena, 0, 20);
        break;
    default:
        p.load = reader_u32(dice);
        if (p.type != POLICY_LU && p.type != POLICY_RLU && p.type != POLICY_LU_DPF)
            p.degradation = reader_u32(dice);
    }
    if (p.type == POLICY_WRAND_DPF)
        p.weight_dpf = reader_u32(dice);
    if (p.type == POLICY_LU_DPF || p.type == POLICY_LUD_DPF)
        p.load_dpf = reader_u32(dice);
    if (p.type >= POLICY_WRAND_DPF)
        p.distance = reader_u32(dice);
    return p;
}

static inline struct wire_pool_element build_element(struct reader *dice, struct build_arena *arena)
{
    static const uint16_t types[] = {WIRE_DCCP, WIRE_SCTP, WIRE_TCP, WIRE_UDP, WIRE_UDP_LITE, WIRE_OPAQUE};
    struct wire_pool_element e = {
        .identifier = reader_u32(dice),
        .home_registrar = reader_u32(dice),
        .registration_life = (int32_t)reader_u32(dice),
    };

    e.user = build_transport(dice, arena, types[reader_u8(dice) % 6]);
    e.policy = build_policy(dice, arena);
    if (reader_u8(dice) & 1)
        e.asap = build_transport(dice, arena, WIRE_SCTP);
    return e;
}

static inline struct wire_server build_server(struct reader *dice, struct build_arena *arena)
{
    struct wire_server s = {.identifier = reader_u32(dice)};
    s.transport = build_transport(dice, arena, WIRE_SCTP);
    return s;
}

/* `kind` is the type of what repeats; pool handles stand ahead of elements in a table. */
static inline struct wire_list build_list(struct reader *dice, struct build_arena *arena, uint16_t kind,
                                          unsigned most)
{
    uint8_t buffer[8192];
    struct writer w = writer_of(buffer, sizeof buffer);
    unsigned n = 1 + reader_u8(dice) % most;

    for (unsigned i = 0; i < n; i++) {
        struct wire_pool_element e;
        struct wire_server s;
        struct wire_transport t;
        if (kind == WIRE_POOL_HANDLE && (i == 0 || (reader_u8(dice) & 1)))
            wire_put_pool_handle(&w, build_octets(dice, arena, 1, 33));
        if (kind == WIRE_POOL_ELEMENT || kind == WIRE_POOL_HANDLE) {
            e = build_element(dice, arena);
            wire_put_pool_element(&w, &e);
        } else if (kind == WIRE_SERVER_INFORMATION) {
            s = build_server(dice, arena);
            wire_put_server(&w, &s);
        } else {
            t = build_transport(dice, arena, reader_u8(dice) & 1 ? WIRE_TCP : WIRE_SCTP);
            wire_put_transport(&w, &t);
        }
    }
    return (struct wire_list){arena_keep(arena, &w)};
}

static inline struct octets build_error(struct reader *dice, struct build_arena *arena)
{
    uint8_t buffer[512];
    struct writer w = writer_of(buffer, sizeof buffer);
    uint16_t cause = reader_u16(dice);

    wire_put_error(&w, cause, build_octets(dice, arena, 0, 100));
    struct octets whole = arena_keep(arena, &w);
    return octets_of(whole.data + 4, whole.length - 4); /* the causes, without the parameter's header */
}

enum { BUILD_CHOICES = 24 }; /* 14 ASAP messages, 10 ENRP */

/* Message number `choice` of BUILD_CHOICES. The arena is used from its start. */
static inline struct wire_message build_message(unsigned choice, struct reader *dice,
                                                struct build_arena *arena)
{
    struct wire_message m = {.protocol = choice < 14 ? WIRE_ASAP : WIRE_ENRP,
                             .type = (uint8_t)(choice < 14 ? choice + 1 : choice - 13),
                             .flags = reader_u8(dice)};
    bool asap = m.protocol == WIRE_ASAP, optional = reader_u8(dice) & 1;
    unsigned id = asap ? m.type : m.type + 100u;

    arena->used = 0;
    if (!asap) {
        m.sender = reader_u32(dice);
        m.receiver = reader_u32(dice);
    }
    if ((asap && m.type <= ASAP_ENDPOINT_UNREACHABLE) || id == ASAP_BUSINESS_CARD ||
        id == 100 + ENRP_HANDLE_UPDATE || (id == 100 + ENRP_HANDLE_TABLE_REQUEST && optional)) {
        m.present |= WIRE_HAS_POOL_HANDLE;
        m.pool_handle = build_octets(dice, arena, 1, 70);
    }
    if (id == ASAP_REGISTRATION || id == 100 + ENRP_HANDLE_UPDATE) {
        m.present |= WIRE_HAS_POOL_ELEMENT;
        m.element = build_element(dice, arena);
    }
    if (asap && ((m.type >= 2 && m.type <= 4) || m.type == 8 || m.type == 9 || (m.type == 7 && optional))) {
        m.present |= WIRE_HAS_PE_IDENTIFIER;
        m.pe_identifier = reader_u32(dice);
    }
    if (id == ASAP_ENDPOINT_KEEP_ALIVE || id == ASAP_SERVER_ANNOUNCE)
        m.registrar = reader_u32(dice);
    if (id == ASAP_HANDLE_RESOLUTION && optional) {
        m.present |= WIRE_HAS_RESOLUTION_OPTION;
        m.items_wanted = reader_u32(dice);
    }
    if (id == ASAP_ERROR || id == 100 + ENRP_ERROR ||
        ((id == ASAP_REGISTRATION_RESPONSE || id == ASAP_DEREGISTRATION_RESPONSE) && optional) ||
        (id == ASAP_HANDLE_RESOLUTION_RESPONSE && !optional)) {
        m.present |= WIRE_HAS_ERROR;
        m.error = build_error(dice, arena);
    }
    if (id == ASAP_HANDLE_RESOLUTION_RESPONSE && optional) {
        if (reader_u8(dice) & 1) {
            m.present |= WIRE_HAS_POLICY;
            m.policy = build_policy(dice, arena);
        }
        m.present |= WIRE_HAS_LIST;
        m.list = build_list(dice, arena, WIRE_POOL_ELEMENT, 16);
    }
    if (id == ASAP_COOKIE || id == ASAP_COOKIE_ECHO) {
        m.present |= WIRE_HAS_COOKIE;
        m.cookie = build_octets(dice, arena, 0, 200);
    }
    if (id == ASAP_BUSINESS_CARD) {
        m.present |= WIRE_HAS_LIST;
        m.list = build_list(dice, arena, WIRE_POOL_ELEMENT, 5);
    }
    if (id == ASAP_SERVER_ANNOUNCE && optional) {
        m.present |= WIRE_HAS_LIST | WIRE_HAS_TRANSPORT;
        m.list = build_list(dice, arena, WIRE_SCTP, 5);
    }
    if (id == 100 + ENRP_PRESENCE) {
        m.present |= WIRE_HAS_CHECKSUM | (optional ? WIRE_HAS_SERVER : 0u);
        m.checksum = reader_u16(dice);
        if (optional)
            m.server = build_server(dice, arena);
    }
    if (id == 100 + ENRP_HANDLE_TABLE_RESPONSE && optional) {
        m.present |= WIRE_HAS_LIST;
        m.list = build_list(dice, arena, WIRE_POOL_HANDLE, 16);
    }
    if (id == 100 + ENRP_HANDLE_UPDATE)
        m.action = reader_u8(dice) & 1;
    if (id == 100 + ENRP_LIST_RESPONSE && optional) {
        m.present |= WIRE_HAS_LIST;
        m.list = build_list(dice, arena, WIRE_SERVER_INFORMATION, 10);
    }
    if (!asap && m.type >= ENRP_INIT_TAKEOVER && m.type <= ENRP_TAKEOVER_SERVER)
        m.target = reader_u32(dice);
    return m;
}

#endif
