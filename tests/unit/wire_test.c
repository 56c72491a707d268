/* SPDX-License-Identifier: BSD-3-Clause */
/* wire: what rsplib sends is read, what we write is read back, and nothing hostile gets through. */
#include "base/error.h"
#include "tests/fuzz/wire_build.h"
#include "tests/fuzz/wire_same.h"
#include "tests/unit/unit.h"
#include "tests/unit/wire_vectors.h"

#include <stdlib.h>

enum { BUFFER = 4096 };

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

/* Parses hex; the octets stay in a static buffer until the next call. */
static int parse_hex(enum wire_protocol protocol, const char *hex, struct wire_message *m,
                     struct wire_fault *f)
{
    static uint8_t octets[BUFFER];
    return wire_parse(protocol, octets, from_hex(hex, octets), m, f);
}

static const struct vector *vector_named(const char *name)
{
    for (size_t i = 0; i < VECTORS; i++)
        if (strcmp(vectors[i].name, name) == 0)
            return &vectors[i];
    CU_FAIL_FATAL("no such vector");
    return NULL;
}

static void load_vector(const char *name, struct wire_message *m)
{
    const struct vector *v = vector_named(name);
    struct wire_fault f;
    CU_ASSERT_EQUAL_FATAL(parse_hex(v->protocol, v->hex, m, &f), 0);
}

static bool handle_is(struct octets handle, const char *text)
{
    return octets_equal(handle, octets_of(text, strlen(text)));
}

/* --- rsplib's messages
 * ------------------------------------------------------------------------------------------ */

static void rsplib_messages_are_read_and_written_octet_for_octet(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t octets[BUFFER], written[BUFFER];
        struct wire_message m;
        struct wire_fault f;
        size_t n = from_hex(vectors[i].hex, octets);
        int e = wire_parse(vectors[i].protocol, octets, n, &m, &f);
        if (e)
            fprintf(stderr, "%s: %s at %zu\n", vectors[i].name, f.reason, f.offset);
        CU_ASSERT_EQUAL_FATAL(e, 0);
        CU_ASSERT_EQUAL(m.type, vectors[i].type);
        CU_ASSERT_FALSE(f.report);
        CU_ASSERT_EQUAL(wire_frame(octets, n), (int)n);
        int length = wire_write(&m, written, sizeof written);
        CU_ASSERT_EQUAL(length, (int)n);
        CU_ASSERT_EQUAL(memcmp(octets, written, n), 0);
    }
}

static void every_field_of_an_rsplib_registration_is_found(void)
{
    struct wire_message m;
    struct address a;
    load_vector("registration with POLICY_LUD_DPF", &m);
    CU_ASSERT_EQUAL(m.present, WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT);
    CU_ASSERT(handle_is(m.pool_handle, "EchoPool13"));
    CU_ASSERT_EQUAL(m.element.identifier, 0x0075096c);
    CU_ASSERT_EQUAL(m.element.home_registrar, 0);
    CU_ASSERT_EQUAL(m.element.registration_life, 90000);
    CU_ASSERT_EQUAL(m.element.user.type, WIRE_SCTP);
    CU_ASSERT_EQUAL(m.element.user.port, 0xc119);
    CU_ASSERT_EQUAL(m.element.user.use, WIRE_USE_DATA_PLUS_CONTROL);
    CU_ASSERT_EQUAL(m.element.policy.type, POLICY_LUD_DPF);
    CU_ASSERT_EQUAL(m.element.policy.degradation, 0x1999999a); /* 10 % */
    CU_ASSERT_EQUAL(m.element.policy.load_dpf, 0x80000000);    /* 0.5 */
    CU_ASSERT_EQUAL(m.element.asap.type, 0);
    CU_ASSERT_EQUAL(m.element.parameter.length, 0x38);
    struct octets addresses = m.element.user.addresses;
    CU_ASSERT_FATAL(wire_address_next(&addresses, &a));
    CU_ASSERT(a.family == 4 && memcmp(a.octets, "\x0a\x01\x00\x03", 4) == 0);
    CU_ASSERT_FALSE(wire_address_next(&addresses, &a));
}

