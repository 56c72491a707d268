/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport over loopback: TCP as a hostile peer sees it, through plain sockets; announces; and the life
 * of channels. SCTP has its own tests under a kernel that has it (tests/sctp). */
#include "base/clock.h"
#include "base/error.h"
#include "tests/unit/unit.h"
#include "transport/channel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, HEADER = 4 };

/* --- a server that records what happens to it
 * -------------------------------------------------------------------- */

struct seen {
    unsigned opened, closed, messages;
    int reason;          /* of the last close */
    size_t octets;       /* of all messages */
    uint8_t last[65536]; /* the last message */
    size_t last_length;
    uint64_t last_number; /* of the channel opened last */
    struct channel *channel;
    void (*answer)(struct seen *s, struct channel *c, struct octets message);
    struct endpoint *endpoint;
};

struct host {
    struct event_base *base;
    struct event *tick;
    struct transport *transport;
    struct endpoint *endpoint;
    struct seen seen;
};

static void opened(void *context, struct channel *c)
{
    struct seen *s = context;
    s->opened++;
    s->channel = c;
    s->last_number = channel_number(c);
}

static void message(void *context, struct channel *c, uint32_t ppid, struct octets m)
{
    struct seen *s = context;
    CU_ASSERT_EQUAL(ppid, 0);
    s->messages++;
    s->octets += m.length;
    s->last_length = m.length;
    memcpy(s->last, m.data, m.length < sizeof s->last ? m.length : sizeof s->last);
    if (s->answer)
        s->answer(s, c, m);
    /* Borrowed until return, whatever the answer did to the channel. */
    CU_ASSERT(memcmp(s->last, m.data, m.length) == 0);
}

static void closed(void *context, struct channel *c, int reason)
{
    struct seen *s = context;
    char text[ADDRESS_TEXT_MAX + 8];
    CU_ASSERT(strncmp(channel_describe(c, text), "tcp ", 4) == 0);
    CU_ASSERT_EQUAL(channel_send(c, 0, octets_of("abcd", 4)), ERR_CLOSED);
    s->closed++;
    s->reason = reason;
}

/* Type, flags, length as in RFC 5354, padded to four. */
static int frame(const uint8_t *data, size_t available)
{
    if (available < HEADER)
        return 0;
    int length = octets_load16(data + 2);
    return length < HEADER ? -1 : (length + 3) & ~3;
}

static const struct address local4 = {4, {127, 0, 0, 1}};
static const struct address local6 = {6, {[15] = 1}};

static void tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static struct transport_handler handler_of(struct seen *s)
{
    return (struct transport_handler){
        .context = s, .opened = opened, .message = message, .closed = closed, .frame = frame};
}

static void host_new(struct host *h)
{
    const struct timeval every = {.tv_usec = 20000};
    memset(h, 0, sizeof *h);
    h->base = event_base_new();
    h->tick = event_new(h->base, -1, EV_PERSIST, tick, NULL);
    event_add(h->tick, &every);
    h->transport = transport_new(h->base);
}

/* A TCP endpoint on 127.0.0.1 with the defaults of o. */
static void host_listen(struct host *h, struct endpoint_options o)
{
    int error = 0;
    char detail[128];
    host_new(h);
    o.kind = TRANSPORT_TCP;
    o.handler = handler_of(&h->seen);
    if (!o.addresses) {
        o.addresses = &local4;
        o.n_addresses = 1;
    }
    h->endpoint = h->seen.endpoint = transport_listen(h->transport, &o, &error, detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h->endpoint);
    CU_ASSERT(endpoint_port(h->endpoint) != 0);
}

static void host_free(struct host *h)
{
    transport_free(h->transport);
    event_free(h->tick);
    event_base_free(h->base);
}

#define WAIT_FOR(h, condition)                                                                               \
    do {                                                                                                     \
        uint64_t end_ = clock_ms() + PATIENCE_MS;                                                            \
        while (!(condition) && clock_ms() < end_)                                                            \
            event_base_loop((h)->base, EVLOOP_ONCE);                                                         \
        CU_ASSERT(condition);                                                                                \
    } while (0)

/* Lets the server handle what has arrived; loopback delivers before send() returns. */
static void settle(struct host *h)
{
    for (int i = 0; i < 4; i++)
        event_base_loop(h->base, EVLOOP_NONBLOCK);
}

/* --- a peer
 * ------------------------------------------------------------------------------------------------------ */

