/* SPDX-License-Identifier: BSD-3-Clause */
/* endpoint: a pool element and a pool user against a registrar of a few lines, over TCP on the loopback. */
#include "base/error.h"
#include "endpoint/endpoint.h"
#include "endpoint/tool.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { PATIENCE_SECONDS = 10, EVENTS_MAX = 64 };

/* The registrar: answers, unless it is told to be mute or to refuse; remembers what it got. */
struct bench {
    struct event_base *base;
    struct transport *transport;
    struct endpoint *registrar;
    struct channel *channel;
    struct pool_client *client;
    uint32_t got[16]; /* messages by type */
    uint32_t mute;    /* so many requests stay unanswered */
    bool refuse, timed_out;
    struct pool_event events[EVENTS_MAX];
    unsigned n_events, wanted_kind, wanted_count;
    struct pool_resolution resolution;
    unsigned resolved, elements;
    bool asks_when_connected;
};

static void answer(struct bench *b, const struct wire_message *m)
{
    uint8_t buffer[512];
    int n = wire_write(m, buffer, sizeof buffer);
    CU_ASSERT_FATAL(n > 0);
    CU_ASSERT_EQUAL(channel_send(b->channel, WIRE_PPID_ASAP, octets_of(buffer, (size_t)n)), 0);
}

static void answer_resolution(struct bench *b, const struct wire_message *request)
{
    static const uint8_t unknown[] = {0, WIRE_CAUSE_UNKNOWN_POOL_HANDLE, 0, 4};
    uint8_t list[256], addresses[8];
    struct writer wa = writer_of(addresses, sizeof addresses), w = writer_of(list, sizeof list);
    struct address a = {.family = 4, .octets = {192, 0, 2, 7}};
    struct wire_message m = {.type = ASAP_HANDLE_RESOLUTION_RESPONSE,
                             .present = WIRE_HAS_POOL_HANDLE,
                             .pool_handle = request->pool_handle};

    if (request->pool_handle.data[0] == '?') {
        m.present |= WIRE_HAS_ERROR;
        m.error = octets_of(unknown, sizeof unknown);
    } else {
        wire_put_address(&wa, &a);
        struct wire_pool_element e = {
            .identifier = 1,
            .user = {.type = WIRE_TCP, .port = 7, .addresses = octets_of(addresses, 8)},
            .policy = {.type = POLICY_LU}};
        uint32_t n = request->items_wanted ? request->items_wanted : 1;
        for (uint32_t i = 0; i < n && i < 4; i++, e.identifier++)
            wire_put_pool_element(&w, &e);
        m.present |= WIRE_HAS_LIST | WIRE_HAS_POLICY;
        m.policy.type = POLICY_LU;
        m.list.run = octets_of(list, writer_used(&w));
    }
    answer(b, &m);
}

static void on_request(void *context, struct channel *c, uint32_t ppid, struct octets octets)
{
    static const uint8_t policy[] = {0, WIRE_CAUSE_INCONSISTENT_POLICY, 0, 4};
    struct bench *b = context;
    struct wire_message m, r = {0};
    struct wire_fault f;

    (void)ppid;
    b->channel = c;
    CU_ASSERT_EQUAL_FATAL(wire_parse(WIRE_ASAP, octets.data, octets.length, &m, &f), 0);
    b->got[m.type]++;
    if (b->mute && b->mute--)
        return;
    r.present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER;
    r.pool_handle = m.pool_handle;
    if (m.type == ASAP_REGISTRATION) {
        r.type = ASAP_REGISTRATION_RESPONSE;
        r.pe_identifier = m.element.identifier;
        if (b->refuse) {
            r.flags = ASAP_FLAG_REJECT;
            r.present |= WIRE_HAS_ERROR;
            r.error = octets_of(policy, sizeof policy);
        }
        answer(b, &r);
    } else if (m.type == ASAP_DEREGISTRATION) {
        r.type = ASAP_DEREGISTRATION_RESPONSE;
        r.pe_identifier = m.pe_identifier;
        answer(b, &r);
    } else if (m.type == ASAP_HANDLE_RESOLUTION) {
        answer_resolution(b, &m);
    } else {
        event_base_loopbreak(b->base); /* an ack or a report: a test waits for it */
    }
}

static struct pool_registration *register_one(struct bench *b, uint32_t renew_ms);
static struct octets pool(void);
static void on_resolved(void *context, const struct pool_resolution *r);