static void rsplib_errors_are_named(void)
{
    struct wire_message m;
    struct octets information;
    uint16_t cause;
    load_vector("resolution response: unknown pool handle", &m);
    CU_ASSERT_EQUAL(m.present, WIRE_HAS_POOL_HANDLE | WIRE_HAS_ERROR);
    CU_ASSERT_FATAL(wire_cause_next(&m.error, &cause, &information));
    CU_ASSERT_STRING_EQUAL(wire_cause_name(cause), "Unknown Pool Handle");
    CU_ASSERT_FALSE(wire_cause_next(&m.error, &cause, &information));
    load_vector("registration refused: inconsistent policy", &m);
    CU_ASSERT(m.flags & ASAP_FLAG_REJECT);
    CU_ASSERT_FATAL(wire_cause_next(&m.error, &cause, &information));
    CU_ASSERT_EQUAL(cause, WIRE_CAUSE_INCONSISTENT_POLICY);
    CU_ASSERT_STRING_EQUAL(wire_cause_name(0xf007), "No Usable ASAP Address");
    CU_ASSERT_STRING_EQUAL(wire_cause_name(0x7777), "unknown");
}

static void a_table_gives_handles_and_elements_in_turn(void)
{
    struct wire_message m;
    struct wire_pool_element e;
    struct octets handle = {0};
    bool is_handle;
    unsigned handles = 0, elements = 0;
    load_vector("table of 10 pools", &m);
    while (wire_table_next(&m.list, &is_handle, &handle, &e)) {
        handles += is_handle;
        elements += !is_handle;
        CU_ASSERT_EQUAL(handles - elements, is_handle);
        if (!is_handle)
            CU_ASSERT_EQUAL(e.asap.type, WIRE_SCTP);
    }
    CU_ASSERT_EQUAL(handles, 10);
    CU_ASSERT_EQUAL(elements, 10);
    CU_ASSERT(handle_is(handle, "EchoPool13"));
}

static void resolution_option_and_takeover_target_are_read(void)
{
    struct wire_message m;
    load_vector("resolution with its option", &m);
    CU_ASSERT(m.present & WIRE_HAS_RESOLUTION_OPTION);
    CU_ASSERT_EQUAL(m.items_wanted, 1);
    load_vector("init takeover", &m);
    CU_ASSERT_EQUAL(m.sender, 0x40324cf7);
    CU_ASSERT_EQUAL(m.receiver, 0x56dbbdaf);
    CU_ASSERT_EQUAL(m.target, 0xd0adb95e);
    load_vector("keep-alive that claims the home", &m);
    CU_ASSERT(m.flags & ASAP_FLAG_HOME);
    CU_ASSERT_EQUAL(m.registrar, 0x40324cf7);
    CU_ASSERT(m.present & WIRE_HAS_PE_IDENTIFIER);
    load_vector("announce without transports", &m);
    CU_ASSERT_EQUAL(m.present, 0);
    load_vector("update, delete", &m);
    CU_ASSERT_EQUAL(m.action, WIRE_ACTION_DEL_PE);
}

/* --- round trips
 * ------------------------------------------------------------------------------------------------ */

static void roll(uint8_t *dice, size_t n, uint32_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        *seed = *seed * 1664525 + 1013904223;
        dice[i] = (uint8_t)(*seed >> 24);
    }
}

static void every_message_type_survives_a_round_trip(void)
{
    static struct build_arena arena;
    static uint8_t dice[2000], buffer[WIRE_MESSAGE_MAX];
    uint32_t seed = 5354, policies = 0;

    for (unsigned round = 0; round < 200; round++)
        for (unsigned choice = 0; choice < BUILD_CHOICES; choice++) {
            struct wire_message again;
            struct wire_fault f;
            roll(dice, sizeof dice, &seed);
            struct reader r = reader_of(octets_of(dice, sizeof dice));
            struct wire_message m = build_message(choice, &r, &arena);
            int n = wire_write(&m, buffer, sizeof buffer);
            CU_ASSERT_FATAL(n > 0);
            CU_ASSERT_EQUAL_FATAL(wire_parse(m.protocol, buffer, (size_t)n, &again, &f), 0);
            CU_ASSERT_FATAL(same_message(&m, &again));
            CU_ASSERT_STRING_NOT_EQUAL(wire_message_name(m.protocol, m.type), "unknown");
            for (unsigned i = 0; i < 17; i++)
                policies |= (uint32_t)((m.present & WIRE_HAS_POOL_ELEMENT) &&
                                       m.element.policy.type == build_policies[i])
                            << i;
        }
    CU_ASSERT_EQUAL(policies, (1u << 17) - 1); /* each policy was among them */
}