static int dial_address(const struct address *a, uint16_t port, int receive_buffer)
{
    struct sockaddr_storage sa;
    socklen_t length = address_to_sockaddr(a, port, false, &sa);
    int fd = socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    if (receive_buffer)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    if (connect(fd, (struct sockaddr *)&sa, length) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int dial(struct host *h)
{
    return dial_address(&local4, endpoint_port(h->endpoint), 0);
}

static size_t make_message(uint8_t *out, size_t length, uint8_t fill)
{
    size_t padded = (length + 3) & ~(size_t)3;
    memset(out, fill, padded);
    out[0] = 1;
    out[1] = 0;
    octets_store16(out + 2, (uint16_t)length);
    return padded;
}

static void put(int fd, const void *data, size_t n)
{
    CU_ASSERT_EQUAL(send(fd, data, n, MSG_NOSIGNAL), (ssize_t)n);
}

/* Reads while the server runs, until n octets came, the end, or patience is over; how many came. */
static size_t get(struct host *h, int fd, uint8_t *out, size_t n)
{
    uint64_t end = clock_ms() + PATIENCE_MS;
    size_t have = 0;
    while (have < n && clock_ms() < end) {
        event_base_loop(h->base, EVLOOP_NONBLOCK);
        ssize_t got = recv(fd, out + have, n - have, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            break;
        if (got > 0)
            have += (size_t)got;
    }
    return have;
}

static bool ended(struct host *h, int fd)
{
    uint8_t octet;
    uint64_t end = clock_ms() + PATIENCE_MS;
    while (clock_ms() < end) {
        event_base_loop(h->base, EVLOOP_NONBLOCK);
        ssize_t got = recv(fd, &octet, 1, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            return true;
    }
    return false;
}

static void answer_same(struct seen *s, struct channel *c, struct octets m)
{
    (void)s;
    CU_ASSERT_EQUAL(channel_send(c, 0, m), ERR_OK);
}

/* --- framing
 * ----------------------------------------------------------------------------------------------------- */

static void messages_survive_a_split_at_every_octet(void)
{
    struct host h;
    uint8_t stream[64];
    size_t n = make_message(stream, 13, 0xa1);
    n += make_message(stream + n, 4, 0);
    n += make_message(stream + n, 20, 0xb2);
    host_listen(&h, (struct endpoint_options){0});
    int fd = dial(&h);
    for (size_t split = 0; split <= n; split++) {
        unsigned before = h.seen.messages;
        size_t octets = h.seen.octets;
        if (split)
            put(fd, stream, split);
        settle(&h);
        if (split < n)
            put(fd, stream + split, n - split);
        WAIT_FOR(&h, h.seen.messages >= before + 3);
        CU_ASSERT_EQUAL(h.seen.messages, before + 3);
        CU_ASSERT_EQUAL(h.seen.octets, octets + n);
        CU_ASSERT_EQUAL(h.seen.last_length, 20);
        CU_ASSERT(memcmp(h.seen.last, stream + n - 20, 20) == 0);
    }
    close(fd);
    WAIT_FOR(&h, h.seen.closed == 1);
    CU_ASSERT_EQUAL(h.seen.reason, 0);
    host_free(&h);
}

static void messages_come_octet_by_octet(void)
{
    struct host h;
    uint8_t stream[1024];
    size_t n = make_message(stream, 1001, 0x5a);
    host_listen(&h, (struct endpoint_options){0});
    int fd = dial(&h);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(h.seen.messages, 0);
        put(fd, stream + i, 1);
        settle(&h);
    }
    WAIT_FOR(&h, h.seen.messages == 1);
    CU_ASSERT(h.seen.last_length == n && memcmp(h.seen.last, stream, n) == 0);
    close(fd);
    host_free(&h);
}

static void the_largest_message_passes_and_a_longer_one_is_skipped(void)
{
    struct host h;
    static uint8_t stream[65536];
    host_listen(&h, (struct endpoint_options){.max_message = 1024});
    int fd = dial(&h);
    put(fd, stream, make_message(stream, 1024, 1));
    WAIT_FOR(&h, h.seen.messages == 1);
    /* Whole, in two pieces, and with its header in two pieces; each time the next message is found. */
    for (size_t split = 0; split < 3; split++) {
        size_t n = make_message(stream, 30000, 2);
        n += make_message(stream + n, 8, 3);
        size_t at = split == 0 ? 0 : split == 1 ? 20000 : 3;
        if (at)
            put(fd, stream, at);
        settle(&h);
        put(fd, stream + at, n - at);
        WAIT_FOR(&h, h.seen.messages == 2 + split);
        CU_ASSERT_EQUAL(h.seen.last_length, 8);
        CU_ASSERT_EQUAL(transport_statistics(h.transport)->messages_too_long, 1 + split);
    }
    CU_ASSERT_EQUAL(h.seen.closed, 0);
    close(fd);
    host_free(&h);
}

static void what_cannot_be_framed_closes_and_is_counted(void)
{
    struct host h;
    static const uint8_t bad[] = {1, 0, 0, 3, 1, 0, 0, 4};
    for (size_t split = 0; split < sizeof bad; split += 2) {
        host_listen(&h, (struct endpoint_options){0});
        int fd = dial(&h);
        if (split)
            put(fd, bad, split);
        settle(&h);
        if (h.seen.closed == 0)
            put(fd, bad + split, sizeof bad - split);
        WAIT_FOR(&h, h.seen.closed == 1);
        CU_ASSERT_EQUAL(h.seen.reason, ERR_MALFORMED);
        CU_ASSERT_EQUAL(h.seen.messages, 0);
        CU_ASSERT_EQUAL(transport_statistics(h.transport)->unframeable, 1);
        CU_ASSERT(ended(&h, fd));
        close(fd);
        host_free(&h);
    }
}

static void a_partial_message_that_does_not_end_costs_its_channel(void)
{
    struct host h;
    uint8_t stream[64];
    size_t n = make_message(stream, 64, 9);
    host_listen(&h, (struct endpoint_options){.idle_ms = 200});
    int idle = dial(&h), whole = dial(&h), slow = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 3);
    put(whole, stream, n);
    WAIT_FOR(&h, h.seen.messages == 1);
    uint64_t begin = clock_ms();
    size_t sent = 0;
    /* An octet now and then does not buy more time. */
    while (h.seen.closed == 0 && sent < n - 1 && clock_ms() < begin + PATIENCE_MS) {
        uint64_t next = clock_ms() + 30;
        put(slow, stream + sent++, 1);
        while (clock_ms() < next && h.seen.closed == 0)
            event_base_loop(h.base, EVLOOP_ONCE);
    }
    CU_ASSERT_EQUAL(h.seen.closed, 1);
    CU_ASSERT_EQUAL(h.seen.reason, ERR_TIMEOUT);
    CU_ASSERT(clock_ms() - begin >= 190);
    CU_ASSERT_EQUAL(transport_channels(h.transport), 2); /* a channel without a partial message may be idle */
    close(idle);
    close(whole);
    close(slow);
    host_free(&h);
}

/* --- slow readers
 * ------------------------------------------------------------------------------------------------ */

static void answer_much(struct seen *s, struct channel *c, struct octets m)
{
    static uint8_t much[60000];
    (void)s;
    if (m.length > HEADER)
        channel_send(c, 0, m);
    else
        channel_send(c, 0, octets_of(much, make_message(much, sizeof much, 7)));
}

static void a_slow_reader_costs_its_own_channel_only(void)
{
    struct host h;
    uint8_t request[HEADER], small[16], back[16];
    make_message(request, HEADER, 0);
    size_t n = make_message(small, sizeof small, 4);
    host_listen(&h, (struct endpoint_options){.max_queued = 300000});
    h.seen.answer = answer_much;
    int slow = dial_address(&local4, endpoint_port(h.endpoint), 4096), good = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 2);
    int requests = 0;
    while (h.seen.closed == 0 && requests++ < 2000) {
        if (send(slow, request, sizeof request, MSG_NOSIGNAL) < 0)
            break;
        settle(&h);
        put(good, small, n);
        CU_ASSERT_EQUAL(get(&h, good, back, n), n);
    }
    WAIT_FOR(&h, h.seen.closed == 1);
    CU_ASSERT_EQUAL(h.seen.reason, ERR_LIMIT);
    CU_ASSERT_EQUAL(transport_statistics(h.transport)->queues_overflowed, 1);
    put(good, small, n);
    CU_ASSERT_EQUAL(get(&h, good, back, n), n);
    CU_ASSERT(memcmp(back, small, n) == 0);
    close(slow);
    close(good);
    host_free(&h);
}

/* More than any kernel buffers for one connection. */
enum { SERIES = 500 };

static size_t series_message(uint8_t *out, unsigned i)
{
    return make_message(out, 36000u + i * 4u, (uint8_t)i);
}

static void answer_series(struct seen *s, struct channel *c, struct octets m)
{
    static uint8_t one[40000];
    (void)s, (void)m;
    for (unsigned i = 0; i < SERIES; i++)
        CU_ASSERT_EQUAL(channel_send(c, 0, octets_of(one, series_message(one, i))), ERR_OK);
}

static void get_series(struct host *h, int fd)
{
    static uint8_t back[40000], expected[40000];
    for (unsigned i = 0; i < SERIES; i++) {
        size_t n = series_message(expected, i);
        CU_ASSERT_EQUAL_FATAL(get(h, fd, back, n), n);
        CU_ASSERT_FATAL(memcmp(back, expected, n) == 0);
    }
}

static void a_reader_that_resumes_gets_everything_in_order(void)
{
    struct host h;
    uint8_t request[HEADER];
    make_message(request, HEADER, 0);
    host_listen(&h, (struct endpoint_options){.max_queued = 32 << 20});
    h.seen.answer = answer_series;
    int fd = dial_address(&local4, endpoint_port(h.endpoint), 4096);
    put(fd, request, sizeof request);
    WAIT_FOR(&h, h.seen.messages == 1);
    settle(&h);
    get_series(&h, fd);
    CU_ASSERT_EQUAL(h.seen.closed, 0);
    CU_ASSERT_EQUAL(transport_statistics(h.transport)->messages_sent, SERIES);
    close(fd);
    host_free(&h);
}

/* --- ends
 * -------------------------------------------------------------------------------------------------------- */

static void answer_and_close(struct seen *s, struct channel *c, struct octets m)
{
    answer_same(s, c, m);
    channel_close(c);
    channel_close(c);
    CU_ASSERT_EQUAL(channel_send(c, 0, m), ERR_CLOSED);
}

static void a_channel_closed_in_its_message_gets_no_more_and_its_answer_arrives(void)
{
    struct host h;
    static uint8_t more[150000];
    uint8_t stream[64], back[64];
    size_t n = make_message(stream, 20, 1);
    size_t all = n + make_message(stream + n, 20, 2);
    for (size_t split = 0; split <= 10; split += 10) { /* in place, and gathered from pieces */
        host_listen(&h, (struct endpoint_options){0});
        h.seen.answer = answer_and_close;
        int fd = dial(&h);
        if (split)
            put(fd, stream, split);
        settle(&h);
        put(fd, stream + split, all - split);
        put(fd, more, sizeof more); /* unread input does not make the end a reset */
        CU_ASSERT_EQUAL(get(&h, fd, back, n), n);
        errno = 0;
        CU_ASSERT_EQUAL(get(&h, fd, back + n, 1), 0);
        CU_ASSERT_NOT_EQUAL(errno, ECONNRESET);
        CU_ASSERT(memcmp(back, stream, n) == 0);
        CU_ASSERT_EQUAL(h.seen.messages, 1);
        close(fd);
        WAIT_FOR(&h, h.seen.closed == 1);
        CU_ASSERT_EQUAL(h.seen.reason, 0);
        CU_ASSERT_EQUAL(transport_channels(h.transport), 0);
        host_free(&h);
    }
}

static void close_endpoint(struct seen *s, struct channel *c, struct octets m)
{
    (void)c, (void)m;
    endpoint_close(s->endpoint);
    CU_ASSERT_EQUAL(s->closed, 2);
}

static void an_endpoint_closed_in_a_message_takes_its_channels(void)
{
    struct host h;
    uint8_t stream[64];
    size_t n = make_message(stream, 20, 1);
    n += make_message(stream + n, 20, 2);
    for (size_t split = 0; split <= 10; split += 10) {
        host_listen(&h, (struct endpoint_options){0});
        h.seen.answer = close_endpoint;
        int a = dial(&h), b = dial(&h);
        WAIT_FOR(&h, h.seen.opened == 2);
        if (split)
            put(a, stream, split);
        settle(&h);
        put(a, stream + split, n - split);
        WAIT_FOR(&h, h.seen.messages == 1);
        CU_ASSERT(ended(&h, a));
        CU_ASSERT(ended(&h, b));
        CU_ASSERT_EQUAL(h.seen.messages, 1);
        CU_ASSERT_EQUAL(transport_channels(h.transport), 0);
        CU_ASSERT_EQUAL(dial_address(&local4, 1, 0), -1);
        close(a);
        close(b);
        host_free(&h);
    }
}

static void freeing_the_transport_calls_no_handler(void)
{
    struct host h;
    host_listen(&h, (struct endpoint_options){0});
    int fd = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 1);
    host_free(&h);
    CU_ASSERT_EQUAL(h.seen.closed, 0);
    close(fd);
}

