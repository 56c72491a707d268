/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP: octets in and out. What one read brings is cut into messages where it lies; only a message that is not
 * whole is copied. The answers to what one read brought leave by one write.
 */
#include "transport/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { GATHER = 64 /* messages in one write from the queue */ };

/* --- out
 * ---------------------------------------------------------------------------------------------------------
 */

static int keep(struct channel *c, const uint8_t *data, size_t n)
{
    int rc = queue_push(&c->queue, 0, octets_of(data, n), c->endpoint->max_queued);

    if (rc == ERR_OK && event_add(&c->tcp.writable, NULL) != 0)
        rc = ERR_MEMORY;
    return rc;
}

/* Sends what the kernel takes and queues the rest. */
static int send_or_keep(struct channel *c, const uint8_t *data, size_t n)
{
    ssize_t sent = 0;

    if (queue_is_empty(&c->queue)) {
        do
            sent = send(c->tcp.fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        while (sent < 0 && errno == EINTR);
        if (sent < 0 && errno != EAGAIN)
            return error_from_errno(errno);
        if (sent < 0)
            sent = 0;
    }
    return (size_t)sent == n ? ERR_OK : keep(c, data + sent, n - (size_t)sent);
}

static int uncork(struct channel *c)
{
    struct transport *t = c->endpoint->transport;
    size_t n = t->cork_used;

    t->cork_used = 0;
    return n ? send_or_keep(c, t->cork, n) : ERR_OK;
}

int tcp_send(struct channel *c, uint32_t ppid, struct octets message)
{
    struct transport *t = c->endpoint->transport;
    int rc = ERR_OK;

    (void)ppid;
    if (t->corked != c)
        return send_or_keep(c, message.data, message.length);
    if (message.length > CORK_MAX - t->cork_used)
        rc = uncork(c);
    if (rc != ERR_OK || message.length > CORK_MAX)
        return rc != ERR_OK ? rc : send_or_keep(c, message.data, message.length);
    memcpy(t->cork + t->cork_used, message.data, message.length);
    t->cork_used += message.length;
    return ERR_OK;
}

void tcp_shutdown(struct channel *c)
{
    /* The peer's own end is awaited: closing at once would let unread input reset what is still on its way.
     * While the answers to an input are held back the end comes after them. */
    if (c->endpoint->transport->corked == c)
        c->shut = false;
    else if (c->tcp.peer_ended)
        channel_doom(c, ERR_OK);
    else
        shutdown(c->tcp.fd, SHUT_WR);
}

void tcp_writable(evutil_socket_t fd, short what, void *channel)
{
    struct channel *c = channel;
    struct iovec iov[GATHER];
    struct msghdr m = {.msg_iov = iov};
    ssize_t sent;

    (void)what;
    if (c->state >= CHANNEL_DOOMED)
        return;
    m.msg_iovlen = (size_t)queue_gather(&c->queue, iov, GATHER);
    sent = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        channel_doom(c, error_from_errno(errno));
        return;
    }
    if (sent > 0)
        queue_consume(&c->queue, (size_t)sent);
    if (!queue_is_empty(&c->queue))
        event_add(&c->tcp.writable, NULL);
    else
        channel_drained(c);
}

/* --- in
 * ----------------------------------------------------------------------------------------------------------
 */

/* The timer of an unfinished message; not asked each time whether it runs, which costs as much as parsing. */
static void watch_no_more(struct channel *c)
{
    if (c->tcp.watched)
        event_del(&c->timer);
    c->tcp.watched = false;
}

static void unframeable(struct channel *c)
{
    c->endpoint->transport->statistics.unframeable++;
    channel_doom(c, ERR_MALFORMED);
}

/* The length of the message at data: 0 = more octets are needed to tell. Dooms the channel and gives -1 when
 * there is none. */
static int64_t message_length(struct channel *c, const uint8_t *data, size_t available)
{
    int length = c->endpoint->handler.frame(data, available);

    if (length >= 0 && (length > 0 || available < c->endpoint->max_message))
        return length;
    unframeable(c);
    return -1;
}

/* Takes octets of the message that the partial begins; returns how many of data belong to it, or < 0 when the
 * channel is doomed. Goes octet by octet until the length is known, for the frame function may need any
 * number. */
static ssize_t complete_partial(struct channel *c, const uint8_t *data, size_t n)
{
    size_t used = 0;

    while (used < n && c->tcp.need == 0) {
        int64_t length;
        int rc = partial_append(c, data + used++, 1);
        if (rc != ERR_OK) {
            channel_doom(c, rc);
            return -1;
        }
        length = message_length(c, c->partial.data, c->partial.have);
        if (length < 0)
            return -1;
        c->tcp.need = (uint32_t)length;
    }
    return (ssize_t)used;
}

static void count_too_long(struct channel *c, uint32_t length, size_t already)
{
    c->endpoint->transport->statistics.messages_too_long++;
    c->tcp.skip = length - (uint32_t)already;
}

/* The callback may close the channel, and with it whatever the channel still owns. */
static void deliver_partial(struct channel *c)
{
    struct partial whole = partial_take(c);

    channel_deliver(c, 0, octets_of(whole.data, whole.have));
    free(whole.data);
}

