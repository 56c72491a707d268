/* SPDX-License-Identifier: BSD-3-Clause */
/* The control room: both ends of a socket in one event loop, and hostile callers. */
#include "base/clock.h"
#include "base/error.h"
#include "control/control.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct event_base *base;
    struct control_server *server;
    struct control_link *link;
    struct event *tick; /* wakes the loop, so that a wait can end in vain */
    char path[64];
    struct control_request *pending;
    int up, down, code, events, drained, gone;
    json_int_t sequence;
    char text[256];
};

static void method_echo(void *context, struct control_request *r, const json_t *params)
{
    (void)context;
    control_reply(r, json_deep_copy(params));
}

static void method_fail(void *context, struct control_request *r, const json_t *params)
{
    (void)context;
    (void)params;
    control_fail(r, ERR_NOT_FOUND, "pool %s", "Echo");
}

static void method_fail_at_length(void *context, struct control_request *r, const json_t *params)
{
    char detail[1000] = "";
    (void)context;
    (void)params;
    for (size_t i = 1; i + 2 < sizeof detail;
         i += 2) /* cut off anywhere, half of the cuts are within a character */
        memcpy(detail + i - 1, "\xc3\xa9", 3);
    control_fail(r, ERR_SYNTAX, "%s%s", json_string_value(json_object_get(params, "before")), detail);
}

static void method_later(void *context, struct control_request *r, const json_t *params)
{
    struct fixture *f = context;
    (void)params;
    f->pending = r;
}

static void on_drained(void *context, struct control_subscriber *s)
{
    struct fixture *f = context;
    if (f->drained++ == 0)
        control_feed_send(s, "feed", json_pack("{s:s}", "kind", "snapshot"));
}

static void on_gone(void *context, struct control_subscriber *s)
{
    (void)s;
    ((struct fixture *)context)->gone++;
}

static void method_subscribe(void *context, struct control_request *r, const json_t *params)
{
    (void)params;
    if (control_subscribe(r, context, on_drained, on_gone))
        control_reply(r, json_object());
    else
        control_fail(r, ERR_LIMIT, NULL);
}

static const struct control_method methods[] = {
    {"echo", CONTROL_LEVEL_READ, method_echo},
    {"fail", CONTROL_LEVEL_READ, method_fail},
    {"later", CONTROL_LEVEL_READ, method_later},
    {"feed.subscribe", CONTROL_LEVEL_READ, method_subscribe},
    {"never", CONTROL_LEVEL_ADMIN + 1, method_echo},
    {"fail at length", CONTROL_LEVEL_READ, method_fail_at_length},
    {0},
};

static void on_up(void *context, struct control_link *l)
{
    struct fixture *f = context;
    (void)l;
    f->up++;
}

static void on_down(void *context, struct control_link *l)
{
    struct fixture *f = context;
    (void)l;
    f->down++;
}

static void on_feed(void *context, struct control_link *l, const char *method, const json_t *params)
{
    struct fixture *f = context;
    (void)l;
    CU_ASSERT_STRING_EQUAL(method, "feed");
    json_int_t sequence = json_integer_value(json_object_get(params, "sequence"));
    CU_ASSERT_EQUAL(sequence, f->sequence + 1);
    f->sequence = sequence;
    f->events++;
}

static void on_done(void *context, int code, const json_t *result, const char *message)
{
    struct fixture *f = context;
    f->code = code;
    snprintf(f->text, sizeof f->text, "%s", code ? message : json_string_value(json_object_get(result, "word")) ?: "");
}

/* Runs the loop until *counter reaches wanted; a test that waits in vain ends after 5 s. */
static void run_until(struct fixture *f, const int *counter, int wanted)
{
    for (uint64_t until = clock_ms() + 5000; *counter < wanted && clock_ms() < until;)
        event_base_loop(f->base, EVLOOP_ONCE);
    CU_ASSERT(*counter >= wanted);
}

static void server_start(struct fixture *f)
{
    struct control_server_options o = {
        .path = f->path, .methods = methods, .context = f, .max_line = 4096, .max_queued = 65536};
    int error;
    f->server = control_server_new(f->base, &o, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f->server);
}

static void on_tick(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
}

