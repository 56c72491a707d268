/* SPDX-License-Identifier: BSD-3-Clause */
/* pooltool's options: one row each says which commands take it, what it sets and how the help explains it. */
#include "endpoint/tool.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALL = TOOL_REGISTER | TOOL_RESOLVE | TOOL_REPORT };

typedef bool set_option(struct tool_options *o, const char *text, char why[TOOL_WHY]);

static bool set_registrar(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    if (o->client.n_registrars == POOL_REGISTRARS_MAX) {
        snprintf(why, TOOL_WHY, "more than %d registrars", POOL_REGISTRARS_MAX);
        return false;
    }
    return tool_read_registrar(text, &o->client.registrars[o->client.n_registrars++], why);
}

static bool set_pool(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    return tool_read_handle(text, o->handle, &o->handle_length, why);
}

static bool set_policy(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    o->has_policy = true;
    if (wire_policy_from_name(text, &o->element.policy.type))
        return true;
    snprintf(why, TOOL_WHY,
             "'%s' is no policy; there are rr wrr rand wrand prio lu lud plu rlu rplu rlud plud rplud "
             "wrand-dpf lu-dpf lud-dpf",
             text);
    return false;
}

static bool set_user(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    o->has_user = true;
    return tool_read_user(text, &o->element.user, o->user_addresses, sizeof o->user_addresses, why);
}

static bool set_u32(uint32_t *out, const char *text, char why[TOOL_WHY])
{
    uint64_t n;
    if (!tool_read_number(text, UINT32_MAX, &n, why))
        return false;
    *out = (uint32_t)n;
    return true;
}

static bool set_seconds(uint32_t *out_ms, const char *text, char why[TOOL_WHY])
{
    char *end;
    double seconds = strtod(text, &end);
    if (end == text || *end || !(seconds >= 0 && seconds <= 4000000)) {
        snprintf(why, TOOL_WHY, "'%s' is no number of seconds from 0 to 4,000,000", text);
        return false;
    }
    *out_ms = (uint32_t)(seconds * 1000);
    return true;
}

static bool set_life(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    uint64_t n = 0;
    if (strcmp(text, "forever") == 0)
        o->element.registration_life = WIRE_LIFE_FOREVER;
    else if (tool_read_number(text, INT32_MAX, &n, why))
        o->element.registration_life = (int32_t)n;
    else
        return false;
    return true;
}

static bool set_items(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    uint32_t n = 0;
    if (strcmp(text, "all") == 0)
        o->items = POOL_ITEMS_ALL;
    else if (set_u32(&n, text, why))
        o->items = n;
    else
        return false;
    return true;
}

static bool set_id(struct tool_options *o, const char *text, char why[TOOL_WHY])
{
    o->has_identifier = true;
    return set_u32(&o->element.identifier, text, why);
}

/* Short setters of one field each. */
#define SETTER(name, function, field)                                                                        \
    static bool set_##name(struct tool_options *o, const char *text, char why[TOOL_WHY])                     \
    {                                                                                                        \
        return function(&o->field, text, why);                                                               \
    }
#define FLAG(name, field, value)                                                                             \
    static bool set_##name(struct tool_options *o, const char *text, char why[TOOL_WHY])                     \
    {                                                                                                        \
        (void)text;                                                                                          \
        (void)why;                                                                                           \
        o->field = value;                                                                                    \
        return true;                                                                                         \
    }
SETTER(weight, set_u32, element.policy.weight)
SETTER(priority, set_u32, element.policy.priority)
SETTER(load, tool_read_share, element.policy.load)
SETTER(degradation, tool_read_share, element.policy.degradation)
SETTER(weight_dpf, tool_read_share, element.policy.weight_dpf)
SETTER(load_dpf, tool_read_share, element.policy.load_dpf)
SETTER(distance, set_u32, element.policy.distance)
SETTER(interval, set_u32, interval_ms)
SETTER(for, set_seconds, for_ms)
SETTER(timeout, set_seconds, client.request_ms)
SETTER(count, set_u32, count)
SETTER(parallel, set_u32, parallel)
FLAG(sctp, client.kind, TRANSPORT_SCTP)
FLAG(tcp, client.kind, TRANSPORT_TCP)
FLAG(mptcp, client.kind, TRANSPORT_MPTCP)
FLAG(leave, leave, true)
FLAG(silent, client.silent, true)
FLAG(quiet, quiet, true)
FLAG(json, json, true)