static void a_peer_that_only_stops_sending_still_gets_its_answer(void)
{
    struct host h;
    uint8_t request[HEADER];
    make_message(request, HEADER, 0);
    host_listen(&h, (struct endpoint_options){.max_queued = 32 << 20});
    h.seen.answer = answer_series;
    int fd = dial_address(&local4, endpoint_port(h.endpoint), 2048);
    put(fd, request, sizeof request);
    shutdown(fd, SHUT_WR);
    get_series(&h, fd);
    CU_ASSERT(ended(&h, fd));
    WAIT_FOR(&h, h.seen.closed == 1);
    CU_ASSERT_EQUAL(h.seen.reason, 0);
    close(fd);
    host_free(&h);
}

static void channel_numbers_are_never_used_again(void)
{
    struct host h;
    uint64_t last = 0;
    host_listen(&h, (struct endpoint_options){0});
    for (unsigned i = 0; i < 5; i++) {
        int fd = dial(&h);
        WAIT_FOR(&h, h.seen.opened == i + 1);
        CU_ASSERT(h.seen.last_number > last);
        last = h.seen.last_number;
        CU_ASSERT_PTR_EQUAL(transport_find(h.transport, last), h.seen.channel);
        CU_ASSERT_PTR_EQUAL(transport_channel_next(h.transport, NULL), h.seen.channel);
        CU_ASSERT_PTR_NULL(transport_channel_next(h.transport, h.seen.channel));
        close(fd);
        WAIT_FOR(&h, h.seen.closed == i + 1);
        CU_ASSERT_PTR_NULL(transport_find(h.transport, last));
    }
    host_free(&h);
}