static void ask_from_within(struct bench *b)
{
    register_one(b, 0);
    CU_ASSERT_EQUAL(pool_client_resolve(b->client, pool(), 0, on_resolved, b), 0);
}

static void on_event(void *context, const struct pool_event *e)
{
    struct bench *b = context;
    if (e->kind == POOL_CONNECTED && b->asks_when_connected)
        ask_from_within(b);
    if (b->n_events < EVENTS_MAX)
        b->events[b->n_events++] = *e;
    if (e->kind == b->wanted_kind && --b->wanted_count == 0)
        event_base_loopbreak(b->base);
}

static void on_resolved(void *context, const struct pool_resolution *r)
{
    struct bench *b = context;
    struct wire_list list = r->elements;
    struct wire_pool_element e;
    b->resolution = *r;
    b->resolved++;
    for (b->elements = 0; wire_element_next(&list, &e);)
        b->elements++;
    event_base_loopbreak(b->base);
}

static void on_impatience(evutil_socket_t fd, short what, void *context)
{
    struct bench *b = context;
    (void)fd;
    (void)what;
    b->timed_out = true;
    event_base_loopbreak(b->base);
}

static void run(struct bench *b)
{
    struct timeval tv = {.tv_sec = PATIENCE_SECONDS};
    struct event *impatience = evtimer_new(b->base, on_impatience, b);
    event_add(impatience, &tv);
    event_base_dispatch(b->base);
    event_free(impatience);
    CU_ASSERT_FALSE_FATAL(b->timed_out);
}

/* Runs until so many events of that kind have come; returns the last one. */
static const struct pool_event *wait_for(struct bench *b, enum pool_event_kind kind, unsigned count)
{
    b->wanted_kind = kind;
    b->wanted_count = count;
    run(b);
    CU_ASSERT_FATAL(b->n_events > 0 && b->events[b->n_events - 1].kind == kind);
    return &b->events[b->n_events - 1];
}

static void listen_anew(struct bench *b, uint16_t port)
{
    struct address loopback = {.family = 4, .octets = {127, 0, 0, 1}};
    struct endpoint_options o = {.kind = TRANSPORT_TCP,
                                 .addresses = &loopback,
                                 .n_addresses = 1,
                                 .port = port,
                                 .handler = {.context = b, .message = on_request, .frame = wire_frame}};
    int error;
    b->registrar = transport_listen(b->transport, &o, &error, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->registrar);
}

static void bench_open(struct bench *b)
{
    struct pool_client_options o = {.kind = TRANSPORT_TCP,
                                    .n_registrars = 1,
                                    .request_ms = 100,
                                    .reconnect_ms = 50,
                                    .context = b,
                                    .event = on_event};
    int error;

    *b = (struct bench){.base = event_base_new()};
    b->transport = transport_new(b->base);
    listen_anew(b, 0);
    o.registrars[0] = (struct pool_registrar){.addresses = {{.family = 4, .octets = {127, 0, 0, 1}}},
                                              .n_addresses = 1,
                                              .port = endpoint_port(b->registrar)};
    b->client = pool_client_new(b->base, b->transport, &o, &error, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->client);
}

static void bench_close(struct bench *b)
{
    pool_client_free(b->client);
    transport_free(b->transport);
    event_base_free(b->base);
}

static struct octets pool(void)
{
    return octets_of("EchoPool", 8);
}

static struct pool_registration *register_one(struct bench *b, uint32_t renew_ms)
{
    uint8_t addresses[8]; /* on the stack: the client has to copy it */
    struct writer w = writer_of(addresses, sizeof addresses);
    wire_put_address(&w, &(struct address){.family = 4, .octets = {192, 0, 2, 7}});
    struct wire_pool_element e = {.identifier = 0x10,
                                  .registration_life = 60,
                                  .user = {.type = WIRE_TCP, .port = 7, .addresses = octets_of(addresses, 8)},
                                  .policy = {.type = POLICY_LU, .load = 5}};
    struct pool_registration *r = pool_client_register(b->client, pool(), &e, renew_ms, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(r);
    memset(addresses, 0xff, sizeof addresses);
    return r;
}

static void an_element_registers_renews_and_deregisters(void)
{
    struct bench b;
    bench_open(&b);
    struct pool_registration *r = register_one(&b, 30);
    CU_ASSERT_FALSE(wait_for(&b, POOL_REGISTERED, 1)->renewed);
    CU_ASSERT(wait_for(&b, POOL_REGISTERED, 2)->renewed);
    CU_ASSERT_EQUAL(b.got[ASAP_REGISTRATION], 3);
    pool_registration_end(r);
    const struct pool_event *e = wait_for(&b, POOL_DEREGISTERED, 1);
    CU_ASSERT_EQUAL(e->result, 0);
    CU_ASSERT_FALSE(e->unasked);
    bench_close(&b);
}

static void a_refusal_is_told_and_not_repeated(void)
{
    struct bench b;
    bench_open(&b);
    b.refuse = true;
    register_one(&b, 10);
    const struct pool_event *e = wait_for(&b, POOL_REFUSED, 1);
    CU_ASSERT_EQUAL(e->result, ERR_POLICY);
    CU_ASSERT_EQUAL(e->cause, WIRE_CAUSE_INCONSISTENT_POLICY);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, pool(), 0, on_resolved, &b), 0);
    run(&b);
    CU_ASSERT_EQUAL(b.got[ASAP_REGISTRATION], 1);
    bench_close(&b);
}