static void each_policy_has_its_fields_in_the_order_of_the_wire(void)
{
    static const struct {
        uint32_t type;
        const char *hex;
    } expected[] = {
        {POLICY_RR, "0008000800000001"},
        {POLICY_WRR, "0008000c0000000200000011"},
        {POLICY_RAND, "0008000800000003"},
        {POLICY_WRAND, "0008000c0000000400000011"},
        {POLICY_PRIO, "0008000c0000000500000022"},
        {POLICY_LU, "0008000c4000000100000033"},
        {POLICY_LUD, "00080010400000020000003300000044"},
        {POLICY_PLU, "00080010400000030000003300000044"},
        {POLICY_RLU, "0008000c4000000400000033"},
        {POLICY_RPLU, "00080010b00010010000003300000044"},
        {POLICY_RLUD, "00080010b00010020000003300000044"},
        {POLICY_PLUD, "00080010b00010030000003300000044"},
        {POLICY_RPLUD, "00080010b00010040000003300000044"},
        {POLICY_WRAND_DPF, "00080014b0002001000000110000005500000077"},
        {POLICY_LU_DPF, "00080014b0002002000000330000006600000077"},
        {POLICY_LUD_DPF, "00080018b000200300000033000000440000006600000077"},
    };
    struct wire_policy policy = {0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, {0}};

    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        uint8_t octets[64], wanted[64];
        struct writer w = writer_of(octets, sizeof octets);
        uint32_t type = 0;
        size_t n = from_hex(expected[i].hex, wanted);
        policy.type = expected[i].type;
        wire_put_policy(&w, &policy);
        CU_ASSERT_EQUAL(writer_used(&w), n);
        CU_ASSERT_EQUAL(memcmp(octets, wanted, n), 0);
        CU_ASSERT(wire_policy_from_name(wire_policy_name(policy.type), &type) && type == policy.type);
        CU_ASSERT(wire_policy_from_name(wire_policy_short_name(policy.type), &type) && type == policy.type);
    }
    CU_ASSERT_STRING_EQUAL(wire_policy_name(0x12345678), "unknown");
}

static void a_policy_with_too_few_or_too_many_fields_is_refused_and_quoted(void)
{
    /* handle "A", element with a TCP transport, and LU without its load, or with one field too many. */
    static const char *const policies[] = {"0008000840000001", "00080010400000010000000000000000",
                                           "0008000800000000", "00080004"};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        char hex[256];
        struct wire_message m;
        struct wire_fault f;
        size_t policy = strlen(policies[i]) / 2;
        snprintf(hex, sizeof hex,
                 "010000%02zx0009000541000000000a00%"
                 "02zx0000000100000000ffffffff0005001000500000000100080a010003%s",
                 4 + 8 + 32 + policy, 32 + policy, policies[i]);
        CU_ASSERT_EQUAL(parse_hex(WIRE_ASAP, hex, &m, &f), ERR_MALFORMED);
        CU_ASSERT(f.report);
        CU_ASSERT_EQUAL(f.cause, WIRE_CAUSE_INVALID_VALUES);
        CU_ASSERT_EQUAL(f.offending.length, policy);
    }
}

