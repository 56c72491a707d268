/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport over kernel SCTP: hosts are network namespaces h1..h3 on two segments (net.sh), and one
 * process lives in all of them, for a socket stays in the namespace where it was made. Run by
 * transport_test.sh. */
#include "base/clock.h"
#include "base/error.h"
#include "tests/unit/unit.h"
#include "transport/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/sctp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 20000, PPID = 11, PORT = 3863 };

struct seen {
    unsigned opened, closed, messages, paths_down, paths_up;
    int reason;
    uint32_t ppid;
    size_t length;
    uint8_t last[70000];
    struct channel *channel;
    struct address path;
    void (*answer)(struct channel *c, uint32_t ppid, struct octets m);
};

/* --- the world
 * --------------------------------------------------------------------------------------------------- */

static struct event_base *base;
static struct transport *transport;
static struct seen server, client;
static struct endpoint *endpoint;

static void enter(int host)
{
    char path[32];
    snprintf(path, sizeof path, "/run/netns/h%d", host);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
    close(fd);
}

/* In the namespace of the first process, where the segments' ends of all cables are. */
static void shell(const char *command)
{
    int fd = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
    CU_ASSERT_FATAL(fd >= 0 && setns(fd, CLONE_NEWNET) == 0);
    close(fd);
    CU_ASSERT_EQUAL(system(command), 0);
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static struct address address(const char *text)
{
    struct address a;
    CU_ASSERT_FATAL(address_parse(text, &a));
    return a;
}

static void on_opened(void *context, struct channel *c)
{
    struct seen *s = context;
    s->opened++;
    s->channel = c;
}

static void on_message(void *context, struct channel *c, uint32_t ppid, struct octets m)
{
    struct seen *s = context;
    s->messages++;
    s->ppid = ppid;
    s->length = m.length;
    memcpy(s->last, m.data, m.length);
    if (s->answer)
        s->answer(c, ppid, m);
}

static void on_closed(void *context, struct channel *c, int reason)
{
    struct seen *s = context;
    (void)c;
    s->closed++;
    s->reason = reason;
}

static void on_path(void *context, struct channel *c, const struct address *peer, bool reachable)
{
    struct seen *s = context;
    (void)c;
    s->path = *peer;
    if (reachable)
        s->paths_up++;
    else
        s->paths_down++;
}

static struct transport_handler handler_of(struct seen *s)
{
    return (struct transport_handler){
        .context = s, .opened = on_opened, .message = on_message, .closed = on_closed, .path = on_path};
}

#define WAIT_FOR(condition)                                                                                  \
    do {                                                                                                     \
        uint64_t end_ = clock_ms() + PATIENCE_MS;                                                            \
        while (!(condition) && clock_ms() < end_)                                                            \
            event_base_loop(base, EVLOOP_ONCE);                                                              \
        CU_ASSERT(condition);                                                                                \
    } while (0)

static struct event *tick;

static void begin(void)
{
    const struct timeval every = {.tv_usec = 50000};
    base = event_base_new();
    tick = event_new(base, -1, EV_PERSIST, nothing, NULL);
    event_add(tick, &every);
    transport = transport_new(base);
    memset(&server, 0, sizeof server);
    memset(&client, 0, sizeof client);
}

static void end(void)
{
    transport_free(transport);
    event_free(tick);
    event_base_free(base);
}

static void echo(struct channel *c, uint32_t ppid, struct octets m)
{
    CU_ASSERT_EQUAL(channel_send(c, ppid, m), ERR_OK);
}

static void listen_on_h1(struct endpoint_options o)
{
    int error = 0;
    char detail[128];
    begin();
    enter(1);
    o.kind = TRANSPORT_SCTP;
    o.port = PORT;
    o.stay = true;
    o.handler = handler_of(&server);
    server.answer = echo;
    endpoint = transport_listen(transport, &o, &error, detail);
    CU_ASSERT_STRING_EQUAL(detail, "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(endpoint);
    CU_ASSERT_EQUAL(endpoint_port(endpoint), PORT);
}

static struct channel *dial(struct seen *s, const char *to)
{
    struct transport_handler handler = handler_of(s);
    struct address peer = address(to);
    int error = 0;
    enter(2);
    struct channel *c = transport_connect(transport, TRANSPORT_SCTP, &peer, 1, PORT, &handler, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    return c;
}

static bool has(const struct channel *c, const char *text)
{
    struct address a = address(text);
    return channel_has_peer(c, &a);
}

/* --- tests
 * ------------------------------------------------------------------------------------------------------- */

static void an_association_knows_all_addresses_of_both_ends(void)
{
    char text[ADDRESS_TEXT_MAX + 8];
    struct address local[16];
    listen_on_h1((struct endpoint_options){0});
    struct channel *c = dial(&client, "10.1.0.1");
    CU_ASSERT_EQUAL(client.opened, 0);
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    CU_ASSERT(has(c, "10.1.0.1") && has(c, "10.2.0.1") && has(c, "fd00:1::1") && has(c, "fd00:2::1"));
    CU_ASSERT(has(server.channel, "10.1.0.2") && has(server.channel, "10.2.0.2"));
    CU_ASSERT(!has(server.channel, "10.1.0.1"));
    CU_ASSERT_STRING_EQUAL(channel_describe(c, text), "sctp 10.1.0.1:3863");
    enter(1);
    CU_ASSERT_EQUAL(endpoint_addresses(endpoint, local, 16), 4);
    end();
}

static void messages_of_all_lengths_pass_both_ways(void)
{
    static const size_t lengths[] = {1, 4, 1400, 1500, 9000, 65535, 65536};
    static uint8_t m[65536];
    listen_on_h1((struct endpoint_options){0});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        memset(m, (int)i + 1, lengths[i]);
        CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, lengths[i])), ERR_OK);
        WAIT_FOR(client.messages == i + 1);
        CU_ASSERT_EQUAL(server.ppid, PPID);
        CU_ASSERT_EQUAL(client.ppid, PPID);
        CU_ASSERT_EQUAL(client.length, lengths[i]);
        CU_ASSERT(memcmp(client.last, m, lengths[i]) == 0);
    }
    end();
}