static void a_refused_element_that_is_changed_while_alone_is_tried_again(void)
{
    struct bench b;
    bench_open(&b);
    b.refuse = true;
    struct pool_registration *r = register_one(&b, 0);
    wait_for(&b, POOL_REFUSED, 1);
    uint16_t port = endpoint_port(b.registrar);
    endpoint_close(b.registrar);
    wait_for(&b, POOL_DISCONNECTED, 1);
    pool_registration_update(r, &(struct wire_policy){.type = POLICY_RR});
    b.refuse = false;
    listen_anew(&b, port);
    wait_for(&b, POOL_REGISTERED, 1);
    bench_close(&b);
}

static void what_is_asked_when_the_connection_comes_is_sent_once(void)
{
    struct bench b;
    bench_open(&b);
    b.asks_when_connected = true;
    run(&b); /* until it is resolved */
    CU_ASSERT_EQUAL(pool_client_report(b.client, pool(), 1), 0);
    run(&b); /* the registrar has read all that was sent before */
    CU_ASSERT_EQUAL(b.got[ASAP_REGISTRATION], 1);
    CU_ASSERT_EQUAL(b.got[ASAP_HANDLE_RESOLUTION], 1);
    bench_close(&b);
}

static void keep_alives_are_answered_if_they_are_for_this_element(void)
{
    struct bench b;
    bench_open(&b);
    register_one(&b, 0);
    wait_for(&b, POOL_REGISTERED, 1);
    struct wire_message m = {.type = ASAP_ENDPOINT_KEEP_ALIVE,
                             .flags = ASAP_FLAG_HOME,
                             .registrar = 0xabcd,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
                             .pool_handle = octets_of("Other", 5),
                             .pe_identifier = 0x10};
    answer(&b, &m); /* another pool */
    m.pool_handle = pool();
    m.pe_identifier = 0x11;
    answer(&b, &m); /* another element */
    m.present = WIRE_HAS_POOL_HANDLE;
    answer(&b, &m); /* as RFC 5352 has it, for the pool */
    run(&b);
    CU_ASSERT_EQUAL(b.got[ASAP_ENDPOINT_KEEP_ALIVE_ACK], 1);
    CU_ASSERT_EQUAL(pool_client_home(b.client), 0xabcd);
    bench_close(&b);
}

static void what_is_not_answered_is_sent_again_then_the_registrar_is_given_up(void)
{
    struct bench b;
    bench_open(&b);
    b.mute = 1;
    register_one(&b, 0);
    wait_for(&b, POOL_REGISTERED, 1);
    CU_ASSERT_EQUAL(b.got[ASAP_REGISTRATION], 2);
    b.mute = 2;
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, pool(), 0, on_resolved, &b), 0);
    run(&b);
    CU_ASSERT_EQUAL(b.resolution.result, ERR_TIMEOUT);
    CU_ASSERT_EQUAL(b.got[ASAP_HANDLE_RESOLUTION], 2);
    CU_ASSERT_EQUAL(wait_for(&b, POOL_DISCONNECTED, 1)->result, ERR_TIMEOUT);
    CU_ASSERT(wait_for(&b, POOL_REGISTERED, 1)->renewed);
    bench_close(&b);
}