static void final_padding_may_be_counted_or_not_sent_or_not(void)
{
    static const char *const forms[] = {
        "0500000d"
        "0009000941424344"
        "45000000", /* RFC: not counted, sent; deliberately one octet of five */
        "05000010"
        "0009000941424344"
        "45000000", /* rsplib: counted */
        "0500000d"
        "0009000941424344"
        "45", /* not counted, not sent */
    };
    for (size_t i = 0; i < 3; i++) {
        struct wire_message m;
        struct wire_fault f;
        CU_ASSERT_EQUAL(parse_hex(WIRE_ASAP, forms[i], &m, &f), 0);
        CU_ASSERT(handle_is(m.pool_handle, "ABCDE"));
    }
    uint8_t octets[BUFFER];
    struct wire_message m = {.type = ASAP_HANDLE_RESOLUTION,
                             .present = WIRE_HAS_POOL_HANDLE,
                             .pool_handle = octets_of("ABCDE", 5)};
    CU_ASSERT_EQUAL(wire_write(&m, octets, sizeof octets), 16);
    CU_ASSERT_EQUAL(octets_load16(octets + 2), 13); /* we send it as the RFC says */
    CU_ASSERT_EQUAL(wire_frame(octets, 16), 16);
}

static void nested_lengths_leave_out_the_last_padding(void)
{
    uint8_t octets[BUFFER];
    struct wire_pool_element e = {.identifier = 1,
                                  .user = {.type = WIRE_OPAQUE, .opaque = octets_of("xyz", 3)},
                                  .policy = {.type = 0x7777, .other = octets_of("abcde", 5)}},
                             again;
    struct writer w = writer_of(octets, sizeof octets);
    wire_put_pool_element(&w, &e);
    CU_ASSERT_EQUAL(writer_used(&w), 4 + 12 + 8 + 8 + 5);
    CU_ASSERT_EQUAL(octets_load16(octets + 2), writer_used(&w));
    CU_ASSERT_EQUAL_FATAL(wire_parse_pool_element(octets_of(octets, writer_used(&w)), &again), 0);
    CU_ASSERT(same_element(&e, &again));
    wire_patch_home_registrar(octets, 0x11223344);
    CU_ASSERT_EQUAL_FATAL(wire_parse_pool_element(octets_of(octets, writer_used(&w)), &again), 0);
    CU_ASSERT_EQUAL(again.home_registrar, 0x11223344);
    CU_ASSERT_EQUAL(wire_parse_pool_element(octets_of(octets, writer_used(&w) - 1), &again), ERR_MALFORMED);
}

/* --- hostile input
 * ---------------------------------------------------------------------------------------------- */

