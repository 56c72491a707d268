/* SPDX-License-Identifier: BSD-3-Clause */
/* pooltool: a pool element and a pool user for the command line, to try a registrar, test it and measure it.
 */
#include "base/clock.h"
#include "base/error.h"
#include "endpoint/tool.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

struct tool {
    struct tool_options o;
    struct event_base *base;
    struct transport *transport;
    struct pool_client *client;
    struct event *signals[2], *timer;
    uint64_t started_us;
    uint32_t registered, left;    /* register: elements that are, elements not yet deregistered */
    uint32_t begun, done, failed; /* resolve, report: requests */
    size_t tried;                 /* registrars that could not be reached */
    bool connected, ever_connected, ending;
    int status;
};

static void stop(struct tool *t, int status)
{
    if (status)
        t->status = status;
    event_base_loopbreak(t->base);
}

static void arm(struct tool *t, uint32_t ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(t->timer, &tv);
}

static void print_event(struct tool *t, json_t *event)
{
    if (t->o.quiet)
        json_decref(event);
    else
        tool_print(&t->o, event);
}

static void print_summary(struct tool *t, const char *what, uint32_t n)
{
    double seconds = (double)(clock_us() - t->started_us) / 1e6;
    json_t *event = tool_event("summary", tool_handle(&t->o));
    json_object_set_new(event, what, json_integer(n));
    json_object_set_new(event, "failed", json_integer(t->failed));
    json_object_set_new(event, "seconds", json_real(seconds));
    json_object_set_new(event, "per_second", json_integer(seconds > 0 ? (json_int_t)(n / seconds) : 0));
    tool_print(&t->o, event);
}

/* --- register
 * ------------------------------------------------------------------------------------------------------ */

static int begin_register(struct tool *t)
{
    struct wire_pool_element e = t->o.element;
    if (!t->o.has_identifier && getrandom(&e.identifier, sizeof e.identifier, 0) != sizeof e.identifier)
        return ERR_IO;
    t->left = t->o.count;
    for (uint32_t i = 0; i < t->o.count; i++, e.identifier++)
        if (!pool_client_register(t->client, tool_handle(&t->o), &e, t->o.interval_ms, NULL))
            return ERR_MEMORY;
    return 0;
}

static json_t *registration_event(const char *name, const struct pool_event *e)
{
    json_t *event = tool_event(name, pool_registration_handle(e->registration));
    json_object_set_new(event, "id", json_sprintf("0x%08x", pool_registration_identifier(e->registration)));
    tool_add_result(event, e->result, e->has_cause, e->cause);
    return event;
}

static void all_registered(struct tool *t)
{
    if (t->o.count > 1)
        print_summary(t, "registered", t->registered);
    if (t->o.for_ms)
        arm(t, t->o.for_ms);
}

static void on_registered(struct tool *t, const struct pool_event *e)
{
    print_event(t, registration_event(e->renewed ? "renewed" : "registered", e));
    if (!e->renewed && ++t->registered == t->o.count)
        all_registered(t);
}

static void on_refused(struct tool *t, const struct pool_event *e)
{
    print_event(t, registration_event("refused", e));
    tool_fail(&t->o, e->result, e->has_cause, e->cause, "the registrar refuses element 0x%08x",
              pool_registration_identifier(e->registration));
    t->failed++;
    stop(t, TOOL_FAILED);
}

static void on_deregistered(struct tool *t, const struct pool_event *e)
{
    json_t *event = registration_event("deregistered", e);
    if (e->unasked)
        json_object_set_new(event, "unasked", json_true());
    print_event(t, event);
    if (e->result || e->unasked)
        t->status = TOOL_FAILED;
    if (--t->left == 0)
        pool_client_close(t->client);
}

static void on_keep_alive(struct tool *t, const struct pool_event *e)
{
    json_t *event = registration_event("keep-alive", e);
    json_object_set_new(event, "registrar", json_sprintf("0x%08x", e->registrar));
    print_event(t, event);
}

/* --- resolve and report
 * --------------------------------------------------------------------------------------------- */

static void resolve_more(struct tool *t);

static void print_elements(struct tool *t, const struct pool_resolution *r)
{
    struct wire_list list = r->elements;
    struct wire_pool_element e;
    uint32_t n = 0;

    for (; wire_element_next(&list, &e); n++) {
        json_t *event = tool_event("element", r->pool_handle);
        tool_add_element(event, &e);
        print_event(t, event);
    }
    json_t *event = tool_event("resolved", r->pool_handle);
    json_object_set_new(event, "elements", json_integer(n));
    json_object_set_new(event, "policy", json_string(wire_policy_name(r->policy_type)));
    print_event(t, event);
}