static void setup(struct fixture *f)
{
    *f = (struct fixture){0};
    snprintf(f->path, sizeof f->path, "/tmp/control_test.%d", (int)getpid());
    f->base = event_base_new();
    f->tick = event_new(f->base, -1, EV_PERSIST, on_tick, NULL);
    event_add(f->tick, &(struct timeval){.tv_usec = 10000});
    server_start(f);
    struct control_link_options o = {
        .path = f->path, .retry_ms = 20, .context = f, .up = on_up, .down = on_down, .event = on_feed};
    f->link = control_link_new(f->base, &o);
    run_until(f, &f->up, 1);
}

static void teardown(struct fixture *f)
{
    control_link_free(f->link);
    control_server_free(f->server);
    event_free(f->tick);
    event_base_free(f->base);
}

static int call(struct fixture *f, const char *method, json_t *params)
{
    f->code = 1;
    control_link_call(f->link, method, params, f, on_done);
    for (uint64_t until = clock_ms() + 5000; f->code == 1 && clock_ms() < until;)
        event_base_loop(f->base, EVLOOP_ONCE);
    return f->code;
}

static void test_call(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_EQUAL(call(&f, "echo", json_pack("{s:s}", "word", "hello")), 0);
    CU_ASSERT_STRING_EQUAL(f.text, "hello");
    CU_ASSERT_EQUAL(call(&f, "fail", NULL), ERR_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(f.text, "pool Echo"));
    CU_ASSERT_PTR_NOT_NULL(strstr(f.text, error_advice(ERR_NOT_FOUND)));
    CU_ASSERT_EQUAL(call(&f, "never", NULL), ERR_DENIED);
    CU_ASSERT_NOT_EQUAL(call(&f, "nonsense", NULL), 0);
    teardown(&f);
}

static void test_reconnect(void)
{
    struct fixture f;
    setup(&f);
    control_server_free(f.server);
    run_until(&f, &f.down, 1);
    CU_ASSERT_EQUAL(call(&f, "echo", NULL), ERR_CLOSED);
    server_start(&f);
    run_until(&f, &f.up, 2);
    CU_ASSERT_EQUAL(call(&f, "echo", json_pack("{s:s}", "word", "again")), 0);
    teardown(&f);
}

static void test_answer_after_caller_left(void)
{
    struct fixture f;
    setup(&f);
    control_link_call(f.link, "later", NULL, &f, on_done);
    for (int i = 0; i < 500 && !f.pending; i++)
        event_base_loop(f.base, EVLOOP_ONCE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.pending);
    control_link_free(f.link);
    event_base_loop(f.base, EVLOOP_NONBLOCK);
    event_base_loop(f.base, EVLOOP_NONBLOCK);
    CU_ASSERT_EQUAL(f.code, ERR_CLOSED);
    control_reply(f.pending, json_object());
    f.link = NULL;
    teardown(&f);
}

static void on_done_frees(void *context, int code, const json_t *result, const char *message)
{
    struct fixture *f = context;
    (void)result;
    (void)message;
    f->code = code;
    control_link_free(f->link);
    f->link = NULL;
}

static void test_link_freed_by_a_failed_call(void)
{
    struct fixture f;
    setup(&f);
    control_link_call(f.link, "later", NULL, &f, on_done_frees);
    for (int i = 0; i < 500 && !f.pending; i++)
        event_base_loop(f.base, EVLOOP_ONCE);
    CU_ASSERT_PTR_NOT_NULL_FATAL(f.pending);
    control_server_free(f.server);
    for (int i = 0; i < 500 && f.link; i++)
        event_base_loop(f.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(f.code, ERR_CLOSED);
    CU_ASSERT_EQUAL(f.down, 0); /* nobody is there to be told */
    control_reply(f.pending, json_object());
    f.server = NULL;
    teardown(&f);
}

static void test_subscriptions_are_limited(void)
{
    struct fixture f;
    int refused = 0;
    setup(&f);
    for (int i = 0; i < 100; i++)
        refused += call(&f, "feed.subscribe", NULL) == ERR_LIMIT;
    CU_ASSERT_EQUAL(refused + (int)control_subscribers(f.server), 100);
    CU_ASSERT(control_subscribers(f.server) <= 8);
    control_link_free(f.link);
    f.link = NULL;
    run_until(&f, &f.gone, 8);
    teardown(&f);
}

static void test_detail_of_any_octets(void)
{
    struct fixture f;
    setup(&f);
    for (size_t n = 0; n < 2; n++) {
        CU_ASSERT_EQUAL(call(&f, "fail at length", json_pack("{s:s}", "before", n ? "ab" : "a")), ERR_SYNTAX);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.text, error_text(ERR_SYNTAX)));
    }
    CU_ASSERT_EQUAL(f.down, 0);
    teardown(&f);
}