/* --- limits
 * ------------------------------------------------------------------------------------------------------ */

static void one_channel_above_the_limit_is_refused(void)
{
    struct host h;
    host_listen(&h, (struct endpoint_options){.max_channels = 2});
    int a = dial(&h), b = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 2);
    int c = dial(&h);
    CU_ASSERT(ended(&h, c));
    CU_ASSERT_EQUAL(h.seen.opened, 2);
    CU_ASSERT_EQUAL(transport_statistics(h.transport)->channels_refused, 1);
    close(a);
    WAIT_FOR(&h, h.seen.closed == 1);
    int d = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 3);
    close(b);
    close(c);
    close(d);
    host_free(&h);
}

static void without_descriptors_the_listener_waits_and_does_not_spin(void)
{
    struct host h;
    struct rlimit old, few;
    host_listen(&h, (struct endpoint_options){0});
    int probe = open("/dev/null", O_RDONLY);
    close(probe);
    int fd = dial(&h); /* in the backlog: not accepted before the limit falls */
    getrlimit(RLIMIT_NOFILE, &old);
    few = old;
    few.rlim_cur = (rlim_t)fd + 1;
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
    unsigned turns = 0;
    for (uint64_t end = clock_ms() + 200; clock_ms() < end; turns++)
        event_base_loop(h.base, EVLOOP_ONCE);
    CU_ASSERT_EQUAL(h.seen.opened, 0);
    CU_ASSERT(turns < 50); /* the clock of the test ticks ten times */
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_NOFILE, &old), 0);
    int another = dial(&h); /* valgrind's accept() loses the connection that it reports EMFILE for */
    WAIT_FOR(&h, h.seen.opened >= 1);
    close(another);
    close(fd);
    host_free(&h);
}