static void a_message_over_the_limit_is_dropped_and_the_next_arrives(void)
{
    static uint8_t m[65536];
    listen_on_h1((struct endpoint_options){.max_message = 2000});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, 2001)), ERR_OK);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, sizeof m)), ERR_OK);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, 2000)), ERR_OK);
    WAIT_FOR(client.messages == 1);
    CU_ASSERT_EQUAL(client.length, 2000);
    CU_ASSERT_EQUAL(transport_statistics(transport)->messages_too_long, 2);
    end();
}

/* A message longer than the kernel hands out at once: it comes in pieces. */
static void a_message_longer_than_a_receive_slot_is_put_together(void)
{
    static uint8_t m[70000];
    listen_on_h1((struct endpoint_options){.max_message = 70000});
    server.answer = NULL;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    for (size_t i = 0; i < sizeof m; i++)
        m[i] = (uint8_t)(i * 7);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, sizeof m)), ERR_OK);
    CU_ASSERT_EQUAL(channel_send(c, PPID + 1, octets_of(m, sizeof m)), ERR_OK);
    WAIT_FOR(server.messages == 2);
    CU_ASSERT_EQUAL(server.ppid, PPID + 1);
    CU_ASSERT(server.length == sizeof m && memcmp(server.last, m, sizeof m) == 0);
    end();
}

