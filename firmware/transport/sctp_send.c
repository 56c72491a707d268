/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCTP: messages out, and who waits for what when the kernel's buffer is full.
 *
 * A one-to-many socket has one send buffer and one answer to poll() for all its associations, so neither
 * tells whether a certain association may send. Therefore each association may hold only its share of the
 * buffer. One that has used its share, or is refused with octets of its own in the buffer, waits until the
 * kernel reports that these have all been acknowledged (SCTP_SENDER_DRY_EVENT, asked for only then). One that
 * is refused with nothing of its own in the buffer waits for the others: for room in the socket; and if none
 * comes in time, the peer that has gone longest without reading pays with its channel.
 */
#include "base/clock.h"
#include "transport/internal.h"

#include <errno.h>

enum {
    MESSAGE_COST = 640, /* what the kernel charges for a message beside its octets, about */
    JAM_MS = 2000
};

static int send_now(struct endpoint *e, sctp_assoc_t association, uint32_t ppid, struct octets message,
                    uint16_t flags)
{
    union {
        struct cmsghdr header;
        uint8_t space[CMSG_SPACE(sizeof(struct sctp_sndinfo))];
    } control = {0};
    struct iovec iov = {(uint8_t *)message.data, message.length};
    struct msghdr m = {
        .msg_iov = &iov,
        .msg_iovlen = message.length ? 1 : 0,
        .msg_control = &control,
        .msg_controllen = sizeof control.space,
    };
    struct sctp_sndinfo *info = (void *)CMSG_DATA(&control.header);

    control.header.cmsg_level = IPPROTO_SCTP;
    control.header.cmsg_type = SCTP_SNDINFO;
    control.header.cmsg_len = CMSG_LEN(sizeof *info);
    *info = (struct sctp_sndinfo){.snd_ppid = htonl(ppid), .snd_flags = flags, .snd_assoc_id = association};
    while (sendmsg(e->sctp.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

void association_abort(struct endpoint *e, sctp_assoc_t association)
{
    send_now(e, association, 0, (struct octets){0}, SCTP_ABORT);
}

void association_shutdown(struct channel *c)
{
    if (c->sctp.association == 0)
        return;
    switch (send_now(c->endpoint, c->sctp.association, 0, (struct octets){0}, SCTP_EOF)) {
    case 0:
    case EAGAIN: /* the linger timer ends it */
        break;
    default:
        channel_doom(c, ERR_OK);
    }
}

/* --- waiting
 * ----------------------------------------------------------------------------------------------------- */

static void subscribe_dry(struct channel *c, bool on)
{
    struct sctp_event event;

    if (c->sctp.dry_subscribed == on)
        return;
    memset(&event, 0, sizeof event); /* the kernel is handed its padding too */
    event.se_assoc_id = c->sctp.association;
    event.se_type = SCTP_SENDER_DRY_EVENT;
    event.se_on = on;
    if (setsockopt(c->endpoint->sctp.fd, IPPROTO_SCTP, SCTP_EVENT, &event, sizeof event) == 0)
        c->sctp.dry_subscribed = on;
}

void association_stop_waiting(struct channel *c)
{
    struct sctp_endpoint *s = &c->endpoint->sctp;

    if (c->sctp.waits == SCTP_WAITS_DRY)
        TAILQ_REMOVE(&s->dry_waiters, c, in_waiting);
    else if (c->sctp.waits == SCTP_WAITS_ROOM)
        TAILQ_REMOVE(&s->room_waiters, c, in_waiting);
    c->sctp.waits = SCTP_WAITS_NOT;
}

static void wait_dry(struct channel *c)
{
    c->sctp.waits = SCTP_WAITS_DRY;
    c->sctp.waits_since_ms = clock_ms();
    TAILQ_INSERT_TAIL(&c->endpoint->sctp.dry_waiters, c, in_waiting);
    subscribe_dry(c, true);
}

static void wait_room(struct channel *c)
{
    const struct timeval limit = {.tv_sec = JAM_MS / 1000};
    struct sctp_endpoint *s = &c->endpoint->sctp;

    c->sctp.waits = SCTP_WAITS_ROOM;
    TAILQ_INSERT_TAIL(&s->room_waiters, c, in_waiting);
    event_add(&s->writable, NULL);
    if (!evtimer_pending(&s->jam, NULL))
        evtimer_add(&s->jam, &limit);
}

/* 0, EAGAIN (the channel waits now, the message is not sent) or another errno. */
static int send_or_wait(struct channel *c, uint32_t ppid, struct octets message)
{
    uint32_t cost = (uint32_t)message.length + MESSAGE_COST;
    bool share_used = c->sctp.in_kernel + cost >= c->endpoint->sctp.kernel_share;
    /* The peer would delay its last acknowledgement, for which the channel is about to wait (RFC 7053). */
    int err =
        send_now(c->endpoint, c->sctp.association, ppid, message, share_used ? SCTP_SACK_IMMEDIATELY : 0);

    if (err == 0) {
        c->sctp.in_kernel += cost;
        if (share_used)
            wait_dry(c);
    } else if (err == EAGAIN) {
        if (c->sctp.in_kernel > 0)
            wait_dry(c);
        else
            wait_room(c);
    }
    return err;
}

/* The code for an errno of a send. A peer that has begun an orderly end is left to it. */
static int failed(struct channel *c, int err)
{
    if (err != ESHUTDOWN && err != EPIPE)
        return error_from_errno(err);
    channel_peer_ending(c);
    return ERR_CLOSED;
}

int association_send(struct channel *c, uint32_t ppid, struct octets message)
{
    int err = EAGAIN;

    if (c->sctp.association == 0)
        return ERR_CLOSED;
    if (c->sctp.waits == SCTP_WAITS_NOT)
        err = send_or_wait(c, ppid, message);
    return err == EAGAIN ? queue_push(&c->queue, ppid, message, c->endpoint->max_queued) : failed(c, err);
}

/* Sends what is queued until it is all gone or the channel must wait again. */
static void flush(struct channel *c)
{
    while (c->sctp.waits == SCTP_WAITS_NOT && !queue_is_empty(&c->queue)) {
        const struct queued *m = queue_first(&c->queue);
        int err = send_or_wait(c, m->ppid, octets_of(m->data, m->length));

        if (err == EAGAIN)
            return;
        queue_pop(&c->queue);
        if (err != 0) {
            int rc = failed(c, err);
            if (!c->shut)
                channel_doom(c, rc);
            return;
        }
    }
    channel_drained(c);
}

void association_dry(struct channel *c)
{
    c->sctp.in_kernel = 0;
    if (c->sctp.waits != SCTP_WAITS_DRY)
        return;
    association_stop_waiting(c);
    flush(c);
    if (c->sctp.waits != SCTP_WAITS_DRY && c->sctp.association)
        subscribe_dry(c, false);
}

void association_writable(evutil_socket_t fd, short what, void *endpoint)
{
    struct endpoint *e = endpoint;
    struct channel *last = TAILQ_LAST(&e->sctp.room_waiters, channel_list);
    struct channel *c;

    (void)fd, (void)what;
    /* Once around at most: those that must wait again go to the end. */
    while ((c = TAILQ_FIRST(&e->sctp.room_waiters))) {
        association_stop_waiting(c);
        flush(c);
        if (c == last || c->sctp.waits == SCTP_WAITS_ROOM)
            break;
    }
    if (TAILQ_EMPTY(&e->sctp.room_waiters))
        event_del(&e->sctp.jam);
    else
        event_add(&e->sctp.writable, NULL);
}

void association_jammed(evutil_socket_t fd, short what, void *endpoint)
{
    const struct timeval again = {.tv_sec = JAM_MS / 1000};
    struct endpoint *e = endpoint;
    struct channel *slowest = TAILQ_FIRST(&e->sctp.dry_waiters);

    (void)fd, (void)what;
    if (TAILQ_EMPTY(&e->sctp.room_waiters))
        return;
    if (slowest && clock_ms() - slowest->sctp.waits_since_ms >= JAM_MS) {
        e->transport->statistics.queues_overflowed++;
        channel_doom(slowest, ERR_LIMIT);
    }
    evtimer_add(&e->sctp.jam, &again);
}
