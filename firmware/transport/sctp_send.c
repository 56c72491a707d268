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
#include <stdlib.h>

enum {
    MESSAGE_COST = 640, /* what the kernel charges for a message beside its octets, about */
    JAM_MS = 2000
};

/* The control message that says where a message goes. */
struct destination {
    struct cmsghdr header;
    struct sctp_sndinfo info;
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct destination) == CMSG_SPACE(sizeof(struct sctp_sndinfo)) &&
                   offsetof(struct destination, info) == CMSG_LEN(0),
               "a control message is laid out as a structure");

static struct destination destination(sctp_assoc_t association, uint32_t ppid, uint16_t flags)
{
    return (struct destination){
        .header = {.cmsg_len = CMSG_LEN(sizeof(struct sctp_sndinfo)),
                   .cmsg_level = IPPROTO_SCTP,
                   .cmsg_type = SCTP_SNDINFO},
        .info = {.snd_ppid = htonl(ppid), .snd_flags = flags, .snd_assoc_id = association},
    };
}

static int send_now(struct endpoint *e, sctp_assoc_t association, uint32_t ppid, struct octets message,
                    uint16_t flags)
{
    struct destination to = destination(association, ppid, flags);
    struct iovec iov = {(uint8_t *)message.data, message.length};
    struct msghdr m = {
        .msg_iov = &iov,
        .msg_iovlen = message.length ? 1 : 0,
        .msg_control = &to,
        .msg_controllen = sizeof to,
    };

    while (sendmsg(e->sctp.fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        if (errno != EINTR)
            return errno;
    return 0;
}

void association_abort(struct endpoint *e, sctp_assoc_t association)
{
    association_scatter(e->transport);
    send_now(e, association, 0, (struct octets){0}, SCTP_ABORT);
}

void association_shutdown(struct channel *c)
{
    association_scatter(c->endpoint->transport);
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

/* --- the answers to one batch
 * ------------------------------------------------------------------------------------ */

struct sctp_outbox {
    struct endpoint *endpoint; /* NULL: not gathering */
    unsigned used;
    size_t octets, size;
    uint8_t *buffer;
    struct channel *channels[RECEIVE_SLOTS];
    struct mmsghdr headers[RECEIVE_SLOTS];
    struct iovec data[RECEIVE_SLOTS];
    struct destination to[RECEIVE_SLOTS];
};

struct sctp_outbox *association_outbox_new(uint8_t *buffer, size_t size)
{
    struct sctp_outbox *o = buffer ? calloc(1, sizeof *o) : NULL;

    if (!o)
        return NULL;
    o->buffer = buffer;
    o->size = size;
    for (int i = 0; i < RECEIVE_SLOTS; i++)
        o->headers[i].msg_hdr = (struct msghdr){.msg_iov = &o->data[i],
                                                .msg_iovlen = 1,
                                                .msg_control = &o->to[i],
                                                .msg_controllen = sizeof o->to[i]};
    return o;
}

void association_gather(struct endpoint *e)
{
    e->transport->outbox->endpoint = e;
}

/* False: it has to be sent on its own. */
static bool gather(struct channel *c, uint32_t ppid, struct octets message)
{
    struct sctp_outbox *o = c->endpoint->transport->outbox;
    uint32_t cost = (uint32_t)message.length + MESSAGE_COST;

    if (o->endpoint != c->endpoint || c->sctp.in_kernel + cost >= c->endpoint->sctp.kernel_share ||
        o->used == RECEIVE_SLOTS || message.length > o->size - o->octets)
        return false;
    memcpy(o->buffer + o->octets, message.data, message.length);
    o->channels[o->used] = c;
    o->data[o->used] = (struct iovec){o->buffer + o->octets, message.length};
    o->to[o->used++] = destination(c->sctp.association, ppid, 0);
    o->octets += message.length;
    c->sctp.in_kernel += cost;
    return true;
}

static int send_alone(struct channel *c, uint32_t ppid, struct octets message);

/* One that the kernel did not take: by the ordinary way, after which the channel may wait or be gone. */
static void scatter_one(struct sctp_outbox *o, unsigned i)
{
    struct channel *c = o->channels[i];
    int rc;

    if (c->state >= CHANNEL_DOOMED || c->sctp.association == 0)
        return;
    c->sctp.in_kernel -= (uint32_t)o->data[i].iov_len + MESSAGE_COST;
    rc = send_alone(c, ntohl(o->to[i].info.snd_ppid), octets_of(o->data[i].iov_base, o->data[i].iov_len));
    if (rc != ERR_OK && rc != ERR_CLOSED) {
        c->endpoint->transport->statistics.queues_overflowed += rc == ERR_LIMIT;
        channel_doom(c, rc);
    }
}

void association_scatter(struct transport *t)
{
    struct sctp_outbox *o = t->outbox;
    struct endpoint *e = o->endpoint;
    unsigned used = o->used;
    int sent = 0;

    /* First, for what is sent on the way below comes here as well. */
    o->endpoint = NULL;
    o->used = 0;
    o->octets = 0;
    if (used == 0 || e->sctp.fd < 0)
        return;
    do
        sent = sendmmsg(e->sctp.fd, o->headers, used, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    for (unsigned i = sent > 0 ? (unsigned)sent : 0; i < used; i++)
        scatter_one(o, i);
}

static int send_alone(struct channel *c, uint32_t ppid, struct octets message)
{
    int err = EAGAIN;

    if (c->sctp.association == 0)
        return ERR_CLOSED;
    if (c->sctp.waits == SCTP_WAITS_NOT)
        err = send_or_wait(c, ppid, message);
    if (err == 0)
        return ERR_OK;
    return err == EAGAIN ? queue_push(&c->queue, ppid, message, c->endpoint->max_queued) : failed(c, err);
}

int association_send(struct channel *c, uint32_t ppid, struct octets message)
{
    struct sctp_outbox *o = c->endpoint->transport->outbox;

    if (o->endpoint) {
        if (c->sctp.association && c->sctp.waits == SCTP_WAITS_NOT && gather(c, ppid, message))
            return ERR_OK;
        association_scatter(c->endpoint->transport); /* what came first goes first */
    }
    return send_alone(c, ppid, message);
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