static void a_cut_path_is_told_and_messages_go_the_other_way(void)
{
    const uint8_t m[] = "still here";
    struct address first = address("10.1.0.1");
    listen_on_h1((struct endpoint_options){0});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1 && client.paths_up >= 1);
    shell("ip -n h1 link set eth0 down");
    unsigned sent = 0;
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    while (client.paths_down == 0 && clock_ms() < end_ms) {
        CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(m, sizeof m)), ERR_OK);
        sent++;
        WAIT_FOR(client.messages == sent);
    }
    CU_ASSERT(client.paths_down >= 1);
    CU_ASSERT(transport_statistics(transport)->paths_lost >= 1);
    CU_ASSERT(client.closed == 0 && server.closed == 0);
    unsigned up = client.paths_up;
    shell("ip -n h1 link set eth0 up");
    shell("ip -n h1 addr replace fd00:1::1/64 dev eth0 nodad; ip -n h1 route replace 239.0.0.0/8 dev eth0");
    WAIT_FOR(client.paths_up > up && address_equal(&client.path, &first));
    end();
}

static void chosen_addresses_alone_are_bound_and_told(void)
{
    const struct address second = address("10.2.0.1");
    listen_on_h1((struct endpoint_options){.addresses = &second, .n_addresses = 1});
    dial(&client, "10.1.0.1");
    WAIT_FOR(client.closed == 1);
    CU_ASSERT(client.opened == 0 && client.reason == ERR_CLOSED);
    struct channel *c = dial(&client, "10.2.0.1");
    WAIT_FOR(client.opened == 1);
    struct address peers[8];
    uint16_t port = 0;
    CU_ASSERT_EQUAL(channel_peers(c, peers, 8, &port), 1);
    CU_ASSERT(address_equal(&peers[0], &second) && port == PORT);
    end();
}

static void several_chosen_addresses_make_a_multi_homed_endpoint(void)
{
    const struct address two[] = {address("10.2.0.1"), address("10.1.0.1")};
    struct address peers[8];
    listen_on_h1((struct endpoint_options){.addresses = two, .n_addresses = 2});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    CU_ASSERT_EQUAL(channel_peers(c, peers, 8, NULL), 2);
    CU_ASSERT(has(c, "10.1.0.1") && has(c, "10.2.0.1"));
    end();
}

static void what_cannot_be_bound_is_told_with_its_place(void)
{
    const struct address mine = address("10.1.0.1"), foreign = address("10.1.0.77");
    struct endpoint_options o = {.kind = TRANSPORT_SCTP,
                                 .addresses = &mine,
                                 .n_addresses = 1,
                                 .port = PORT,
                                 .handler = handler_of(&server)};
    char detail[128];
    int error = 0;
    listen_on_h1((struct endpoint_options){0});
    CU_ASSERT_PTR_NULL(transport_listen(transport, &o, &error, detail));
    CU_ASSERT_EQUAL(error, ERR_ADDRESS_IN_USE);
    CU_ASSERT_STRING_EQUAL(detail, "bind 10.1.0.1:3863: Address already in use");
    o.addresses = &foreign;
    o.port = PORT + 1;
    CU_ASSERT_PTR_NULL(transport_listen(transport, &o, &error, detail));
    CU_ASSERT_EQUAL(error, ERR_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(detail, "bind 10.1.0.77:3864: Cannot assign requested address");
    end();
}

static void an_orderly_end_is_seen_by_both_ends(void)
{
    listen_on_h1((struct endpoint_options){0});
    server.answer = NULL;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    uint64_t number = channel_number(c);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("last", 4)), ERR_OK);
    channel_close(c);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("more", 4)), ERR_CLOSED);
    WAIT_FOR(client.closed == 1 && server.closed == 1);
    CU_ASSERT(client.reason == 0 && server.reason == 0 && server.messages == 1);
    CU_ASSERT_PTR_NULL(transport_find(transport, number));
    c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 2);
    endpoint_close(endpoint);
    CU_ASSERT_EQUAL(server.closed, 2);
    WAIT_FOR(client.closed == 2);
    CU_ASSERT(client.reason == 0);
    CU_ASSERT_EQUAL(transport_channels(transport), 0);
    end();
}