/* In a block of just that size, so that the sanitizer sees a read beyond it. */
static int parse_exact(enum wire_protocol protocol, const uint8_t *octets, size_t n, struct wire_message *m)
{
    struct wire_fault f;
    uint8_t *block = malloc(n ? n : 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    memcpy(block, octets, n);
    int e = wire_parse(protocol, block, n, m, &f);
    free(block);
    return e;
}

static void every_truncation_of_every_vector_is_refused(void)
{
    for (size_t i = 0; i < VECTORS; i++) {
        uint8_t octets[BUFFER];
        struct wire_message m;
        size_t n = from_hex(vectors[i].hex, octets);
        for (size_t cut = 0; cut < n; cut++)
            CU_ASSERT_EQUAL(parse_exact(vectors[i].protocol, octets, cut, &m), ERR_MALFORMED);
        /* The same with a header that agrees: what is left must stand on its own, or be refused. */
        for (size_t cut = WIRE_HEADER; cut < n; cut++) {
            uint8_t written[BUFFER];
            octets_store16(octets + 2, (uint16_t)cut);
            if (parse_exact(vectors[i].protocol, octets, cut, &m) != 0)
                continue;
            struct wire_message again;
            struct wire_fault f;
            CU_ASSERT_EQUAL_FATAL(wire_parse(vectors[i].protocol, octets, cut, &m, &f), 0);
            int length = wire_write(&m, written, sizeof written);
            CU_ASSERT_FATAL(length > 0);
            CU_ASSERT_EQUAL_FATAL(wire_parse(vectors[i].protocol, written, (size_t)length, &again, &f), 0);
            CU_ASSERT(same_message(&m, &again));
        }
    }
}

static void a_message_of_another_length_than_it_says_is_refused(void)
{
    static const char *const bad[] = {"",
                                      "05",
                                      "05000003",
                                      "05000000",
                                      "0500000c00090008414243440000",
                                      "05000010000900084142434400000000"
                                      "00000000",
                                      "0500000c000900ff41424344",
                                      "0500000c0009000341424344",
                                      "0500000e00090008414243440000"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire_message m;
        struct wire_fault f;
        CU_ASSERT_EQUAL(parse_hex(WIRE_ASAP, bad[i], &m, &f), ERR_MALFORMED);
        CU_ASSERT_FALSE(f.report);
        CU_ASSERT(strlen(f.reason) > 0);
    }
}

static void what_must_be_there_once_is_required_once(void)
{
    static const struct {
        enum wire_protocol protocol;
        const char *hex;
    } bad[] = {
        {WIRE_ASAP, "05000004"}, /* no pool handle */
        {WIRE_ASAP, "05000008"
                    "00090004"}, /* an empty one */
        {WIRE_ASAP, "05000014"
                    "0009000841424344"
                    "0009000841424344"}, /* two */
        {WIRE_ASAP, "0200000c"
                    "0009000841424344"}, /* no PE identifier */
        {WIRE_ASAP, "05000014"
                    "0009000841424344"
                    "000e000800000001"}, /* one that has no business here */
        {WIRE_ASAP, "0d00000c"
                    "0009000841424344"}, /* business card without elements */
        {WIRE_ASAP, "0e000004"},         /* error without an error */
        {WIRE_ENRP, "05000008"
                    "00000001"}, /* no receiver */
        {WIRE_ENRP, "04000010"
                    "0000000100000002"
                    "00020000"}, /* unknown action */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct wire_message m;
        struct wire_fault f;
        CU_ASSERT_EQUAL(parse_hex(bad[i].protocol, bad[i].hex, &m, &f), ERR_MALFORMED);
    }
}

static void top_bits_decide_about_an_unknown_parameter(void)
{
    static const struct {
        uint16_t type;
        int result;
        bool report;
    } rows[] = {{0x0042, ERR_UNRECOGNIZED, false},
                {0x4042, ERR_UNRECOGNIZED, true},
                {0x8042, 0, false},
                {0xc042, 0, true}};
    static const char *const places[] = {
        "05000014"
        "0009000841424344"
        "%04x0008deadbeef", /* after the pool handle */
        "05000014"
        "%04x0008deadbeef"
        "0009000841424344", /* before it */
        "0100003c"
        "0009000541000000"
        "000a0030"
        "0000000100000000ffffffff"
        "0005001800500000"
        "000100080a010003"
        "%04x0008deadbeef"
        "000800084000ffff", /* inside its transport */
        "0100003c"
        "0009000541000000"
        "000a0030"
        "0000000100000000ffffffff"
        "0005001000500000"
        "000100080a010003"
        "000800084000ffff"
        "%04x0008deadbeef", /* at the element's end */
    };
    for (size_t place = 0; place < 4; place++)
        for (size_t i = 0; i < 4; i++) {
            char hex[256];
            struct wire_message m;
            struct wire_fault f;
            snprintf(hex, sizeof hex, places[place], rows[i].type);
            CU_ASSERT_EQUAL(parse_hex(WIRE_ASAP, hex, &m, &f), rows[i].result);
            CU_ASSERT_EQUAL(f.report, rows[i].report);
            CU_ASSERT_EQUAL(f.n_unrecognized, rows[i].report);
            if (rows[i].report) {
                CU_ASSERT_EQUAL(f.cause, WIRE_CAUSE_UNRECOGNIZED_PARAMETER);
                CU_ASSERT_EQUAL(octets_load16(f.unrecognized[0].data), rows[i].type);
                CU_ASSERT_EQUAL(f.unrecognized[0].length, 8);
            }
            if (rows[i].result == 0)
                CU_ASSERT(m.present & WIRE_HAS_POOL_HANDLE);
        }
}

static void top_bits_decide_about_an_unknown_message(void)
{
    static const char *const hex[] = {"2a000004", "6a000004", "aa000004", "ea000004", "00000004"};
    for (size_t i = 0; i < 5; i++) {
        struct wire_message m;
        struct wire_fault f;
        CU_ASSERT_EQUAL(parse_hex(WIRE_ENRP, hex[i], &m, &f), ERR_UNRECOGNIZED);
        CU_ASSERT_EQUAL(f.cause, WIRE_CAUSE_UNRECOGNIZED_MESSAGE);
        CU_ASSERT_EQUAL(f.report, i == 1);
        CU_ASSERT_EQUAL(f.offending.length, 4);
    }
}

static void a_fault_becomes_an_error_message_that_quotes_it(void)
{
    struct wire_message m;
    struct wire_fault f;
    struct octets information;
    uint8_t octets[BUFFER];
    uint16_t cause;
    CU_ASSERT_EQUAL(parse_hex(WIRE_ASAP,
                              "0500001c"
                              "0009000841424344"
                              "c0010005aa000000"
                              "c0020006bbcc0000",
                              &m, &f),
                    0);
    struct writer w = writer_of(octets, sizeof octets);
    wire_begin(&w, WIRE_ASAP, ASAP_ERROR, 0);
    wire_put_fault(&w, &f);
    int n = wire_end(&w);
    CU_ASSERT_EQUAL(n, 4 + 4 + (4 + 8) + (4 + 8));
    CU_ASSERT_EQUAL_FATAL(wire_parse(WIRE_ASAP, octets, (size_t)n, &m, &f), 0);
    for (uint16_t i = 1; i <= 2; i++) {
        CU_ASSERT_FATAL(wire_cause_next(&m.error, &cause, &information));
        CU_ASSERT_EQUAL(cause, WIRE_CAUSE_UNRECOGNIZED_PARAMETER);
        CU_ASSERT_EQUAL(octets_load16(information.data), 0xc000 + i);
        CU_ASSERT_EQUAL(information.length, 4u + i);
    }
    CU_ASSERT_FALSE(wire_cause_next(&m.error, &cause, &information));
}

static void a_flood_of_unknown_parameters_is_counted_up_to_a_limit(void)
{
    uint8_t octets[BUFFER];
    struct writer w = writer_of(octets, sizeof octets);
    struct wire_message m;
    struct wire_fault f;
    wire_begin(&w, WIRE_ASAP, ASAP_HANDLE_RESOLUTION, 0);
    wire_put_pool_handle(&w, octets_of("A", 1));
    for (unsigned i = 0; i < 100; i++)
        wire_put_raw(&w, octets_of("\xc0\x01\x00\x04", 4));
    int n = wire_end(&w);
    CU_ASSERT_EQUAL(wire_parse(WIRE_ASAP, octets, (size_t)n, &m, &f), 0);
    CU_ASSERT_EQUAL(f.n_unrecognized, WIRE_UNRECOGNIZED_MAX);
}

static void writing_beyond_the_buffer_or_the_protocol_is_refused(void)
{
    static uint8_t big[2 * 65536], value[65536];
    uint8_t small[32];
    struct wire_message m = {
        .type = ASAP_COOKIE, .present = WIRE_HAS_COOKIE, .cookie = octets_of(value, 65520)};
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), 65528);
    CU_ASSERT_EQUAL(wire_write(&m, small, sizeof small), ERR_NO_SPACE);
    m.cookie.length = 65525; /* message over 65,532 */
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), ERR_NO_SPACE);
    m.cookie.length = 65536; /* parameter over 65,535 */
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), ERR_NO_SPACE);
    m.present = 0;
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), ERR_ARGUMENT);
    m.present = WIRE_HAS_COOKIE | WIRE_HAS_PE_IDENTIFIER;
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), ERR_ARGUMENT);
    m.type = 99;
    CU_ASSERT_EQUAL(wire_write(&m, big, sizeof big), ERR_ARGUMENT);
}