static void test_feed(void)
{
    struct fixture f;
    setup(&f);
    CU_ASSERT_EQUAL(call(&f, "feed.subscribe", NULL), 0);
    run_until(&f, &f.events, 1);
    CU_ASSERT_EQUAL(control_subscribers(f.server), 1);
    control_feed_publish(f.server, "feed", json_pack("{s:s}", "kind", "pool"));
    control_feed_publish(f.server, "feed", json_pack("{s:s}", "kind", "pool"));
    run_until(&f, &f.events, 3);
    control_link_free(f.link);
    f.link = NULL;
    run_until(&f, &f.gone, 1);
    CU_ASSERT_EQUAL(control_subscribers(f.server), 0);
    teardown(&f);
}

static int raw_connect(const struct fixture *f)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    memcpy(address.sun_path, f->path, strlen(f->path) + 1);
    CU_ASSERT_EQUAL(connect(fd, (void *)&address, sizeof address), 0);
    return fd;
}

/* Reads until the daemon closes or a line has come. */
static ssize_t raw_read(struct fixture *f, int fd, char *buffer, size_t size)
{
    ssize_t n = -1;
    for (int i = 0; i < 500 && n < 0; i++) {
        event_base_loop(f->base, EVLOOP_ONCE);
        n = read(fd, buffer, size - 1);
    }
    buffer[n > 0 ? n : 0] = '\0';
    return n;
}

static void test_hostile_lines(void)
{
    static const char *const lines[] = {"\n",
                                        "{\n",
                                        "[]\n",
                                        "{\"method\":1}\n",
                                        "{\"method\":\"echo\",\"params\":7}\n",
                                        "\xff\xfe\n",
                                        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"x\"}\n"};
    struct fixture f;
    char answer[4096];
    setup(&f);
    int fd = raw_connect(&f);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        CU_ASSERT(write(fd, lines[i], strlen(lines[i])) > 0);
        CU_ASSERT(raw_read(&f, fd, answer, sizeof answer) > 0);
        CU_ASSERT_PTR_NOT_NULL(strstr(answer, "\"error\""));
    }
    close(fd);
    CU_ASSERT_EQUAL(call(&f, "echo", json_pack("{s:s}", "word", "alive")), 0);
    teardown(&f);
}

static void test_long_line_costs_its_connection(void)
{
    struct fixture f;
    char block[8192], answer[64];
    setup(&f);
    int fd = raw_connect(&f);
    memset(block, 'x', sizeof block);
    CU_ASSERT(write(fd, block, sizeof block) > 0);
    CU_ASSERT_EQUAL(raw_read(&f, fd, answer, sizeof answer), 0);
    close(fd);
    CU_ASSERT_EQUAL(call(&f, "echo", json_pack("{s:s}", "word", "alive")), 0);
    teardown(&f);
}

static void test_slow_reader_costs_its_connection(void)
{
    struct fixture f;
    setup(&f);
    int fd = raw_connect(&f);
    const char *subscribe = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"feed.subscribe\"}\n";
    CU_ASSERT(write(fd, subscribe, strlen(subscribe)) > 0);
    for (int i = 0; i < 500 && control_subscribers(f.server) == 0; i++)
        event_base_loop(f.base, EVLOOP_ONCE);
    for (int i = 0; i < 20000 && f.gone == 0; i++) {
        char padding[256] = {0};
        memset(padding, 'p', sizeof padding - 1);
        control_feed_publish(f.server, "feed", json_pack("{s:s}", "padding", padding));
        event_base_loop(f.base, EVLOOP_NONBLOCK);
    }
    CU_ASSERT_EQUAL(f.gone, 1);
    close(fd);
    CU_ASSERT_EQUAL(call(&f, "echo", json_pack("{s:s}", "word", "alive")), 0);
    teardown(&f);
}

static void test_path_of_a_dead_process_is_taken(void)
{
    struct fixture f;
    int error;
    setup(&f);
    struct control_server_options o = {.path = f.path, .methods = methods};
    CU_ASSERT_PTR_NULL(control_server_new(f.base, &o, &error));
    CU_ASSERT_EQUAL(error, ERR_ADDRESS_IN_USE);
    teardown(&f);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    memcpy(address.sun_path, f.path, strlen(f.path) + 1);
    CU_ASSERT_EQUAL(bind(fd, (void *)&address, sizeof address), 0);
    close(fd); /* the file stays, as after kill -9 */
    setup(&f);
    teardown(&f);
}

