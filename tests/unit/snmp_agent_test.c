/* SPDX-License-Identifier: BSD-3-Clause */
/* The SNMP subagent without a master: the mirror, its feed from a control server in the same loop, the tables
 * by GET, GETNEXT and SET through the handler that Net-SNMP calls. */
#include "snmp-agent/description.h"
#include "snmp-agent/feed.h"
#include "snmp-agent/rserpool.h"

#include "base/clock.h"
#include "base/error.h"
#include "control/control.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAMES_MAX = 4096, WAIT_MS = 10000, END = -99 };

/* --- a mirror made of JSON
 * ------------------------------------------------------------------------------------------- */

static bool apply(struct mirror *m, const char *text)
{
    json_error_t error;
    json_t *params = json_loads(text, 0, &error);

    CU_ASSERT_PTR_NOT_NULL_FATAL(params);
    bool done = mirror_apply(m, params, 1000);
    json_decref(params);
    return done;
}

static void set_registrar(struct mirror *m, uint64_t now_ms)
{
    json_t *r = json_pack("{s:I, s:s, s:s, s:i, s:i, s:[s,s], s:{s:s, s:i, s:b}, s:{s:s, s:i, s:b}}",
                          "identifier", (json_int_t)0x80000001, "description", "rack 7", "scope", "lab",
                          "uptime", 5000, "enrp_port", 9901, "enrp_addresses", "192.0.2.1", "2001:db8::1",
                          "asap_announce", "address", "239.0.0.50", "port", 3863, "enabled", true,
                          "enrp_announce", "address", "239.0.0.51", "port", 9901, "enabled", false);
    mirror_set_registrar(m, r, now_ms);
    json_decref(r);
}

static void put_pool(struct mirror *m, unsigned index, const char *handle)
{
    json_t *p = json_pack("{s:s, s:{s:i, s:s}}", "kind", "pool", "pool", "index", index, "handle", handle);
    CU_ASSERT_TRUE(mirror_apply(m, p, 1000));
    json_decref(p);
}

/* policy fields as JSON members, "" for none */
static void put_element(struct mirror *m, unsigned pool_index, unsigned index, uint32_t identifier,
                        const char *fields)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{\"kind\":\"element\",\"element\":{\"pool_index\":%u,\"index\":%u,\"identifier\":%u,\"home_"
             "registrar\":7,"
             "\"policy\":1,\"policy_name\":\"Round Robin\",\"registration_life\":90,"
             "\"user\":{\"protocol\":132,\"port\":80,\"use\":\"data+control\",\"addresses\":[\"192.0.2.9\","
             "\"2001:db8::9\"]},"
             "\"asap\":{\"port\":4000,\"addresses\":[\"192.0.2.9\"]}%s}}",
             pool_index, index, identifier, fields);
    CU_ASSERT_TRUE(apply(m, text));
}

/* Pools 1 and 3; elements 1.1, 1.2 (weight), 1.7 (no identifier, no ASAP transport, opaque address), 3.2
 * (load). */
static struct mirror *sample(void)
{
    struct mirror *m = mirror_new();
    json_t *peers =
        json_pack("[{s:i, s:i, s:i, s:[s]}, {s:i}, {s:I, s:i, s:i, s:[]}]", "identifier", 5, "port", 9901,
                  "last_heard", 250, "addresses", "192.0.2.5", "identifier", 0, "identifier",
                  (json_int_t)0xffffffff, "port", 9902, "last_heard", 0, "addresses");

    set_registrar(m, 10000);
    put_pool(m, 3, "Busy");
    put_pool(m, 1, "Echo");
    put_element(m, 3, 2, 0x33, ",\"load\":2147483648");
    put_element(m, 1, 2, 0x12, ",\"weight\":4294967295");
    put_element(m, 1, 1, 0xffffffff, "");
    CU_ASSERT_TRUE(apply(
        m, "{\"kind\":\"element\",\"element\":{\"pool_index\":1,\"index\":7,\"identifier\":0,\"policy\":5,"
           "\"policy_name\":\"Priority\",\"priority\":1,\"registration_life\":-1,"
           "\"user\":{\"use\":0,\"opaque_hex\":\"00ff61\",\"addresses\":[]},\"asap\":null}}"));
    mirror_set_peers(m, peers, 10000);
    json_decref(peers);
    return m;
}

/* --- requests as Net-SNMP makes them
 * ------------------------------------------------------------------------------------ */

static uint64_t fixed_clock(void)
{
    return 10000;
}