static void on_resolved(void *context, const struct pool_resolution *r)
{
    struct tool *t = context;

    t->done++;
    if (r->result) {
        t->failed++;
        t->status = TOOL_FAILED;
        tool_fail(&t->o, r->result, r->has_cause, r->cause, "cannot resolve %.*s", (int)r->pool_handle.length,
                  (const char *)r->pool_handle.data);
    } else if (!t->o.quiet) {
        print_elements(t, r);
    }
    if (t->done == t->o.count)
        pool_client_close(t->client);
    else if (t->o.interval_ms)
        arm(t, t->o.interval_ms);
    else
        resolve_more(t);
}

static void resolve_more(struct tool *t)
{
    if (t->begun == t->o.count)
        return;
    t->begun++;
    int error = pool_client_resolve(t->client, tool_handle(&t->o), t->o.items, on_resolved, t);
    if (error) {
        tool_fail(&t->o, error, false, 0, "cannot ask");
        stop(t, TOOL_FAILED);
    }
}

static int begin_resolve(struct tool *t)
{
    for (uint32_t i = 0; i < t->o.parallel && t->begun < t->o.count && !t->status; i++)
        resolve_more(t);
    return 0;
}

static void report_one(struct tool *t)
{
    int error = pool_client_report(t->client, tool_handle(&t->o), t->o.element.identifier);
    if (error) {
        tool_fail(&t->o, error, false, 0, "cannot report");
        stop(t, TOOL_FAILED);
        return;
    }
    json_t *event = tool_event("reported", tool_handle(&t->o));
    json_object_set_new(event, "id", json_sprintf("0x%08x", t->o.element.identifier));
    print_event(t, event);
    if (++t->done == t->o.count)
        pool_client_close(t->client);
    else
        arm(t, t->o.interval_ms);
}

/* --- what happens
 * ---------------------------------------------------------------------------------------------------- */

static void on_connected(struct tool *t, const struct pool_event *e)
{
    (void)e;
    t->connected = t->ever_connected = true;
    if (t->o.command == TOOL_REGISTER)
        print_event(t, tool_event("connected", (struct octets){0}));
    if (t->o.command == TOOL_REPORT && t->done < t->o.count)
        report_one(t);
}

/* Who only asks does not wait for a registrar that is away, but goes through the list once. */
static void give_up(struct tool *t, int result)
{
    char text[ADDRESS_TEXT_MAX];
    const struct pool_registrar *r = &t->o.client.registrars[t->tried];

    tool_fail(&t->o, result, false, 0, "%s %s",
              t->ever_connected ? "lost the registrar" : "cannot reach the registrar",
              address_format_port(&r->addresses[0], r->port, text));
    if (++t->tried == t->o.client.n_registrars)
        stop(t, TOOL_FAILED);
}

/* A pool element that was registered once lives on while its registrar is away. */
static void on_disconnected(struct tool *t, const struct pool_event *e)
{
    if (e->result == 0) {
        stop(t, TOOL_OK);
    } else if (t->o.command == TOOL_REGISTER && t->ever_connected) {
        if (!t->connected)
            return; /* one more vain attempt to come back */
        json_t *event = tool_event("disconnected", (struct octets){0});
        tool_add_result(event, e->result, e->has_cause, e->cause);
        print_event(t, event);
        t->connected = false;
    } else {
        give_up(t, e->result);
    }
}

static void on_home(struct tool *t, const struct pool_event *e)
{
    json_t *event = tool_event("home", (struct octets){0});
    t->connected = true;
    json_object_set_new(event, "registrar", json_sprintf("0x%08x", e->registrar));
    print_event(t, event);
}

static void on_protocol_error(struct tool *t, const struct pool_event *e)
{
    json_t *event = tool_event("error", (struct octets){0});
    tool_add_result(event, e->result, e->has_cause, e->cause);
    print_event(t, event);
}

static void on_event(void *context, const struct pool_event *e)
{
    static void (*const handlers[])(struct tool *, const struct pool_event *) = {
        [POOL_CONNECTED] = on_connected,
        [POOL_DISCONNECTED] = on_disconnected,
        [POOL_REGISTERED] = on_registered,
        [POOL_REFUSED] = on_refused,
        [POOL_DEREGISTERED] = on_deregistered,
        [POOL_KEEP_ALIVE] = on_keep_alive,
        [POOL_HOME] = on_home,
        [POOL_ERROR] = on_protocol_error,
    };
    handlers[e->kind](context, e);
}

/* By time or by signal. A second signal does not wait for the registrar. */
static void end(struct tool *t)
{
    bool orderly = t->o.command == TOOL_REGISTER && !t->o.leave;

    if (t->o.command == TOOL_REGISTER && t->registered < t->o.count)
        t->status = TOOL_FAILED;
    if (orderly && !t->ending && pool_client_connected(t->client)) {
        t->ending = true;
        pool_client_each(t->client, pool_registration_end);
        return;
    }
    if (orderly)
        tool_fail(&t->o, ERR_CLOSED, false, 0, "cannot deregister");
    stop(t, orderly ? TOOL_FAILED : TOOL_OK);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct tool *t = context;
    (void)fd;
    (void)what;
    if (t->o.command == TOOL_REGISTER)
        end(t);
    else if (t->o.command == TOOL_RESOLVE)
        resolve_more(t);
    else
        report_one(t);
}