static void a_registrar_that_comes_back_gets_the_registration_again(void)
{
    struct bench b;
    bench_open(&b);
    register_one(&b, 0);
    wait_for(&b, POOL_REGISTERED, 1);
    uint16_t port = endpoint_port(b.registrar);
    endpoint_close(b.registrar);
    CU_ASSERT_NOT_EQUAL(wait_for(&b, POOL_DISCONNECTED, 2)->result, 0); /* lost, and once in vain */
    listen_anew(&b, port);
    CU_ASSERT(wait_for(&b, POOL_REGISTERED, 1)->renewed);
    bench_close(&b);
}

static void a_user_resolves_and_reports(void)
{
    struct bench b;
    bench_open(&b);
    CU_ASSERT_EQUAL(pool_client_report(b.client, pool(), 1), ERR_CLOSED);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, pool(), 3, on_resolved, &b),
                    0); /* before it is connected */
    run(&b);
    CU_ASSERT_EQUAL(b.resolution.result, 0);
    CU_ASSERT_EQUAL(b.resolution.policy_type, POLICY_LU);
    CU_ASSERT_EQUAL(b.elements, 3);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, octets_of("?", 1), 0, on_resolved, &b), 0);
    run(&b);
    CU_ASSERT_EQUAL(b.resolution.result, ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(b.resolution.cause, WIRE_CAUSE_UNKNOWN_POOL_HANDLE);
    CU_ASSERT_EQUAL(pool_client_report(b.client, pool(), 1), 0);
    run(&b);
    CU_ASSERT_EQUAL(b.got[ASAP_ENDPOINT_UNREACHABLE], 1);
    CU_ASSERT_EQUAL(b.resolved, 2);
    bench_close(&b);
}

static void a_handle_that_no_message_can_carry_is_refused_at_once(void)
{
    static const uint8_t large[70000];
    struct bench b;
    bench_open(&b);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, octets_of(large, sizeof large), 0, on_resolved, &b),
                    ERR_ARGUMENT);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, octets_of(large, 0), 0, on_resolved, &b), ERR_ARGUMENT);
    bench_close(&b);
}

static void a_handle_on_the_command_line_has_escapes_of_two_digits(void)
{
    static const struct {
        const char *text, *handle;
    } rows[] = {{"a\\x41\\xfFb", "aA\xff"
                                 "b"},
                {"\\x4g", "\\x4g"},
                {"\\x 41", "\\x 41"},
                {"\\x4", "\\x4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t handle[TOOL_HANDLE_MAX];
        size_t length = 0;
        char why[TOOL_WHY];
        CU_ASSERT(tool_read_handle(rows[i].text, handle, &length, why));
        CU_ASSERT(octets_equal(octets_of(handle, length), octets_of(rows[i].handle, strlen(rows[i].handle))));
    }
}

static void rubbish_from_the_registrar_is_told_and_survived(void)
{
    static const uint8_t rubbish[] = {ASAP_REGISTRATION_RESPONSE, 0, 0, 8, 1, 2, 3, 4};
    struct bench b;
    bench_open(&b);
    register_one(&b, 0);
    wait_for(&b, POOL_REGISTERED, 1);
    CU_ASSERT_EQUAL(channel_send(b.channel, WIRE_PPID_ASAP, octets_of(rubbish, sizeof rubbish)), 0);
    CU_ASSERT_EQUAL(wait_for(&b, POOL_ERROR, 1)->result, ERR_MALFORMED);
    CU_ASSERT_EQUAL(pool_client_resolve(b.client, pool(), 0, on_resolved, &b), 0);
    run(&b);
    CU_ASSERT_EQUAL(b.resolution.result, 0);
    bench_close(&b);
}

static const struct unit_test tests[] = {
#define T(f)                                                                                                 \
    {                                                                                                        \
#f, f                                                                                                \
    }
    T(an_element_registers_renews_and_deregisters),
    T(a_refusal_is_told_and_not_repeated),
    T(a_refused_element_that_is_changed_while_alone_is_tried_again),
    T(what_is_asked_when_the_connection_comes_is_sent_once),
    T(keep_alives_are_answered_if_they_are_for_this_element),
    T(what_is_not_answered_is_sent_again_then_the_registrar_is_given_up),
    T(a_registrar_that_comes_back_gets_the_registration_again),
    T(a_user_resolves_and_reports),
    T(a_handle_that_no_message_can_carry_is_refused_at_once),
    T(a_handle_on_the_command_line_has_escapes_of_two_digits),
    T(rubbish_from_the_registrar_is_told_and_survived),
};

UNIT_MAIN("endpoint", tests)