static void a_stream_is_cut_by_the_header(void)
{
    CU_ASSERT_EQUAL(wire_frame((const uint8_t *)"\x05\x00\x00", 3), 0);
    CU_ASSERT_EQUAL(wire_frame((const uint8_t *)"\x05\x00\x00\x0d", 4), 16);
    CU_ASSERT_EQUAL(wire_frame((const uint8_t *)"\x05\x00\x00\x03", 4), ERR_MALFORMED);
    CU_ASSERT_EQUAL(wire_frame((const uint8_t *)"\x05\x00\xff\xff", 4), ERR_MALFORMED);
}

/* --- checksum
 * --------------------------------------------------------------------------------------------------- */

static uint16_t share_of(const char *handle)
{
    return wire_checksum_of_handle(octets_of(handle, strlen(handle)));
}

static void checksums_are_those_of_rsplib(void)
{
    static const struct {
        const char *handle;
        uint32_t identifier;
        uint16_t value;
    } rows[] = {{"CalcAppPool", 0x5562e917, 0x8490},
                {"CalcAppPool", 0x3775a3bd, 0xe7d7},
                {"EchoPool", 0xaabbccdd, 0x1ab8}};
    struct wire_checksum c = {0};
    CU_ASSERT_EQUAL(wire_checksum_value(&c), 0xffff);
    for (size_t i = 0; i < 3; i++) {
        c = (struct wire_checksum){0};
        wire_checksum_add(&c, share_of(rows[i].handle), rows[i].identifier);
        CU_ASSERT_EQUAL(wire_checksum_value(&c), rows[i].value);
    }
    wire_checksum_add(&c, share_of("Odd"), 0x01020304);
    CU_ASSERT_EQUAL(wire_checksum_value(&c), 0x634d);
    wire_checksum_remove(&c, share_of("EchoPool"), 0xaabbccdd);
    wire_checksum_remove(&c, share_of("Odd"), 0x01020304);
    CU_ASSERT_EQUAL(wire_checksum_value(&c), 0xffff);
}