static void on_signal(evutil_socket_t fd, short what, void *context)
{
    struct tool *t = context;
    (void)fd;
    (void)what;
    if (t->o.command != TOOL_REGISTER)
        t->status = TOOL_FAILED; /* interrupted before it was done */
    end(t);
}

/* --- main
 * ------------------------------------------------------------------------------------------------------------
 */

static int nothing_yet(struct tool *t)
{
    (void)t;
    return 0;
}

static const struct command_row {
    const char *name;
    enum tool_command command;
    int (*begin)(struct tool *t);
    const char *summary, *example;
} commands[] = {
    {"register", TOOL_REGISTER, begin_register, "be a pool element until Ctrl-C, then deregister",
     "  pooltool register --registrar 192.0.2.1:3863 --pool EchoPool --id 0x10 \\\n"
     "      --policy lu --load 25% --user tcp:192.0.2.7:7 --life 60\n"
     "  pooltool register --tcp --registrar 127.0.0.1 --pool Big --user udp:192.0.2.7:53 \\\n"
     "      --count 1000 --for 10 --quiet\n"},
    {"resolve", TOOL_RESOLVE, begin_resolve, "ask for elements of a pool",
     "  pooltool resolve --registrar 192.0.2.1 EchoPool\n"
     "  pooltool resolve --tcp --registrar 127.0.0.1 EchoPool --items 3 --json\n"
     "  pooltool resolve --tcp --registrar 127.0.0.1 EchoPool --count 100000 --parallel 8 --quiet\n"},
    {"report", TOOL_REPORT, nothing_yet, "say that an element can't be reached",
     "  pooltool report --registrar 192.0.2.1 --pool EchoPool --id 0x10\n"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(void)
{
    puts("pooltool: a pool element and a pool user of RSerPool (RFC 5352) for the command line\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  pooltool %-9s %s\n", commands[i].name, commands[i].summary);
    puts("\nExamples:");
    for (size_t i = 0; i < COMMANDS; i++)
        fputs(commands[i].example, stdout);
    puts("\nEach event is one line on stdout, failures are on stderr; with --json all are JSON objects on "
         "stdout.\n"
         "Exit status: 0 done, 1 refused or failed, 2 wrong usage. Options: pooltool COMMAND --help");
    return TOOL_OK;
}

static int command_help(const struct command_row *row)
{
    printf("pooltool %s: %s\n\n%s\n", row->name, row->summary, row->example);
    tool_options_help(row->command);
    return TOOL_OK;
}

static int open_tool(struct tool *t, char *detail)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    int error = ERR_MEMORY;

    t->base = event_base_new();
    t->transport = t->base ? transport_new(t->base) : NULL;
    if (!t->transport || !(t->timer = evtimer_new(t->base, on_timer, t)))
        return ERR_MEMORY;
    for (size_t i = 0; i < 2; i++) {
        if (!(t->signals[i] = evsignal_new(t->base, numbers[i], on_signal, t)))
            return ERR_MEMORY;
        event_add(t->signals[i], NULL);
    }
    t->o.client.context = t;
    t->o.client.event = on_event;
    t->client = pool_client_new(t->base, t->transport, &t->o.client, &error, detail);
    return t->client ? 0 : error;
}

static void close_tool(struct tool *t)
{
    pool_client_free(t->client);
    if (t->transport)
        transport_free(t->transport);
    for (size_t i = 0; i < 2; i++)
        if (t->signals[i])
            event_free(t->signals[i]);
    if (t->timer)
        event_free(t->timer);
    if (t->base)
        event_base_free(t->base);
}

static int run(struct tool *t, const struct command_row *row)
{
    char detail[128] = "";
    int error = open_tool(t, detail);

    t->started_us = clock_us();
    if (!error)
        error = row->begin(t);
    if (error) {
        tool_fail(&t->o, error, false, 0, *detail ? "%s" : "cannot begin%s", detail);
        t->status = TOOL_FAILED;
    } else {
        event_base_dispatch(t->base);
        if (t->o.command == TOOL_RESOLVE && t->o.count > 1)
            print_summary(t, "resolved", t->done);
    }
    close_tool(t);
    return t->status;
}

int main(int argc, char **argv)
{
    static struct tool tool;

    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        help();
        return TOOL_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0)
        return help();
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        int result = tool_options_read(&tool.o, commands[i].command, argc - 2, argv + 2);
        return result < 0 ? command_help(&commands[i]) : result ? result : run(&tool, &commands[i]);
    }
    fprintf(stderr,
            "pooltool: no command '%s'; there are register, resolve and report\ntry: pooltool --help\n",
            argv[1]);
    return TOOL_USAGE;
}