static void a_taken_port_is_told_with_its_place(void)
{
    struct host h;
    int error = 0;
    char detail[128], expected[128];
    host_listen(&h, (struct endpoint_options){0});
    struct endpoint_options o = {.kind = TRANSPORT_TCP,
                                 .addresses = &local4,
                                 .n_addresses = 1,
                                 .port = endpoint_port(h.endpoint),
                                 .handler = handler_of(&h.seen)};
    CU_ASSERT_PTR_NULL(transport_listen(h.transport, &o, &error, detail));
    CU_ASSERT_EQUAL(error, ERR_ADDRESS_IN_USE);
    snprintf(expected, sizeof expected, "bind 127.0.0.1:%u: Address already in use", o.port);
    if (strncmp(detail, "listen", 6) == 0) /* the kernel may tell it one call later */
        snprintf(expected, sizeof expected, "listen 127.0.0.1:%u: Address already in use", o.port);
    CU_ASSERT_STRING_EQUAL(detail, expected);
    CU_ASSERT_PTR_NULL(transport_listen(h.transport, &o, &error, NULL));
    host_free(&h);
}

/* --- addresses and connecting
 * ------------------------------------------------------------------------------------ */

static void all_addresses_serve_both_families(void)
{
    struct host h;
    int error = 0, v4, v6;
    struct address peer;
    uint16_t port = 0;
    host_new(&h);
    struct endpoint_options o = {.kind = TRANSPORT_TCP, .handler = handler_of(&h.seen)};
    h.endpoint = transport_listen(h.transport, &o, &error, NULL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(h.endpoint);
    v4 = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 1);
    CU_ASSERT_EQUAL(channel_peers(h.seen.channel, &peer, 1, &port), 1);
    CU_ASSERT(address_equal(&peer, &local4) && channel_has_peer(h.seen.channel, &local4));
    CU_ASSERT(port != 0 && !channel_has_peer(h.seen.channel, &local6));
    v6 = dial_address(&local6, endpoint_port(h.endpoint), 0);
    if (v6 >= 0) { /* a host without IPv6 */
        WAIT_FOR(&h, h.seen.opened == 2);
        CU_ASSERT(channel_has_peer(h.seen.channel, &local6));
        close(v6);
    }
    close(v4);
    host_free(&h);
}

static void chosen_addresses_share_a_port_and_no_other_address_serves(void)
{
    struct host h;
    const struct address two[] = {local4, {4, {127, 0, 0, 2}}}, other = {4, {127, 0, 0, 3}};
    struct address got[4];
    host_listen(&h, (struct endpoint_options){.addresses = two, .n_addresses = 2});
    int a = dial(&h), b = dial_address(&two[1], endpoint_port(h.endpoint), 0);
    CU_ASSERT(a >= 0 && b >= 0);
    CU_ASSERT_EQUAL(dial_address(&other, endpoint_port(h.endpoint), 0), -1);
    WAIT_FOR(&h, h.seen.opened == 2);
    CU_ASSERT_EQUAL(endpoint_addresses(h.endpoint, got, 4), 2);
    CU_ASSERT(address_equal(&got[1], &two[1]));
    close(a);
    close(b);
    host_free(&h);
}