static void close_it(struct channel *c, uint32_t ppid, struct octets m)
{
    CU_ASSERT_EQUAL(channel_send(c, ppid, m), ERR_OK);
    channel_close(c);
}

static void a_channel_closed_in_its_message_still_answers_and_gets_no_more(void)
{
    listen_on_h1((struct endpoint_options){0});
    server.answer = close_it;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    for (int i = 0; i < 5; i++)
        channel_send(c, PPID, octets_of("once", 4));
    WAIT_FOR(client.closed == 1 && server.closed == 1);
    CU_ASSERT_EQUAL(server.messages, 1);
    CU_ASSERT_EQUAL(client.messages, 1);
    CU_ASSERT_EQUAL(server.reason, 0);
    end();
}

static void answer_in_vain(struct channel *c, uint32_t ppid, struct octets m)
{
    channel_send(c, ppid, m);
}

/* SCTP has no half-closed state: what a peer asks right before its end can't be answered any more. */
static void an_answer_that_comes_after_the_end_of_the_peer_does_no_harm(void)
{
    listen_on_h1((struct endpoint_options){0});
    server.answer = answer_in_vain;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("well?", 5)), ERR_OK);
    channel_close(c);
    WAIT_FOR(client.closed == 1 && server.closed == 1);
    CU_ASSERT(client.reason == 0 && server.reason == 0);
    end();
}

/* A process in h2 with an association to h1, by the plain socket interface; it sends `requests` messages and
 * never reads. */
static pid_t raw_peer(unsigned requests)
{
    int ready[2];
    char octet;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_storage sa;
        struct address peer;
        int small = 4096;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        address_parse("10.1.0.1", &peer);
        socklen_t length = address_to_sockaddr(&peer, PORT, false, &sa);
        enter(2);
        int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
        if (connect(fd, (struct sockaddr *)&sa, length) != 0)
            _exit(1);
        for (unsigned i = 0; i < requests; i++)
            if (sctp_sendmsg(fd, "give", 4, NULL, 0, htonl(PPID), 0, 0, 0, 0) < 0)
                _exit(2);
        if (write(ready[1], "x", 1) != 1)
            _exit(3);
        for (;;)
            pause();
    }
    close(ready[1]);
    struct pollfd wait = {.fd = ready[0], .events = POLLIN};
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    while (poll(&wait, 1, 0) == 0 && clock_ms() < end_ms)
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(read(ready[0], &octet, 1), 1);
    close(ready[0]);
    return pid;
}

static void end_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void the_association_of_a_killed_peer_closes(void)
{
    listen_on_h1((struct endpoint_options){0});
    pid_t pid = raw_peer(1);
    WAIT_FOR(server.opened == 1 && server.messages == 1);
    end_process(pid);
    WAIT_FOR(server.closed == 1);
    CU_ASSERT_EQUAL(transport_channels(transport), 0);
    end();
}

static void the_association_of_a_silent_host_closes_by_time(void)
{
    listen_on_h1((struct endpoint_options){0});
    dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    shell("ip link set v2.1 down; ip link set v2.2 down");
    CU_ASSERT_EQUAL(channel_send(server.channel, PPID, octets_of("hello", 5)), ERR_OK);
    WAIT_FOR(server.closed == 1);
    CU_ASSERT_EQUAL(server.reason, ERR_TIMEOUT);
    WAIT_FOR(transport_statistics(transport)->messages_undelivered == 1);
    shell("ip link set v2.1 up; ip link set v2.2 up");
    end();
}