/* Feeds the partial message; returns the octets used, < 0 when the channel is doomed. */
static ssize_t feed_partial(struct channel *c, const uint8_t *data, size_t n)
{
    ssize_t used = complete_partial(c, data, n);
    size_t more;
    int rc;

    if (used < 0 || c->tcp.need == 0)
        return used;
    if (c->tcp.need > c->endpoint->max_message || c->tcp.need < c->partial.have) {
        if (c->tcp.need < c->partial.have) {
            unframeable(c);
            return -1;
        }
        count_too_long(c, c->tcp.need, c->partial.have);
        partial_clear(c);
        c->tcp.need = 0;
        return used;
    }
    more = c->tcp.need - c->partial.have;
    if (more > n - (size_t)used)
        more = n - (size_t)used;
    rc = partial_append(c, data + used, more);
    if (rc != ERR_OK) {
        channel_doom(c, rc);
        return -1;
    }
    if (c->partial.have == c->tcp.need) {
        c->tcp.need = 0;
        watch_no_more(c);
        deliver_partial(c);
    }
    return used + (ssize_t)more;
}

static size_t skip(struct channel *c, size_t n)
{
    size_t used = c->tcp.skip < n ? c->tcp.skip : n;

    c->tcp.skip -= (uint32_t)used;
    if (c->tcp.skip == 0)
        watch_no_more(c);
    return used;
}

/* Delivers the whole message at data in place, or makes it the partial; returns the octets used, < 0 when
 * doomed. */
static ssize_t take_message(struct channel *c, const uint8_t *data, size_t n)
{
    int64_t length = message_length(c, data, n);
    int rc;

    if (length < 0)
        return -1;
    if (length > c->endpoint->max_message) {
        count_too_long(c, (uint32_t)length, 0);
        return 0;
    }
    if (length > 0 && (size_t)length <= n) {
        channel_deliver(c, 0, octets_of(data, (size_t)length));
        return (ssize_t)length;
    }
    rc = partial_append(c, data, n);
    if (rc != ERR_OK) {
        channel_doom(c, rc);
        return -1;
    }
    c->tcp.need = (uint32_t)length;
    return (ssize_t)n;
}

static void cut(struct channel *c, const uint8_t *data, size_t n)
{
    while (n > 0 && c->state == CHANNEL_OPEN) {
        ssize_t used = c->tcp.skip           ? (ssize_t)skip(c, n)
                       : c->partial.have > 0 ? feed_partial(c, data, n)
                                             : take_message(c, data, n);
        if (used < 0)
            return;
        data += used;
        n -= (size_t)used;
    }
}

/* A peer may not hold a channel and memory for ever by never ending a message; its timer runs from the first
 * octet. */
static void watch_partial(struct channel *c)
{
    struct timeval limit = {.tv_sec = c->endpoint->idle_ms / 1000,
                            .tv_usec = c->endpoint->idle_ms % 1000 * 1000};
    bool unfinished = c->partial.have > 0 || c->tcp.skip > 0;

    if (c->state == CHANNEL_OPEN && unfinished && !c->tcp.watched)
        c->tcp.watched = evtimer_add(&c->timer, &limit) == 0;
    else if (c->state == CHANNEL_OPEN && !unfinished)
        watch_no_more(c);
}

static void handle_input(struct channel *c, size_t n)
{
    struct transport *t = c->endpoint->transport;
    int rc;

    t->corked = c;
    cut(c, t->receive, n);
    t->corked = NULL;
    /* The answers go out even if the last of them closed the channel. */
    rc = c->state == CHANNEL_DEAD ? ERR_OK : uncork(c);
    t->cork_used = 0;
    if (rc != ERR_OK) {
        t->statistics.queues_overflowed += rc == ERR_LIMIT;
        channel_doom(c, rc);
    }
    watch_partial(c);
    channel_drained(c);
}

/* The peer sends no more, but may still read: what is queued for it goes out first. */
static void peer_ended(struct channel *c)
{
    if (c->state == CHANNEL_OPEN && !queue_is_empty(&c->queue)) {
        event_del(&c->tcp.readable);
        c->tcp.peer_ended = true;
        channel_close(c);
    } else {
        channel_doom(c, c->partial.have ? ERR_MALFORMED : ERR_OK);
    }
}

/* One read and what follows from it; false when it brought nothing. */
static bool take_input(struct channel *c, int flags)
{
    struct transport *t = c->endpoint->transport;
    ssize_t n = recv(c->tcp.fd, t->receive, RECEIVE_SLOT, flags);

    t->statistics.reads++;
    if (n > 0 && c->state == CHANNEL_OPEN)
        handle_input(c, (size_t)n);
    else if (n == 0)
        peer_ended(c);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        channel_doom(c, c->state == CHANNEL_CLOSING ? ERR_OK : error_from_errno(errno));
    return n > 0;
}

void tcp_readable(evutil_socket_t fd, short what, void *channel)
{
    struct channel *c = channel;
    struct transport *t = c->endpoint->transport;

    (void)what;
    if (c->state >= CHANNEL_DOOMED || !take_input(c, MSG_DONTWAIT) || !c->tcp.stay || !stay_begin(t, fd))
        return;
    while (stay_on(t) && c->state == CHANNEL_OPEN && queue_is_empty(&c->queue)) {
        t->statistics.stayed++;
        if (!take_input(c, 0)) {
            stay_in_vain(t);
            return;
        }
    }
}