static void a_client_connects_talks_and_ends(void)
{
    struct host h;
    struct seen client = {0};
    struct transport_handler handler = handler_of(&client);
    const struct address candidates[] = {{4, {127, 0, 0, 9}}, local4}; /* nobody listens on the first */
    uint8_t m[32];
    int error = 0;
    host_listen(&h, (struct endpoint_options){0});
    h.seen.answer = answer_same;
    struct channel *c = transport_connect(h.transport, TRANSPORT_TCP, candidates, 2,
                                          endpoint_port(h.endpoint), &handler, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(c);
    uint64_t number = channel_number(c);
    CU_ASSERT_EQUAL(client.opened, 0); /* never from within the call */
    WAIT_FOR(&h, client.opened == 1 && h.seen.opened == 1);
    CU_ASSERT(channel_has_peer(c, &local4));
    CU_ASSERT_EQUAL(channel_send(c, 0, octets_of(m, make_message(m, 32, 6))), ERR_OK);
    WAIT_FOR(&h, client.messages == 1);
    CU_ASSERT(memcmp(client.last, m, 32) == 0);
    channel_close(c);
    CU_ASSERT_EQUAL(client.closed, 0);
    WAIT_FOR(&h, client.closed == 1 && h.seen.closed == 1);
    CU_ASSERT(client.reason == 0 && h.seen.reason == 0);
    CU_ASSERT_PTR_NULL(transport_find(h.transport, number));
    host_free(&h);
}

static void a_refused_connection_is_told_by_closed(void)
{
    struct host h;
    struct seen client = {0};
    struct transport_handler handler = handler_of(&client);
    int error = 0;
    host_listen(&h, (struct endpoint_options){0});
    uint16_t port = endpoint_port(h.endpoint);
    endpoint_close(h.endpoint);
    CU_ASSERT_PTR_NOT_NULL_FATAL(
        transport_connect(h.transport, TRANSPORT_TCP, &local4, 1, port, &handler, &error));
    WAIT_FOR(&h, client.closed == 1);
    CU_ASSERT_EQUAL(client.reason, ERR_CLOSED);
    CU_ASSERT_EQUAL(client.opened, 0);
    host_free(&h);
}

static void sctp_serves_or_says_why_not(void)
{
    struct host h;
    int error = 0;
    char detail[128];
    host_new(&h);
    struct endpoint_options o = {.kind = TRANSPORT_SCTP, .handler = handler_of(&h.seen)};
    struct endpoint *e = transport_listen(h.transport, &o, &error, detail);
    if (e) {
        CU_ASSERT(endpoint_port(e) != 0);
        endpoint_close(e);
    } else {
        CU_ASSERT_EQUAL(error, ERR_UNSUPPORTED);
        CU_ASSERT(strstr(detail, "SCTP") != NULL || strstr(detail, "listen") != NULL);
        CU_ASSERT_PTR_NULL(
            transport_connect(h.transport, TRANSPORT_SCTP, &local4, 1, 3863, &o.handler, &error));
        CU_ASSERT_EQUAL(error, ERR_UNSUPPORTED);
    }
    host_free(&h);
}

/* --- announces
 * --------------------------------------------------------------------------------------------------- */

struct heard {
    unsigned count;
    uint16_t port;
    struct address from;
    uint8_t data[64];
    size_t length;
};

static void hear(void *context, const struct address *from, uint16_t port, struct octets m)
{
    struct heard *x = context;
    x->count++;
    x->port = port;
    x->from = *from;
    x->length = m.length;
    memcpy(x->data, m.data, m.length < sizeof x->data ? m.length : sizeof x->data);
}

static uint16_t free_port(void)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t length = sizeof sa;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bind(fd, (struct sockaddr *)&sa, length);
    getsockname(fd, (struct sockaddr *)&sa, &length);
    close(fd);
    return ntohs(sa.sin_port);
}