static void one_association_above_the_limit_is_refused(void)
{
    static struct seen second;
    memset(&second, 0, sizeof second);
    listen_on_h1((struct endpoint_options){.max_channels = 1});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    dial(&second, "10.1.0.1");
    WAIT_FOR(second.closed == 1);
    CU_ASSERT_EQUAL(second.reason, ERR_CLOSED);
    CU_ASSERT_EQUAL(server.opened, 1);
    CU_ASSERT_EQUAL(transport_statistics(transport)->channels_refused, 1);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("first", 5)), ERR_OK);
    WAIT_FOR(client.messages == 1);
    end();
}

static void one_address_gets_its_share_of_the_associations_only(void)
{
    static struct seen second;
    memset(&second, 0, sizeof second);
    listen_on_h1((struct endpoint_options){.max_per_peer = 1});
    dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    dial(&second, "10.1.0.1");
    WAIT_FOR(second.closed == 1);
    CU_ASSERT_EQUAL(server.opened, 1);
    CU_ASSERT_EQUAL(server.closed, 0);
    CU_ASSERT_EQUAL(transport_statistics(transport)->channels_refused, 1);
    end();
}

static void an_association_that_never_speaks_is_ended_and_one_that_spoke_is_not(void)
{
    static struct seen second;
    memset(&second, 0, sizeof second);
    listen_on_h1((struct endpoint_options){.silent_ms = 500});
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("here", 4)), ERR_OK);
    dial(&second, "10.1.0.1");
    WAIT_FOR(second.opened == 1);
    WAIT_FOR(second.closed == 1);
    CU_ASSERT_EQUAL(server.closed, 1);
    CU_ASSERT_EQUAL(client.closed, 0);
    CU_ASSERT_EQUAL(transport_statistics(transport)->channels_silent, 1);
    end();
}

static uint32_t in_order;

static void count_in_order(struct channel *c, uint32_t ppid, struct octets m)
{
    (void)c, (void)ppid;
    in_order += m.length >= 4 && octets_load32(m.data) == in_order;
}

/* The answers to what one read brings leave by one call; those that are too much for it, by others. */
static void answers_to_many_messages_at_once_come_whole_and_in_order(void)
{
    enum { MESSAGES = 120 };
    static uint8_t one[20000];
    in_order = 0;
    listen_on_h1((struct endpoint_options){0});
    client.answer = count_in_order;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        octets_store32(one, i);
        CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of(one, i % 10 == 9 ? sizeof one : 100)), ERR_OK);
    }
    WAIT_FOR(client.messages == MESSAGES);
    CU_ASSERT_EQUAL(in_order, MESSAGES);
    end();
}

static void give_much(struct channel *c, uint32_t ppid, struct octets m)
{
    static const uint8_t much[8000];
    if (memcmp(m.data, "give", 4) != 0)
        channel_send(c, ppid, m);
    else
        for (int i = 0; i < 10; i++)
            channel_send(c, ppid, octets_of(much, sizeof much));
}

/* More slow readers than there are shares of the kernel's buffer: some wait below their limit, and hold all
 * of it. */
static void slow_readers_never_stop_the_others(void)
{
    enum { SLOW = 12 };
    pid_t slow[SLOW];
    listen_on_h1((struct endpoint_options){.max_queued = 200000});
    server.answer = give_much;
    struct channel *c = dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1);
    for (int i = 0; i < SLOW; i++)
        slow[i] = raw_peer(i % 2 ? 20 : 5); /* over the limit of the queue, and below it */
    WAIT_FOR(server.closed >= SLOW / 2);
    CU_ASSERT_EQUAL(server.reason, ERR_LIMIT);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t sent = clock_ms();
        CU_ASSERT_EQUAL(channel_send(c, PPID, octets_of("ping", 4)), ERR_OK);
        WAIT_FOR(client.messages == i + 1);
        CU_ASSERT(clock_ms() - sent < 5000);
    }
    CU_ASSERT_EQUAL(client.closed, 0);
    CU_ASSERT(transport_statistics(transport)->queues_overflowed >= SLOW / 2);
    for (int i = 0; i < SLOW; i++)
        end_process(slow[i]);
    end();
}