static int call(const struct table_binding *binding, int mode, netsnmp_variable_list *vb)
{
    netsnmp_agent_session session = {0};
    netsnmp_agent_request_info info = {.mode = mode, .asp = &session};
    netsnmp_request_info request = {.requestvb = vb};
    netsnmp_mib_handler handler = {.myvoid = (void *)binding};

    table_handler(&handler, NULL, &info, &request);
    return request.status;
}

static struct table_binding bind_table(unsigned table, struct mirror *m)
{
    return (struct table_binding){.table = &rserpool_tables[table], .mirror = m, .clock = fixed_clock};
}

static netsnmp_variable_list *variable(const char *name)
{
    netsnmp_variable_list *vb = calloc(1, sizeof *vb);
    oid parts[MAX_OID_LEN];
    size_t length = 0;

    for (const char *p = name; *p; p += *p == '.') {
        parts[length++] = strtoul(p, (char **)&p, 10);
    }
    vb->type = ASN_NULL;
    snmp_set_var_objid(vb, parts, length);
    return vb;
}

static void describe(const netsnmp_variable_list *vb, char *out, size_t size)
{
    size_t used = 0;

    for (size_t i = 6; i < vb->name_length; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%lu", i > 6 ? "." : "", (unsigned long)vb->name[i]);
    if (vb->type == ASN_OCTET_STR) {
        used += (size_t)snprintf(out + used, size - used, " =");
        for (size_t i = 0; i < vb->val_len && used + 4 < size; i++)
            used += (size_t)snprintf(out + used, size - used, " %02x", vb->val.string[i]);
    } else {
        snprintf(out + used, size - used, " = %s%lu",
                 vb->type == ASN_TIMETICKS ? "t"
                 : vb->type == ASN_INTEGER ? "i"
                                           : "",
                 (unsigned long)(uint32_t)*vb->val.integer);
    }
}

/* GETNEXT from the module's root over all tables as a manager's walk does; fails when a name does not grow.
 */
static unsigned walk(struct mirror *m, char lines[][128], unsigned max)
{
    netsnmp_variable_list *vb = variable("1.3.6.1.3.125");
    unsigned n = 0;

    for (unsigned t = 0; t < rserpool_tables_count; t++) {
        struct table_binding b = bind_table(t, m);
        for (;;) {
            oid before[MAX_OID_LEN];
            size_t length = vb->name_length;
            memcpy(before, vb->name, length * sizeof before[0]);
            snmp_set_var_typed_value(vb, ASN_NULL, NULL, 0);
            CU_ASSERT_EQUAL(call(&b, MODE_GETNEXT, vb), SNMP_ERR_NOERROR);
            if (vb->type == ASN_NULL)
                break;
            CU_ASSERT_TRUE_FATAL(snmp_oid_compare(before, length, vb->name, vb->name_length) < 0);
            CU_ASSERT_TRUE_FATAL(n < max);
            if (lines)
                describe(vb, lines[n], 128);
            n++;
        }
    }
    snmp_free_varbind(vb);
    return n;
}

static const char *get(struct mirror *m, unsigned table, const char *name)
{
    static char text[128];
    struct table_binding b = bind_table(table, m);
    netsnmp_variable_list *vb = variable(name);
    int status = call(&b, MODE_GET, vb);

    if (vb->type == SNMP_NOSUCHINSTANCE || status == SNMP_NOSUCHINSTANCE)
        snprintf(text, sizeof text, "no instance");
    else if (vb->type == SNMP_NOSUCHOBJECT || status == SNMP_NOSUCHOBJECT)
        snprintf(text, sizeof text, "no object");
    else
        describe(vb, text, sizeof text);
    snmp_free_varbind(vb);
    return text;
}

/* The first line that GETNEXT gives after a name, in one table. */
static const char *after(struct mirror *m, unsigned table, const char *name)
{
    static char text[128];
    struct table_binding b = bind_table(table, m);
    netsnmp_variable_list *vb = variable(name);

    call(&b, MODE_GETNEXT, vb);
    if (vb->type == ASN_NULL)
        snprintf(text, sizeof text, "end");
    else
        describe(vb, text, sizeof text);
    snmp_free_varbind(vb);
    return text;
}

/* --- the tables
 * ------------------------------------------------------------------------------------------------------ */

static void walk_shows_every_cell_in_order(void)
{
    static const char *expected[] = {"1.1.1.2.1 = 6c 61 62",
                                     "1.1.1.3.1 = 2147483649",
                                     "1.1.1.4.1 = 72 61 63 6b 20 37",
                                     "1.1.1.5.1 = t500",
                                     "1.1.1.6.1 = 9901",
                                     "1.1.1.7.1 = 3863",
                                     "1.1.1.8.1 = i1",
                                     "1.1.1.9.1 = ef 00 00 32", /* no ENRP announce: holes */
                                     "1.3.1.2.1.1 = 45 63 68 6f",
                                     "1.3.1.2.1.3 = 42 75 73 79",
                                     "1.4.1.2.1.1.1 = 4294967295",
                                     "1.4.1.2.1.1.2 = 18",
                                     "1.4.1.2.1.3.2 = 51",
                                     "1.4.1.3.1.1.1 = 4000",
                                     "1.4.1.3.1.1.2 = 4000",
                                     "1.4.1.3.1.3.2 = 4000",
                                     "1.4.1.4.1.1.1 = 132",
                                     "1.4.1.4.1.1.2 = 132",
                                     "1.4.1.4.1.3.2 = 132",
                                     "1.4.1.5.1.1.1 = 80",
                                     "1.4.1.5.1.1.2 = 80",
                                     "1.4.1.5.1.3.2 = 80",
                                     "1.4.1.6.1.1.1 = i1",
                                     "1.4.1.6.1.1.2 = i1",
                                     "1.4.1.6.1.1.7 = i0",
                                     "1.4.1.6.1.3.2 = i1",
                                     "1.4.1.7.1.1.1 = 1",
                                     "1.4.1.7.1.1.2 = 1",
                                     "1.4.1.7.1.1.7 = 5",
                                     "1.4.1.7.1.3.2 = 1",
                                     "1.4.1.8.1.1.1 = 52 6f 75 6e 64 20 52 6f 62 69 6e",
                                     "1.4.1.8.1.1.2 = 52 6f 75 6e 64 20 52 6f 62 69 6e",
                                     "1.4.1.8.1.1.7 = 50 72 69 6f 72 69 74 79",
                                     "1.4.1.8.1.3.2 = 52 6f 75 6e 64 20 52 6f 62 69 6e",
                                     "1.4.1.9.1.1.2 = 4294967295",
                                     "1.4.1.10.1.3.2 = 2147483648",
                                     "1.4.1.12.1.1.1 = t9000",
                                     "1.4.1.12.1.1.2 = t9000",
                                     "1.4.1.12.1.1.7 = t4294967295",
                                     "1.4.1.12.1.3.2 = t9000",
                                     "1.4.1.13.1.1.1 = 7",
                                     "1.4.1.13.1.1.2 = 7",
                                     "1.4.1.13.1.3.2 = 7",
                                     "1.5.1.2.1.1.1.1 = i1",
                                     "1.5.1.2.1.1.2.1 = i1",
                                     "1.5.1.2.1.3.2.1 = i1",
                                     "1.5.1.3.1.1.1.1 = c0 00 02 09",
                                     "1.5.1.3.1.1.2.1 = c0 00 02 09",
                                     "1.5.1.3.1.3.2.1 = c0 00 02 09",
                                     "1.6.1.2.1.1.1.1 = i1",
                                     "1.6.1.2.1.1.1.2 = i2",
                                     "1.6.1.2.1.1.2.1 = i1",
                                     "1.6.1.2.1.1.2.2 = i2",
                                     "1.6.1.2.1.1.7.1 = i0",
                                     "1.6.1.2.1.3.2.1 = i1",
                                     "1.6.1.2.1.3.2.2 = i2",
                                     "1.6.1.3.1.1.1.1 = c0 00 02 09",
                                     "1.6.1.3.1.1.1.2 = 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
                                     "1.6.1.3.1.1.2.1 = c0 00 02 09",
                                     "1.6.1.3.1.1.2.2 = 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
                                     "1.6.1.3.1.1.7.1 =",
                                     "1.6.1.3.1.3.2.1 = c0 00 02 09",
                                     "1.6.1.3.1.3.2.2 = 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 09",
                                     "1.6.1.4.1.1.7.1 = 00 ff 61",
                                     "1.7.1.2.1.1 = i1",
                                     "1.7.1.2.1.2 = i2",
                                     "1.7.1.3.1.1 = c0 00 02 01",
                                     "1.7.1.3.1.2 = 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01",
                                     "1.8.1.2.5 = 5",
                                     "1.8.1.2.4294967295 = 4294967295",
                                     "1.8.1.3.5 = 9901",
                                     "1.8.1.3.4294967295 = 9902",
                                     "1.8.1.4.5 = t25",
                                     "1.8.1.4.4294967295 = t0",
                                     "1.9.1.2.5.1 = i1",
                                     "1.9.1.3.5.1 = c0 00 02 05"};
    enum { EXPECTED = sizeof expected / sizeof expected[0] };
    static char lines[NAMES_MAX][128];
    struct mirror *m = sample();
    unsigned n = walk(m, lines, NAMES_MAX);

    CU_ASSERT_EQUAL(n, EXPECTED);
    for (unsigned i = 0; i < n && i < EXPECTED; i++) {
        const char *line = lines[i] + strlen("1."), *wanted = expected[i];
        CU_ASSERT_STRING_EQUAL(line, wanted);
        if (strcmp(line, wanted) != 0)
            fprintf(stderr, "%u: %s, not %s\n", i, line, wanted);
    }
    mirror_free(m);
}

static void get_finds_what_the_walk_shows_and_nothing_else(void)
{
    struct mirror *m = sample();

    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.1"), "1.1.4.1.2.1.1.1 = 4294967295");
    CU_ASSERT_STRING_EQUAL(get(m, 1, "1.3.6.1.3.125.1.1.3.1.2.1.3"), "1.1.3.1.2.1.3 = 42 75 73 79");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.7"), "no instance"); /* identifier 0 */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.9.1.1.1"), "no instance"); /* no weight */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.3"), "no instance"); /* no such row */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.2.1.1"), "no instance"); /* no such registrar */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1"), "no instance");   /* index too short */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.1.1"), "no instance");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.4294967297"), "no instance");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.1.1.1.1"),
                           "no object"); /* an index is not accessible */
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.14.1.1.1"), "no object");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.2.2.1.1.1"), "no object");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4"), "no object");
    mirror_free(m);
}