static void an_announce_is_heard_by_others_with_the_port_of_the_service(void)
{
    struct host h;
    struct heard others = {0}, own = {0};
    int error = 0;
    char detail[128];
    host_new(&h);
    struct announcer_options o = {.group = {4, {239, 0, 0, 77}},
                                  .group_port = free_port(),
                                  .addresses = &local4,
                                  .n_addresses = 1,
                                  .source_port = free_port(),
                                  .listen = true,
                                  .context = &own,
                                  .received = hear};
    struct announcer *sender = announcer_new(h.base, &o, &error, detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(sender);
    uint16_t port = o.source_port;
    o.context = &others;
    o.source_port = 0;
    struct announcer *listener = announcer_new(h.base, &o, &error, detail);
    CU_ASSERT_PTR_NOT_NULL_FATAL(listener);
    CU_ASSERT_EQUAL(announcer_send(sender, octets_of("here I am", 9)), 1);
    WAIT_FOR(&h, others.count == 1);
    CU_ASSERT(others.length == 9 && memcmp(others.data, "here I am", 9) == 0);
    CU_ASSERT_EQUAL(others.port, port);
    CU_ASSERT(address_equal(&others.from, &local4));
    CU_ASSERT_EQUAL(announcer_send(listener, octets_of("me too", 6)), 1);
    WAIT_FOR(&h, own.count == 1);
    CU_ASSERT_EQUAL(own.length, 6); /* and not what it sent itself */
    announcer_free(sender);
    announcer_free(listener);
    host_free(&h);
}

static void an_announcer_refuses_what_is_no_group_and_tells_a_taken_port(void)
{
    struct host h;
    int error = 0;
    char detail[128];
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t length = sizeof sa;
    host_new(&h);
    struct announcer_options o = {.group = local4, .group_port = 9};
    CU_ASSERT_PTR_NULL(announcer_new(h.base, &o, &error, detail));
    CU_ASSERT_EQUAL(error, ERR_ARGUMENT);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    bind(fd, (struct sockaddr *)&sa, length);
    getsockname(fd, (struct sockaddr *)&sa, &length);
    o.group = (struct address){4, {239, 0, 0, 77}};
    o.source_port = ntohs(sa.sin_port);
    CU_ASSERT_PTR_NULL(announcer_new(h.base, &o, &error, detail));
    CU_ASSERT_EQUAL(error, ERR_ADDRESS_IN_USE);
    CU_ASSERT(strstr(detail, "bind UDP") != NULL);
    close(fd);
    host_free(&h);
}

static void one_address_gets_its_share_of_the_channels_only(void)
{
    struct host h;
    int fds[3];
    host_listen(&h, (struct endpoint_options){.max_per_peer = 2});
    for (int i = 0; i < 2; i++)
        fds[i] = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 2);
    fds[2] = dial(&h);
    CU_ASSERT(ended(&h, fds[2]));
    CU_ASSERT_EQUAL(h.seen.opened, 2);
    CU_ASSERT_EQUAL(h.seen.closed, 0);
    CU_ASSERT_EQUAL(transport_statistics(h.transport)->channels_refused, 1);
    close(fds[2]);
    close(fds[0]); /* makes room for another one */
    WAIT_FOR(&h, h.seen.closed == 1);
    fds[0] = dial(&h);
    WAIT_FOR(&h, h.seen.opened == 3);
    for (int i = 0; i < 2; i++)
        close(fds[i]);
    host_free(&h);
}

static void a_peer_that_never_speaks_loses_its_channel_and_one_that_spoke_keeps_it(void)
{
    struct host h;
    uint8_t one[16];
    size_t n = make_message(one, 8, 1);
    host_listen(&h, (struct endpoint_options){.silent_ms = 100});
    int silent = dial(&h), spoke = dial(&h);
    put(spoke, one, n);
    WAIT_FOR(&h, h.seen.opened == 2 && h.seen.messages == 1);
    WAIT_FOR(&h, h.seen.closed == 1);
    CU_ASSERT_EQUAL(h.seen.reason, ERR_TIMEOUT);
    CU_ASSERT(ended(&h, silent));
    int later = dial(&h); /* the time of this one begins now */
    uint64_t begun = clock_ms();
    WAIT_FOR(&h, h.seen.closed == 2);
    CU_ASSERT(clock_ms() - begun >= 90);
    put(spoke, one, n);
    WAIT_FOR(&h, h.seen.messages == 2);
    CU_ASSERT_EQUAL(h.seen.closed, 2);
    CU_ASSERT_EQUAL(transport_statistics(h.transport)->channels_silent, 2);
    close(silent);
    close(spoke);
    close(later);
    host_free(&h);
}

/* --- staying at a socket
 * ------------------------------------------------------------------------------------------ */

struct pinger {
    uint16_t port;
    unsigned pings, burst; /* a pause after each burst; 0 = none */
    unsigned answered;
};

/* On a thread, for the server may wait in its read. */
static void *ping(void *context)
{
    struct pinger *p = context;
    uint8_t one[16], answer[16];
    size_t n = make_message(one, 16, 7);
    int fd = dial_address(&local4, p->port, 0);
    const struct timespec pause = {.tv_nsec = 30000000};

    for (unsigned i = 0; i < p->pings; i++) {
        if (send(fd, one, n, MSG_NOSIGNAL) != (ssize_t)n || recv(fd, answer, n, MSG_WAITALL) != (ssize_t)n)
            break;
        p->answered++;
        if (p->burst && (i + 1) % p->burst == 0)
            nanosleep(&pause, NULL); /* the pause is what is tested */
    }
    close(fd);
    return NULL;
}

static struct transport_statistics serve_pings(struct pinger *p)
{
    struct transport_statistics got;
    struct host h;
    pthread_t thread;