/* rspregistrar announced 10ae while it owned just the elements of this table. */
static void the_checksum_of_a_captured_table_is_what_its_owner_announced(void)
{
    struct wire_message m;
    struct wire_pool_element e;
    struct wire_checksum c = {0};
    struct octets handle = {0};
    bool is_handle;
    load_vector("table of 10 pools", &m);
    while (wire_table_next(&m.list, &is_handle, &handle, &e))
        if (!is_handle)
            wire_checksum_add(&c, wire_checksum_of_handle(handle), e.identifier);
    CU_ASSERT_EQUAL(wire_checksum_value(&c), 0x10ae);
}

static void adding_and_removing_a_million_elements_in_any_order_is_exact(void)
{
    struct wire_checksum c = {0}, few = {0};
    uint16_t share = share_of("EchoPool");
    wire_checksum_add(&few, share, 7);
    for (uint32_t i = 0; i < 1000000; i++)
        wire_checksum_add(&c, share, i * 2654435761u);
    wire_checksum_add(&c, share, 7);
    for (uint32_t i = 1000000; i-- > 0;)
        wire_checksum_remove(&c, share, i * 2654435761u);
    CU_ASSERT_EQUAL(wire_checksum_value(&c), wire_checksum_value(&few));
}

static const struct unit_test tests[] = {
#define T(f)                                                                                                 \
    {                                                                                                        \
#f, f                                                                                                \
    }
    T(rsplib_messages_are_read_and_written_octet_for_octet),
    T(every_field_of_an_rsplib_registration_is_found),
    T(rsplib_errors_are_named),
    T(a_table_gives_handles_and_elements_in_turn),
    T(resolution_option_and_takeover_target_are_read),
    T(every_message_type_survives_a_round_trip),
    T(each_policy_has_its_fields_in_the_order_of_the_wire),
    T(a_policy_with_too_few_or_too_many_fields_is_refused_and_quoted),
    T(final_padding_may_be_counted_or_not_sent_or_not),
    T(nested_lengths_leave_out_the_last_padding),
    T(every_truncation_of_every_vector_is_refused),
    T(a_message_of_another_length_than_it_says_is_refused),
    T(what_must_be_there_once_is_required_once),
    T(top_bits_decide_about_an_unknown_parameter),
    T(top_bits_decide_about_an_unknown_message),
    T(a_fault_becomes_an_error_message_that_quotes_it),
    T(a_flood_of_unknown_parameters_is_counted_up_to_a_limit),
    T(writing_beyond_the_buffer_or_the_protocol_is_refused),
    T(a_stream_is_cut_by_the_header),
    T(checksums_are_those_of_rsplib),
    T(the_checksum_of_a_captured_table_is_what_its_owner_announced),
    T(adding_and_removing_a_million_elements_in_any_order_is_exact),
};

UNIT_MAIN("wire", tests)