static void test_what_is_no_socket_is_left_alone(void)
{
    struct fixture f;
    int error = 0;
    setup(&f);
    char path[80];
    snprintf(path, sizeof path, "%s.file", f.path);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fclose(file);
    struct control_server_options o = {.path = path, .methods = methods};
    CU_ASSERT_PTR_NULL(control_server_new(f.base, &o, &error));
    CU_ASSERT_EQUAL(error, ERR_ADDRESS_IN_USE);
    CU_ASSERT_EQUAL(access(path, F_OK), 0);
    unlink(path);
    teardown(&f);
}

static void child(const char *path)
{
    int error;
    json_t *result = NULL;
    const char *message = "";
    struct control_client *c = control_client_new(path, 2000, &error);
    bool ok = c && control_call(c, "echo", json_pack("{s:s}", "word", "x"), &result, &message) == 0;
    json_decref(result);
    ok = ok && control_call(c, "fail", NULL, &result, &message) == ERR_NOT_FOUND && strstr(message, "Echo");
    ok = ok && control_call(c, "feed.subscribe", NULL, &result, &message) == 0;
    char *method = NULL;
    json_t *params = NULL;
    ok = ok && control_next_event(c, 2000, &method, &params) == 0 && strcmp(method, "feed") == 0;
    ok = ok && control_next_event(c, 50, &method, &params) == ERR_TIMEOUT;
    _exit(ok ? 0 : 1);
}

static void test_blocking_client(void)
{
    struct fixture f;
    int status = -1;
    setup(&f);
    pid_t pid = fork();
    if (pid == 0)
        child(f.path);
    for (int i = 0; i < 500 && waitpid(pid, &status, WNOHANG) == 0; i++) {
        event_base_loop(f.base, EVLOOP_ONCE);
    }
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    teardown(&f);
}

static void test_handles(void)
{
    const uint8_t octets[] = {'P', 'o', 'o', 'l', 0, '\\', 0xff, '"'};
    uint8_t back[16];
    json_t *o = json_object();
    control_put_handle(o, octets, sizeof octets);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(o, "handle")), "Pool\\x00\\x5c\\xff\"");
    CU_ASSERT_EQUAL(control_get_handle(o, back, sizeof back), (int)sizeof octets);
    CU_ASSERT_EQUAL(memcmp(back, octets, sizeof octets), 0);
    json_object_del(o, "handle_hex");
    CU_ASSERT_EQUAL(control_get_handle(o, back, sizeof back), (int)sizeof octets);
    CU_ASSERT_EQUAL(memcmp(back, octets, sizeof octets), 0);
    CU_ASSERT_EQUAL(control_get_handle(o, back, 4), ERR_ARGUMENT);
    static const char *const bad[] = {"0g", "0", "\x11\x12", "0@", "g0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_object_set_new(o, "handle_hex", json_string(bad[i]));
        CU_ASSERT_EQUAL(control_get_handle(o, back, sizeof back), ERR_ARGUMENT);
    }
    json_object_set_new(o, "handle_hex", json_string("AFaf"));
    CU_ASSERT_EQUAL(control_get_handle(o, back, sizeof back), 2);
    CU_ASSERT_EQUAL(memcmp(back, "\xaf\xaf", 2), 0);
    json_decref(o);
}

static const struct unit_test tests[] = {
    {"a call is answered, an error carries its advice", test_call},
    {"a link comes back after the daemon did", test_reconnect},
    {"an answer after the caller left is dropped", test_answer_after_caller_left},
    {"a call that fails may free its link", test_link_freed_by_a_failed_call},
    {"subscriptions of a connection are limited", test_subscriptions_are_limited},
    {"an error's detail of any octets reaches the caller", test_detail_of_any_octets},
    {"a path that is no socket is left alone", test_what_is_no_socket_is_left_alone},
    {"a feed begins with the snapshot and counts without a gap", test_feed},
    {"what is not a request gets an error and harms nobody", test_hostile_lines},
    {"a line over the limit costs its connection only", test_long_line_costs_its_connection},
    {"a slow reader costs its connection only", test_slow_reader_costs_its_connection},
    {"the socket of a dead process is taken over, a live one is not", test_path_of_a_dead_process_is_taken},
    {"the blocking client calls, fails and receives events", test_blocking_client},
    {"pool handles of any octets survive", test_handles},
};
UNIT_MAIN("control", tests)