static void get_next_starts_anywhere(void)
{
    struct mirror *m = sample();
    static const struct {
        const char *from, *found;
    } cases[] = {
        {"1.3", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.0.9", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.0", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.2", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.2.0", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.2.0.9.9", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.1", "1.1.4.1.2.1.1.1 = 4294967295"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.1.1", "1.1.4.1.2.1.1.2 = 18"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.1.1.5.5.5", "1.1.4.1.2.1.1.2 = 18"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.1.4294967295", "1.1.4.1.2.1.3.2 = 51"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.1.4294967296", "1.1.4.1.2.1.3.2 = 51"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.2", "1.1.4.1.2.1.3.2 = 51"},
        {"1.3.6.1.3.125.1.1.4.1.2.1.3.2", "1.1.4.1.3.1.1.1 = 4000"},
        {"1.3.6.1.3.125.1.1.4.1.2.4294967295.4294967295.4294967295", "1.1.4.1.3.1.1.1 = 4000"},
        {"1.3.6.1.3.125.1.1.4.1.10.1.3.2", "1.1.4.1.12.1.1.1 = t9000"}, /* a column without any cell */
        {"1.3.6.1.3.125.1.1.4.1.13.1.3.2", "end"},
        {"1.3.6.1.3.125.1.1.4.1.14", "end"},
        {"1.3.6.1.3.125.1.1.4.2", "end"},
        {"1.3.6.1.4", "end"},
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        CU_ASSERT_STRING_EQUAL(after(m, 2, cases[i].from), cases[i].found);
    /* an address list: past its end, and past an element that has none */
    CU_ASSERT_STRING_EQUAL(after(m, 3, "1.3.6.1.3.125.1.1.5.1.2.1.1.2.1"), "1.1.5.1.2.1.3.2.1 = i1");
    CU_ASSERT_STRING_EQUAL(after(m, 4, "1.3.6.1.3.125.1.1.6.1.2.1.1.1.0"), "1.1.6.1.2.1.1.1.1 = i1");
    CU_ASSERT_STRING_EQUAL(after(m, 4, "1.3.6.1.3.125.1.1.6.1.2.1.1.1.9"), "1.1.6.1.2.1.1.2.1 = i1");
    CU_ASSERT_STRING_EQUAL(after(m, 7, "1.3.6.1.3.125.1.1.9.1.2.4294967295.4294967295"),
                           "1.1.9.1.3.5.1 = c0 00 02 05");
    mirror_free(m);
}

static void removal_in_the_middle_of_a_walk_harms_nothing(void)
{
    struct mirror *m = sample();

    CU_ASSERT_STRING_EQUAL(after(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.1"), "1.1.4.1.2.1.1.2 = 18");
    CU_ASSERT_TRUE(
        apply(m, "{\"kind\":\"element-removed\",\"pool_index\":1,\"index\":2,\"reason\":\"expired\"}"));
    CU_ASSERT_STRING_EQUAL(after(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.2"), "1.1.4.1.2.1.3.2 = 51");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.2"), "no instance");
    CU_ASSERT_TRUE(apply(m, "{\"kind\":\"pool-removed\",\"index\":3}"));
    CU_ASSERT_STRING_EQUAL(after(m, 2, "1.3.6.1.3.125.1.1.4.1.2.1.1.2"), "1.1.4.1.3.1.1.1 = 4000");
    mirror_clear(m);
    CU_ASSERT_STRING_EQUAL(after(m, 2, "1.3.6.1.3.125.1.1.4.1.3.1.1.1"), "end");
    CU_ASSERT_EQUAL(walk(m, NULL, 1), 0);
    mirror_free(m);
}

static void many_rows_are_walked_completely(void)
{
    enum { ROWS = 2000 };
    struct mirror *m = mirror_new();
    unsigned n = 0;
    struct table_binding b = bind_table(2, m);
    netsnmp_variable_list *vb = variable("1.3.6.1.3.125.1.1.4.1.2");

    set_registrar(m, 10000);
    for (unsigned i = 0; i < ROWS; i++) /* an order that is none */
        put_element(m, 1 + i * 7919 % 13, 1 + i, i + 1, "");
    CU_ASSERT_EQUAL(mirror_elements(m), ROWS);
    while (call(&b, MODE_GETNEXT, vb) == SNMP_ERR_NOERROR && vb->name[10] == 2)
        n++;
    CU_ASSERT_EQUAL(n, ROWS);
    snmp_free_varbind(vb);
    mirror_free(m);
}

static void long_values_are_cut(void)
{
    struct mirror *m = mirror_new();
    char text[5000];
    struct octets long_text = octets_of(text, 400);

    set_registrar(m, 10000);
    memset(text, 'x', sizeof text);
    text[3000] = '\0';
    put_pool(m, 1, text);
    struct table_binding b = bind_table(1, m);
    netsnmp_variable_list *vb = variable("1.3.6.1.3.125.1.1.3.1.2.1.1");
    CU_ASSERT_EQUAL(call(&b, MODE_GET, vb), SNMP_ERR_NOERROR);
    CU_ASSERT_EQUAL(vb->val_len, MIRROR_HANDLE_MAX);
    snmp_free_varbind(vb);
    mirror_set_description(m, long_text);
    CU_ASSERT_EQUAL(mirror_registrar(m)->description.length, MIRROR_TEXT_MAX);
    put_element(m, 1, 1, 1, ",\"registration_life\":2147483647");
    CU_ASSERT_STRING_EQUAL(get(m, 2, "1.3.6.1.3.125.1.1.4.1.12.1.1.1"), "1.1.4.1.12.1.1.1 = t4294967295");
    mirror_free(m);
}

/* --- the mirror
 * ------------------------------------------------------------------------------------------------------ */

static void snapshot_removes_what_it_does_not_name(void)
{
    struct mirror *m = sample();

    CU_ASSERT_TRUE(apply(m, "{\"kind\":\"snapshot-begin\"}"));
    put_pool(m, 3, "Busy");
    put_element(m, 3, 2, 0x33, "");
    CU_ASSERT_EQUAL(mirror_elements(m), 4); /* nothing is missing meanwhile */
    put_element(m, 3, 9, 0x39, "");         /* a change in between */
    CU_ASSERT_TRUE(apply(m, "{\"kind\":\"snapshot-end\"}"));
    CU_ASSERT_EQUAL(mirror_pools(m), 1);
    CU_ASSERT_EQUAL(mirror_elements(m), 2);
    CU_ASSERT_PTR_NULL(mirror_element_from(m, 3, 10));
    CU_ASSERT_EQUAL(mirror_element_from(m, 0, 0)->identifier, 0x33);
    mirror_free(m);
}

static void malformed_notifications_change_nothing(void)
{
    static const char *const bad[] = {"{}",
                                      "[]",
                                      "{\"kind\":7}",
                                      "{\"kind\":\"unheard-of\"}",
                                      "{\"kind\":\"pool\"}",
                                      "{\"kind\":\"pool\",\"pool\":[1]}",
                                      "{\"kind\":\"pool\",\"pool\":{\"index\":0,\"handle\":\"x\"}}",
                                      "{\"kind\":\"pool\",\"pool\":{\"index\":1}}",
                                      "{\"kind\":\"pool\",\"pool\":{\"index\":-4,\"handle\":\"x\"}}",
                                      "{\"kind\":\"element\",\"element\":{}}",
                                      "{\"kind\":\"element\",\"element\":{\"pool_index\":1}}",
                                      "{\"kind\":\"pool-removed\",\"index\":99}",
                                      "{\"kind\":\"element-removed\",\"pool_index\":1,\"index\":99}",
                                      "{\"kind\":\"peer\",\"peer\":{\"identifier\":0}}",
                                      "{\"kind\":\"peer-removed\"}"};
    struct mirror *m = sample();
    unsigned before = walk(m, NULL, NAMES_MAX);

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CU_ASSERT_FALSE(apply(m, bad[i]));
    CU_ASSERT_EQUAL(walk(m, NULL, NAMES_MAX), before);
    /* odd, but of use: what can be read is kept, what is out of range is clamped */
    CU_ASSERT_TRUE(
        apply(m, "{\"kind\":\"element\",\"element\":{\"pool_index\":1,\"index\":1,\"identifier\":99999999999,"
                 "\"user\":{\"port\":99999,\"protocol\":999,\"addresses\":[\"nonsense\",7,\"::1\"],"
                 "\"opaque_hex\":\"zz\"},\"registration_life\":-99}}"));
    const struct mirror_element *e = mirror_element_from(m, 1, 1);
    CU_ASSERT_EQUAL(e->identifier, UINT32_MAX);
    CU_ASSERT_EQUAL(e->user_port, UINT16_MAX);
    CU_ASSERT_EQUAL(e->protocol, UINT8_MAX);
    CU_ASSERT_EQUAL(e->user_count, 1);
    CU_ASSERT_EQUAL(e->opaque_length, 0);
    CU_ASSERT_EQUAL(e->registration_life, MIRROR_LIFE_FOREVER);
    mirror_free(m);
}

static void policy_names_are_bounded(void)
{
    struct mirror *m = mirror_new();
    char fields[64];

    set_registrar(m, 1);
    for (unsigned i = 1; i <= 300; i++) {
        snprintf(fields, sizeof fields, ",\"policy_name\":\"Policy %u\"", i);
        put_element(m, 1, i, i, fields);
    }
    CU_ASSERT_STRING_EQUAL(mirror_policy_name(m, mirror_element_from(m, 1, 1)), "Policy 1");
    CU_ASSERT_STRING_EQUAL(mirror_policy_name(m, mirror_element_from(m, 1, 300)), "");
    mirror_free(m);
}

/* --- the feed, from a registrar in the same loop
 * ----------------------------------------------------------------------- */

struct fixture {
    struct event_base *base;
    struct event *tick;
    char path[64];
    struct control_server *server;
    struct mirror *mirror;
    struct feed *feed;
    unsigned subscriptions;
    unsigned pools; /* that the snapshot names */
    bool mute;
    struct control_request *held[64]; /* what was asked while mute */
    unsigned held_count;
    bool twice; /* subscribe the caller twice: two numberings on one connection */
};

static json_t *pool_json(unsigned index)
{
    return json_pack("{s:s, s:{s:i, s:s}}", "kind", "pool", "pool", "index", index, "handle", "P");
}

static void method_registrar(void *context, struct control_request *r, const json_t *params)
{
    struct fixture *f = context;

    (void)params;
    if (f->mute && f->held_count < 64)
        f->held[f->held_count++] = r;
    else
        control_reply(r, json_pack("{s:i, s:i}", "identifier", 1, "uptime", 1000));
}

static void method_peers(void *context, struct control_request *r, const json_t *params)
{
    (void)context;
    (void)params;
    control_reply(r, json_pack("{s:[{s:i, s:i}]}", "peers", "identifier", 4, "port", 9901));
}

static void method_subscribe(void *context, struct control_request *r, const json_t *params)
{
    struct fixture *f = context;
    struct control_subscriber *s = control_subscribe(r, f, NULL, NULL);

    (void)params;
    f->subscriptions++;
    if (f->twice)
        control_subscribe(r, f, NULL, NULL);
    f->twice = false;
    control_reply(r, json_pack("{s:i}", "epoch", 1));
    control_feed_send(s, "feed", json_pack("{s:s}", "kind", "snapshot-begin"));
    for (unsigned i = 1; i <= f->pools; i++)
        control_feed_send(s, "feed", pool_json(i));
    control_feed_send(s, "feed", json_pack("{s:s}", "kind", "snapshot-end"));
}

static const struct control_method methods[] = {{"registrar.get", CONTROL_LEVEL_READ, method_registrar},
                                                {"peers.list", CONTROL_LEVEL_READ, method_peers},
                                                {"feed.subscribe", CONTROL_LEVEL_READ, method_subscribe},
                                                {0}};

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static void serve(struct fixture *f)
{
    struct control_server_options o = {.path = f->path, .methods = methods, .context = f};
    int error;

    f->server = control_server_new(f->base, &o, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
}

static void set_up(struct fixture *f)
{
    struct timeval tick = {.tv_usec = 10000};

    *f = (struct fixture){.base = event_base_new(), .mirror = mirror_new(), .pools = 3};
    snprintf(f->path, sizeof f->path, "/tmp/snmp_agent_test.%d", (int)getpid());
    f->tick = event_new(f->base, -1, EV_PERSIST, on_tick, NULL);
    event_add(f->tick, &tick);
    serve(f);
    struct feed_options o = {.path = f->path, .mirror = f->mirror, .poll_ms = 20, .silence_ms = 200};
    f->feed = feed_new(f->base, &o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->feed);
}

static void tear_down(struct fixture *f)
{
    feed_free(f->feed);
    while (f->held_count > 0)
        control_fail(f->held[--f->held_count], ERR_WRONG_STATE, NULL);
    control_server_free(f->server);
    mirror_free(f->mirror);
    event_free(f->tick);
    event_base_free(f->base);
}

static bool eventually(struct fixture *f, bool (*holds)(struct fixture *f))
{
    uint64_t end = clock_ms() + WAIT_MS;

    while (!holds(f) && clock_ms() < end)
        event_base_loop(f->base, EVLOOP_ONCE);
    return holds(f);
}

static bool in_step(struct fixture *f)
{
    return mirror_registrar(f->mirror) && mirror_pools(f->mirror) == f->pools &&
           mirror_peer_from(f->mirror, 0);
}

static bool is_empty(struct fixture *f)
{
    return !mirror_registrar(f->mirror) && mirror_pools(f->mirror) == 0 && !mirror_peer_from(f->mirror, 0);
}

static void feed_follows_snapshot_and_changes(void)
{
    struct fixture f;

    set_up(&f);
    CU_ASSERT_TRUE(eventually(&f, in_step));
    f.pools = 4;
    control_feed_publish(f.server, "feed", pool_json(4));
    CU_ASSERT_TRUE(eventually(&f, in_step));
    f.pools = 3;
    control_feed_publish(f.server, "feed", json_pack("{s:s, s:i}", "kind", "pool-removed", "index", 1));
    CU_ASSERT_TRUE(eventually(&f, in_step));
    CU_ASSERT_EQUAL(f.subscriptions, 1);
    tear_down(&f);
}

static bool in_step_again(struct fixture *f)
{
    return f->subscriptions == 2 && in_step(f);
}

/* The server numbers the feed itself, so the only way to a gap is a second numbering. */
static void gap_leads_to_a_new_snapshot(void)
{
    struct fixture f;

    set_up(&f);
    f.twice = true;
    CU_ASSERT_TRUE(eventually(&f, in_step));
    CU_ASSERT_EQUAL(f.subscriptions, 1);
    f.pools = 2;
    control_feed_publish(f.server, "feed", json_pack("{s:s, s:i}", "kind", "pool-removed", "index", 3));
    CU_ASSERT_TRUE(eventually(&f, in_step_again));
    CU_ASSERT_EQUAL(feed_snapshots(f.feed), 2);
    tear_down(&f);
}

static void rows_go_and_come_with_the_registrar(void)
{
    struct fixture f;

    set_up(&f);
    CU_ASSERT_TRUE(eventually(&f, in_step));
    control_server_free(f.server);
    CU_ASSERT_TRUE(eventually(&f, is_empty));
    f.pools = 5;
    serve(&f);
    CU_ASSERT_TRUE(eventually(&f, in_step));
    tear_down(&f);
}

static void rows_of_a_silent_registrar_go(void)
{
    struct fixture f;

    set_up(&f);
    CU_ASSERT_TRUE(eventually(&f, in_step));
    f.mute = true;
    CU_ASSERT_TRUE(eventually(&f, is_empty));
    f.mute = false;
    CU_ASSERT_TRUE(eventually(&f, in_step));
    tear_down(&f);
}

/* --- SET
 * -------------------------------------------------------------------------------------------------------------
 */

static char recorded[256];
static int fake_result;

static void record(const char *step)
{
    snprintf(recorded + strlen(recorded), sizeof recorded - strlen(recorded), "%s ", step);
}

static int fake_prepare(void *context)
{
    (void)context;
    record("prepare");
    return SNMP_ERR_NOERROR;
}

static int fake_apply(void *context, struct octets value)
{
    (void)context;
    record("apply");
    CU_ASSERT_TRUE(octets_equal(value, octets_of("new", 3)));
    return fake_result;
}

static int fake_undo(void *context)
{
    (void)context;
    record("undo");
    return SNMP_ERR_NOERROR;
}

static void fake_release(void *context)
{
    (void)context;
    record("release");
}

static int run_set(struct mirror *m, const char *name, u_char type, const char *value, size_t length,
                   const int *modes)
{
    const struct table *real = &rserpool_tables[0];
    static struct table_setter setter;
    struct table_column columns[16];
    int status = 0;

    setter = (struct table_setter){.check = description_setter.check,
                                   .prepare = fake_prepare,
                                   .apply = fake_apply,
                                   .undo = fake_undo,
                                   .release = fake_release};
    memcpy(columns, real->columns, real->columns_count * sizeof columns[0]);
    for (unsigned i = 0; i < real->columns_count; i++)
        if (columns[i].setter)
            columns[i].setter = &setter;
    struct table copy = *real;
    copy.columns = columns;
    struct table_binding b = {.table = &copy, .mirror = m, .clock = fixed_clock};
    netsnmp_variable_list *vb = variable(name);
    snmp_set_var_typed_value(vb, type, value, length);
    recorded[0] = '\0';
    for (; *modes != END && status == 0; modes++)
        status = call(&b, *modes, vb);
    snmp_free_varbind(vb);
    return status;
}

#define DESCRIPTION "1.3.6.1.3.125.1.1.1.1.4.1"

static void set_runs_its_phases_and_undoes(void)
{
    static const int whole[] = {MODE_SET_RESERVE1, MODE_SET_RESERVE2, MODE_SET_ACTION, MODE_SET_COMMIT, END};
    static const int undone[] = {MODE_SET_RESERVE1, MODE_SET_RESERVE2, MODE_SET_ACTION, MODE_SET_UNDO, END};
    static const int freed[] = {MODE_SET_RESERVE1, MODE_SET_RESERVE2, MODE_SET_FREE, END};
    struct mirror *m = sample();

    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "new", 3, whole), SNMP_ERR_NOERROR);
    CU_ASSERT_STRING_EQUAL(recorded, "prepare apply release ");
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "new", 3, undone), SNMP_ERR_NOERROR);
    CU_ASSERT_STRING_EQUAL(recorded, "prepare apply undo release ");
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "new", 3, freed), SNMP_ERR_NOERROR);
    CU_ASSERT_STRING_EQUAL(recorded, "prepare release ");
    fake_result = SNMP_ERR_COMMITFAILED;
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "new", 3, whole), SNMP_ERR_COMMITFAILED);
    fake_result = 0;
    mirror_free(m);
}