/* Much more than the kernel's buffer, to a peer that reads: all of it arrives, in order, by the queue. */
static void a_long_series_arrives_whole_and_in_order(void)
{
    enum { MESSAGES = 3000, LENGTH = 1000 };
    uint8_t m[LENGTH] = {0};
    listen_on_h1((struct endpoint_options){.max_queued = 8 << 20});
    server.answer = NULL;
    dial(&client, "10.1.0.1");
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    for (uint32_t i = 0; i < MESSAGES; i++) {
        octets_store32(m, i);
        CU_ASSERT_EQUAL_FATAL(channel_send(server.channel, PPID, octets_of(m, LENGTH)), ERR_OK);
    }
    while (client.messages < MESSAGES) {
        unsigned before = client.messages;
        WAIT_FOR(client.messages > before);
        if (client.messages == before)
            break;
        CU_ASSERT_EQUAL(octets_load32(client.last), client.messages - 1);
    }
    CU_ASSERT_EQUAL(client.messages, MESSAGES);
    CU_ASSERT_EQUAL(client.closed + server.closed, 0);
    end();
}

/* --- announces
 * --------------------------------------------------------------------------------------------------- */

struct heard {
    unsigned count;
    struct address from[4];
    uint16_t port;
};

static void hear(void *context, const struct address *from, uint16_t port, struct octets m)
{
    struct heard *h = context;
    CU_ASSERT(m.length == 5 && memcmp(m.data, "hello", 5) == 0);
    h->from[h->count++ % 4] = *from;
    h->port = port;
}