static const struct option_row {
    const char *name, *argument; /* argument NULL: a flag */
    unsigned commands;
    set_option *set;
    const char *help;
} rows[] = {
    {"registrar", "HOST[:PORT]", ALL, set_registrar,
     "where to ask; A,B:PORT for a multi-homed one; again for another one"},
    {"sctp", NULL, ALL, set_sctp, "talk to the registrar over SCTP (the default)"},
    {"tcp", NULL, ALL, set_tcp, "over TCP"},
    {"mptcp", NULL, ALL, set_mptcp, "over MPTCP, or TCP where an end has none"},
    {"pool", "NAME", ALL, set_pool, "pool handle; \\xHH for an octet that can't be typed"},
    {"id", "NUMBER", TOOL_REGISTER | TOOL_REPORT, set_id,
     "PE identifier, e.g. 0x1234; register: random if absent"},
    {"policy", "NAME", TOOL_REGISTER, set_policy, "rr wrr rand wrand prio lu lud plu rlu ... (default rr)"},
    {"load", "SHARE", TOOL_REGISTER, set_load, "of lu and its kin: 25% or a number up to 0xffffffff"},
    {"degradation", "SHARE", TOOL_REGISTER, set_degradation, "of lud, plu and their kin"},
    {"weight", "N", TOOL_REGISTER, set_weight, "of wrr, wrand"},
    {"priority", "N", TOOL_REGISTER, set_priority, "of prio"},
    {"weight-dpf", "SHARE", TOOL_REGISTER, set_weight_dpf, "of wrand-dpf"},
    {"load-dpf", "SHARE", TOOL_REGISTER, set_load_dpf, "of lu-dpf, lud-dpf"},
    {"distance", "MS", TOOL_REGISTER, set_distance, "of the -dpf policies"},
    {"user", "KIND:HOST:PORT", TOOL_REGISTER, set_user,
     "the service offered; KIND is sctp sctp+control tcp udp udplite dccp"},
    {"life", "SECONDS", TOOL_REGISTER, set_life, "registration life, or forever (default 300)"},
    {"interval", "MS", ALL, set_interval, "register: between renewals; others: between requests"},
    {"for", "SECONDS", TOOL_REGISTER, set_for, "stay so long, then deregister; else until Ctrl-C"},
    {"count", "N", ALL, set_count, "register: N elements, identifiers counting up; others: N requests"},
    {"items", "N", TOOL_RESOLVE, set_items, "elements wanted, or all; else what the registrar likes to give"},
    {"parallel", "N", TOOL_RESOLVE, set_parallel, "requests under way at a time (default 1)"},
    {"timeout", "SECONDS", ALL, set_timeout, "patience for each answer (default 5)"},
    {"leave", NULL, TOOL_REGISTER, set_leave, "end without deregistration, as if crashed"},
    {"silent", NULL, TOOL_REGISTER, set_silent, "leave keep-alives unanswered, as if hung"},
    {"quiet", NULL, ALL, set_quiet, "print failures and the summary only"},
    {"json", NULL, ALL, set_json, "one JSON object a line"},
};
enum { ROWS = sizeof rows / sizeof *rows };

void tool_options_help(enum tool_command command)
{
    for (size_t i = 0; i < ROWS; i++) {
        char left[40];
        if (!(rows[i].commands & command))
            continue;
        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        printf("  %-24s %s\n", left, rows[i].help);
    }
}

struct octets tool_handle(const struct tool_options *o)
{
    return octets_of(o->handle, o->handle_length);
}

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "pooltool: %s%s%s\ntry: pooltool --help\n", what, *why ? ": " : "", why);
    return TOOL_USAGE;
}

static const struct option_row *row_of(const char *name, size_t length, enum tool_command command)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strlen(rows[i].name) == length && strncmp(rows[i].name, name, length) == 0 &&
            (rows[i].commands & command))
            return &rows[i];
    return NULL;
}

/* "--name value", "--name=value", or a pool handle without a name. Returns how many words were taken, 0 on
 * error. */
static int read_option(struct tool_options *o, char **words, char why[TOOL_WHY])
{
    if (strncmp(words[0], "--", 2) != 0)
        return set_pool(o, words[0], why) ? 1 : 0;
    const char *name = words[0] + 2, *equals = strchr(name, '=');
    const struct option_row *row = row_of(name, equals ? (size_t)(equals - name) : strlen(name), o->command);
    if (!row) {
        snprintf(why, TOOL_WHY, "no such option here");
        return 0;
    }
    const char *value = equals ? equals + 1 : words[1];
    if (!row->argument)
        return equals ? 0 : row->set(o, NULL, why);
    if (!value) {
        snprintf(why, TOOL_WHY, "needs %s", row->argument);
        return 0;
    }
    return row->set(o, value, why) ? (equals ? 1 : 2) : 0;
}

static int check(struct tool_options *o)
{
    if (o->client.n_registrars == 0)
        return complain("--registrar is missing", "");
    if (o->handle_length == 0)
        return complain("--pool is missing", "");
    if (o->command == TOOL_REGISTER && !o->has_user)
        return complain("--user is missing", "e.g. --user tcp:192.0.2.1:80");
    if (o->command == TOOL_REPORT && !o->has_identifier)
        return complain("--id is missing", "");
    if (o->count == 0 || o->parallel == 0)
        return complain("--count and --parallel begin at 1", "");
    return TOOL_OK;
}

int tool_options_read(struct tool_options *o, enum tool_command command, int argc, char **argv)
{
    char why[TOOL_WHY] = "";

    *o = (struct tool_options){.command = command, .count = 1, .parallel = 1};
    o->client.kind = TRANSPORT_SCTP;
    o->client.request_ms = 5000;
    o->element.policy.type = POLICY_RR;
    o->element.registration_life = 300;
    for (int i = 0; i < argc;) {
        if (strcmp(argv[i], "--help") == 0)
            return -1;
        int taken = read_option(o, argv + i, why);
        if (taken == 0)
            return complain(argv[i], why);
        i += taken;
    }
    return check(o);
}