static void set_refuses_with_the_right_error(void)
{
    static const int reserve[] = {MODE_SET_RESERVE1, END};
    char long_text[256];
    struct mirror *m = sample();

    memset(long_text, 'x', sizeof long_text);
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_INTEGER, "\1\0\0\0\0\0\0", sizeof(long), reserve),
                    SNMP_ERR_WRONGTYPE);
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, long_text, 256, reserve), SNMP_ERR_WRONGLENGTH);
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "a\nb", 3, reserve), SNMP_ERR_WRONGVALUE);
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, "\xff\xfe", 2, reserve), SNMP_ERR_WRONGVALUE);
    CU_ASSERT_EQUAL(run_set(m, DESCRIPTION, ASN_OCTET_STR, long_text, 255, reserve), SNMP_ERR_NOERROR);
    CU_ASSERT_EQUAL(run_set(m, "1.3.6.1.3.125.1.1.1.1.2.1", ASN_OCTET_STR, "x", 1, reserve),
                    SNMP_ERR_NOTWRITABLE);
    CU_ASSERT_EQUAL(run_set(m, "1.3.6.1.3.125.1.1.1.1.99.1", ASN_OCTET_STR, "x", 1, reserve),
                    SNMP_ERR_NOTWRITABLE);
    CU_ASSERT_EQUAL(run_set(m, "1.3.6.1.3.125.1.1.1.1.4.2", ASN_OCTET_STR, "x", 1, reserve),
                    SNMP_ERR_NOCREATION);
    mirror_free(m);
}