static void announce(const char *group, const char *first, const char *second)
{
    struct announcer_options o = {.group = address(group), .group_port = PORT, .source_port = PORT};
    struct heard heard = {0};
    int error = 0;
    char detail[128];
    begin();
    enter(1);
    struct announcer *sender = announcer_new(base, &o, &error, detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sender);
    enter(2);
    o.listen = true;
    o.context = &heard;
    o.received = hear;
    struct announcer *listener = announcer_new(base, &o, &error, detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    enter(1);
    CU_ASSERT_EQUAL(announcer_send(sender, octets_of("hello", 5)), 2);
    WAIT_FOR(heard.count == 2);
    CU_ASSERT_EQUAL(heard.port, PORT);
    struct address a = address(first), b = address(second);
    CU_ASSERT(address_equal(&heard.from[0], &a) || address_equal(&heard.from[1], &a));
    CU_ASSERT(address_equal(&heard.from[0], &b) || address_equal(&heard.from[1], &b));
    shell("ip -n h1 link set eth1 down");
    enter(1); /* interfaces are looked up where the process is */
    CU_ASSERT_EQUAL(announcer_send(sender, octets_of("hello", 5)), 1);
    WAIT_FOR(heard.count == 3);
    shell("ip -n h1 link set eth1 up; ip -n h1 addr replace fd00:2::1/64 dev eth1 nodad");
    enter(1);
    uint64_t end_ms = clock_ms() + PATIENCE_MS;
    while (announcer_send(sender, octets_of("hello", 5)) < 2 &&
           clock_ms() < end_ms) /* the carrier comes back */
        event_base_loop(base, EVLOOP_ONCE);
    CU_ASSERT(clock_ms() < end_ms);
    announcer_free(sender);
    announcer_free(listener);
    end();
}

static void announces_leave_by_each_interface_with_its_address(void)
{
    announce("239.0.0.50", "10.1.0.1", "10.2.0.1");
}

static void announces_work_over_ipv6(void)
{
    announce("ff05::50", "fd00:1::1", "fd00:2::1");
}

/* The peer loses its memory and comes back with the same address and port. Last, for h3 is gone afterwards.
 */
static void a_restarted_peer_is_another_channel(void)
{
    const struct address any = address("10.1.0.3");
    struct address peer = address("10.1.0.1");
    struct endpoint_options o = {.kind = TRANSPORT_SCTP,
                                 .addresses = &any,
                                 .n_addresses = 1,
                                 .port = 5000,
                                 .handler = handler_of(&client)};
    int error = 0;
    listen_on_h1((struct endpoint_options){0});
    enter(3);
    struct endpoint *e = transport_listen(transport, &o, &error, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(endpoint_connect(e, &peer, 1, PORT, &error));
    WAIT_FOR(client.opened == 1 && server.opened == 1);
    uint64_t number = channel_number(server.channel);
    /* A host that loses its power says no goodbye. */
    shell("ip link set v3.1 down");
    endpoint_close(e);
    shell("ip -n h3 link set eth0 netns h2 name old0; ip netns add h4");
    shell("ip -n h2 link set old0 netns h4 name eth0; ip -n h4 link set eth0 up; ip link set v3.1 up");
    shell("ip -n h4 addr add 10.1.0.3/24 dev eth0");
    enter(4);
    e = transport_listen(transport, &o, &error, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(e);
    CU_ASSERT_PTR_NOT_NULL_FATAL(endpoint_connect(e, &peer, 1, PORT, &error));
    WAIT_FOR(client.opened == 2 && server.opened == 2 && server.closed == 1);
    CU_ASSERT_EQUAL(server.reason, ERR_CLOSED);
    CU_ASSERT(channel_number(server.channel) != number);
    CU_ASSERT_EQUAL(channel_send(server.channel, PPID, octets_of("again", 5)), ERR_OK);
    WAIT_FOR(client.messages == 1);
    end();
}

static const struct unit_test tests[] = {
    {"an association knows all addresses of both ends", an_association_knows_all_addresses_of_both_ends},
    {"messages of all lengths pass both ways", messages_of_all_lengths_pass_both_ways},
    {"a message over the limit is dropped and the next arrives",
     a_message_over_the_limit_is_dropped_and_the_next_arrives},
    {"a message longer than a receive slot is put together",
     a_message_longer_than_a_receive_slot_is_put_together},
    {"a cut path is told and messages go the other way", a_cut_path_is_told_and_messages_go_the_other_way},
    {"chosen addresses alone are bound and told", chosen_addresses_alone_are_bound_and_told},
    {"several chosen addresses make a multi-homed endpoint",
     several_chosen_addresses_make_a_multi_homed_endpoint},
    {"what cannot be bound is told with its place", what_cannot_be_bound_is_told_with_its_place},
    {"an orderly end is seen by both ends", an_orderly_end_is_seen_by_both_ends},
    {"a channel closed in its message still answers and gets no more",
     a_channel_closed_in_its_message_still_answers_and_gets_no_more},
    {"an answer that comes after the end of the peer does no harm",
     an_answer_that_comes_after_the_end_of_the_peer_does_no_harm},
    {"the association of a killed peer closes", the_association_of_a_killed_peer_closes},
    {"the association of a silent host closes by time", the_association_of_a_silent_host_closes_by_time},
    {"one address gets its share of the associations only",
     one_address_gets_its_share_of_the_associations_only},
    {"an association that never speaks is ended, and one that spoke is not",
     an_association_that_never_speaks_is_ended_and_one_that_spoke_is_not},
    {"answers to many messages at once come whole and in order",
     answers_to_many_messages_at_once_come_whole_and_in_order},
    {"one association above the limit is refused", one_association_above_the_limit_is_refused},
    {"a long series arrives whole and in order", a_long_series_arrives_whole_and_in_order},
    {"slow readers never stop the others", slow_readers_never_stop_the_others},
    {"announces leave by each interface with its address",
     announces_leave_by_each_interface_with_its_address},
    {"announces work over IPv6", announces_work_over_ipv6},
    {"a restarted peer is another channel", a_restarted_peer_is_another_channel},
};
UNIT_MAIN("transport over SCTP", tests)