    host_listen(&h, (struct endpoint_options){.stay = true});
    h.seen.answer = answer_same;
    p->port = endpoint_port(h.endpoint);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, ping, p), 0);
    WAIT_FOR(&h, h.seen.closed == 1);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(p->answered, p->pings);
    got = *transport_statistics(h.transport);
    host_free(&h);
    return got;
}

static void a_lone_busy_channel_is_read_without_going_around_the_loop(void)
{
    struct pinger p = {.pings = 4000};
    struct transport_statistics s = serve_pings(&p);
    CU_ASSERT(s.stayed > s.reads / 2);
    CU_ASSERT(s.reads < p.pings + 100);
}

static void waits_in_vain_become_rare(void)
{
    struct pinger p = {.pings = 1200, .burst = 40};
    struct transport_statistics s = serve_pings(&p);
    CU_ASSERT(s.stays_in_vain <= 6);
}

static void a_busy_channel_does_not_keep_others_waiting(void)
{
    struct pinger p = {.pings = 20000};
    struct host h;
    pthread_t thread;
    uint8_t one[16], answer[16];
    size_t n = make_message(one, 16, 9);
    uint64_t longest = 0;

    host_listen(&h, (struct endpoint_options){.stay = true});
    h.seen.answer = answer_same;
    p.port = endpoint_port(h.endpoint);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, ping, &p), 0);
    int other = dial(&h);
    WAIT_FOR(&h, h.seen.messages > 1000);
    for (int i = 0; i < 50; i++) {
        uint64_t begun = clock_ms();
        put(other, one, n);
        while (recv(other, answer, n, MSG_DONTWAIT) != (ssize_t)n && clock_ms() - begun < PATIENCE_MS)
            event_base_loop(h.base, EVLOOP_ONCE);
        if (clock_ms() - begun > longest)
            longest = clock_ms() - begun;
    }
    CU_ASSERT(longest < 200); /* some 10 ms where the machine is not busy with other things */
    close(other);
    WAIT_FOR(&h, h.seen.closed == 2);
    pthread_join(thread, NULL);
    CU_ASSERT_EQUAL(p.answered, p.pings);
    host_free(&h);
}

static const struct unit_test tests[] = {
    {"messages survive a split at every octet", messages_survive_a_split_at_every_octet},
    {"messages come octet by octet", messages_come_octet_by_octet},
    {"the largest message passes and a longer one is skipped",
     the_largest_message_passes_and_a_longer_one_is_skipped},
    {"what cannot be framed closes and is counted", what_cannot_be_framed_closes_and_is_counted},
    {"a partial message that does not end costs its channel",
     a_partial_message_that_does_not_end_costs_its_channel},
    {"a slow reader costs its own channel only", a_slow_reader_costs_its_own_channel_only},
    {"a reader that resumes gets everything in order", a_reader_that_resumes_gets_everything_in_order},
    {"a channel closed in its message gets no more and its answer arrives",
     a_channel_closed_in_its_message_gets_no_more_and_its_answer_arrives},
    {"an endpoint closed in a message takes its channels",
     an_endpoint_closed_in_a_message_takes_its_channels},
    {"freeing the transport calls no handler", freeing_the_transport_calls_no_handler},
    {"a peer that only stops sending still gets its answer",
     a_peer_that_only_stops_sending_still_gets_its_answer},
    {"channel numbers are never used again", channel_numbers_are_never_used_again},
    {"one channel above the limit is refused", one_channel_above_the_limit_is_refused},
    {"one address gets its share of the channels only", one_address_gets_its_share_of_the_channels_only},
    {"a peer that never speaks loses its channel and one that spoke keeps it",
     a_peer_that_never_speaks_loses_its_channel_and_one_that_spoke_keeps_it},
    {"a lone busy channel is read without going around the loop",
     a_lone_busy_channel_is_read_without_going_around_the_loop},
    {"waits in vain become rare", waits_in_vain_become_rare},
    {"a busy channel does not keep others waiting", a_busy_channel_does_not_keep_others_waiting},
    {"without descriptors the listener waits and does not spin",
     without_descriptors_the_listener_waits_and_does_not_spin},
    {"a taken port is told with its place", a_taken_port_is_told_with_its_place},
    {"all addresses serve both families", all_addresses_serve_both_families},
    {"chosen addresses share a port and no other address serves",
     chosen_addresses_share_a_port_and_no_other_address_serves},
    {"a client connects, talks and ends", a_client_connects_talks_and_ends},
    {"a refused connection is told by closed", a_refused_connection_is_told_by_closed},
    {"SCTP serves or says why not", sctp_serves_or_says_why_not},
    {"an announce is heard by others with the port of the service",
     an_announce_is_heard_by_others_with_the_port_of_the_service},
    {"an announcer refuses what is no group and tells a taken port",
     an_announcer_refuses_what_is_no_group_and_tells_a_taken_port},
};
UNIT_MAIN("transport", tests)