static const struct unit_test tests[] = {
    {"a walk shows every cell in order, passes holes and ends with the last table",
     walk_shows_every_cell_in_order},
    {"GET finds what the walk shows and nothing else", get_finds_what_the_walk_shows_and_nothing_else},
    {"GETNEXT starts anywhere", get_next_starts_anywhere},
    {"removal in the middle of a walk harms nothing", removal_in_the_middle_of_a_walk_harms_nothing},
    {"2,000 rows are walked completely", many_rows_are_walked_completely},
    {"long values are cut, long lives clamped", long_values_are_cut},
    {"a snapshot removes what it does not name", snapshot_removes_what_it_does_not_name},
    {"malformed notifications change nothing", malformed_notifications_change_nothing},
    {"policy names are bounded", policy_names_are_bounded},
    {"the feed follows snapshot and changes", feed_follows_snapshot_and_changes},
    {"a gap leads to a new snapshot", gap_leads_to_a_new_snapshot},
    {"rows go and come with the registrar", rows_go_and_come_with_the_registrar},
    {"rows of a registrar that does not answer go", rows_of_a_silent_registrar_go},
    {"SET runs its phases and undoes", set_runs_its_phases_and_undoes},
    {"SET refuses with the right error", set_refuses_with_the_right_error},
};

UNIT_MAIN("snmp-agent", tests)
