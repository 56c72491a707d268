/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SCTP: messages and notifications in. One system call brings all that waits, up to RECEIVE_SLOTS; each
 * message is handled where the kernel put it, and only one that comes in pieces is copied.
 */
#include "transport/internal.h"

#include <stdlib.h>

struct sctp_batch {
    struct mmsghdr headers[RECEIVE_SLOTS];
    struct iovec slots[RECEIVE_SLOTS];
    union {
        struct cmsghdr align;
        uint8_t space[CMSG_SPACE(sizeof(struct sctp_rcvinfo)) + 64];
    } control[RECEIVE_SLOTS];
};

static void prepare(struct sctp_batch *b, int i)
{
    b->headers[i].msg_hdr.msg_controllen = sizeof b->control[i].space;
    b->headers[i].msg_hdr.msg_flags = 0;
}

struct sctp_batch *association_batch_new(uint8_t *receive)
{
    struct sctp_batch *b = receive ? calloc(1, sizeof *b) : NULL;

    for (int i = 0; b && i < RECEIVE_SLOTS; i++) {
        b->slots[i] = (struct iovec){receive + (size_t)i * RECEIVE_SLOT, RECEIVE_SLOT};
        b->headers[i].msg_hdr.msg_iov = &b->slots[i];
        b->headers[i].msg_hdr.msg_iovlen = 1;
        b->headers[i].msg_hdr.msg_control = b->control[i].space;
        prepare(b, i);
    }
    return b;
}

/* --- notifications
 * ----------------------------------------------------------------------------------------------- */

static void association_up(struct endpoint *e, sctp_assoc_t association)
{
    struct channel *c = association_find(e, association);

    if (!c) {
        if (e->n_channels >= e->max_channels || !(c = channel_new(e))) {
            e->transport->statistics.channels_refused++;
            association_abort(e, association);
            return;
        }
        if (!association_attach(c, association)) {
            channel_forget(c);
            association_abort(e, association);
            return;
        }
        association_load_peers(c);
        if (!admission_take(c)) {
            e->transport->statistics.channels_refused++;
            channel_forget(c); /* aborts the association */
            return;
        }
        admission_watch(c);
    } else if (c->state == CHANNEL_CONNECTING) {
        association_load_peers(c);
    } else {
        return;
    }
    channel_opened(c);
}

static void association_down(struct endpoint *e, sctp_assoc_t association, int reason)
{
    struct channel *c = association_find(e, association);

    if (!c)
        return;
    association_detach(c);
    channel_doom(c, reason);
}

/* Why the kernel gave up: a peer that aborted sent a chunk, which is shown; a peer that is silent did not. Of
 * one that never answered the kernel tells neither. */
static int loss_reason(const struct sctp_assoc_change *change)
{
    bool silent =
        change->sac_state == SCTP_COMM_LOST && !change->sac_error && change->sac_length == sizeof *change;

    return silent ? ERR_TIMEOUT : ERR_CLOSED;
}

static void on_association(struct endpoint *e, const union sctp_notification *n)
{
    const struct sctp_assoc_change *change = &n->sn_assoc_change;

    switch (change->sac_state) {
    case SCTP_COMM_UP:
        association_up(e, change->sac_assoc_id);
        break;
    case SCTP_RESTART:
        /* The peer has forgotten everything: for those above it is another channel. */
        association_down(e, change->sac_assoc_id, ERR_CLOSED);
        association_up(e, change->sac_assoc_id);
        break;
    case SCTP_SHUTDOWN_COMP:
        association_down(e, change->sac_assoc_id, ERR_OK);
        break;
    case SCTP_COMM_LOST:
    case SCTP_CANT_STR_ASSOC:
        association_down(e, change->sac_assoc_id, loss_reason(change));
        break;
    }
}

static void on_path(struct endpoint *e, const union sctp_notification *n)
{
    const struct sctp_paddr_change *change = &n->sn_paddr_change;
    struct channel *c = association_find(e, change->spc_assoc_id);
    struct sockaddr_storage sa;
    struct address peer;
    bool reachable = change->spc_state == SCTP_ADDR_AVAILABLE || change->spc_state == SCTP_ADDR_CONFIRMED;

    if (!c)
        return;
    if (change->spc_state == SCTP_ADDR_ADDED || change->spc_state == SCTP_ADDR_REMOVED)
        association_load_peers(c);
    if (!reachable && change->spc_state != SCTP_ADDR_UNREACHABLE)
        return;
    e->transport->statistics.paths_lost += !reachable;
    memcpy(&sa, &change->spc_aaddr, sizeof sa); /* not aligned in the notification */
    if (e->handler.path && c->state == CHANNEL_OPEN &&
        address_from_sockaddr((struct sockaddr *)&sa, &peer, NULL))
        e->handler.path(e->handler.context, c, &peer, reachable);
}

static void on_shutdown(struct endpoint *e, const union sctp_notification *n)
{
    struct channel *c = association_find(e, n->sn_shutdown_event.sse_assoc_id);

    if (!c)
        return;
    association_stop_waiting(c);
    channel_peer_ending(c);
}

static void on_send_failed(struct endpoint *e, const union sctp_notification *n)
{
    (void)n;
    e->transport->statistics.messages_undelivered++;
}

static void on_delivery_aborted(struct endpoint *e, const union sctp_notification *n)
{
    struct channel *c = association_find(e, n->sn_pdapi_event.pdapi_assoc_id);

    if (!c)
        return;
    partial_clear(c);
    c->sctp.discarding = false;
}

static void on_dry(struct endpoint *e, const union sctp_notification *n)
{
    struct channel *c = association_find(e, n->sn_sender_dry_event.sender_dry_assoc_id);

    if (c)
        association_dry(c);
}

static const struct {
    uint16_t type;
    size_t length;
    void (*handle)(struct endpoint *e, const union sctp_notification *n);
} notifications[] = {
    {SCTP_ASSOC_CHANGE, sizeof(struct sctp_assoc_change), on_association},
    {SCTP_PEER_ADDR_CHANGE, sizeof(struct sctp_paddr_change), on_path},
    {SCTP_SHUTDOWN_EVENT, sizeof(struct sctp_shutdown_event), on_shutdown},
    {SCTP_SEND_FAILED_EVENT, sizeof(struct sctp_send_failed_event), on_send_failed},
    {SCTP_PARTIAL_DELIVERY_EVENT, sizeof(struct sctp_pdapi_event), on_delivery_aborted},
    {SCTP_SENDER_DRY_EVENT, sizeof(struct sctp_sender_dry_event), on_dry},
};

static void notified(struct endpoint *e, const uint8_t *data, size_t length)
{
    const union sctp_notification *n = (const void *)data;

    for (size_t i = 0; length >= sizeof n->sn_header && i < sizeof notifications / sizeof notifications[0];
         i++)
        if (notifications[i].type == n->sn_header.sn_type && length >= notifications[i].length)
            notifications[i].handle(e, n);
}

/* --- messages
 * ---------------------------------------------------------------------------------------------------- */

static const struct sctp_rcvinfo *info_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == IPPROTO_SCTP && c->cmsg_type == SCTP_RCVINFO &&
            c->cmsg_len >= CMSG_LEN(sizeof(struct sctp_rcvinfo)))
            return (const void *)CMSG_DATA(c);
    return NULL;
}

static void discard(struct channel *c, bool more)
{
    if (!c->sctp.discarding)
        c->endpoint->transport->statistics.messages_too_long++;
    c->sctp.discarding = more;
    partial_clear(c);
}

static void piece(struct channel *c, uint32_t ppid, struct octets data, bool last)
{
    struct partial whole;

    if (c->sctp.discarding || c->partial.have + data.length > c->endpoint->max_message ||
        partial_append(c, data.data, data.length) != ERR_OK) {
        discard(c, !last);
        return;
    }
    if (!last)
        return;
    whole = partial_take(c);
    channel_deliver(c, ppid, octets_of(whole.data, whole.have));
    free(whole.data);
}

static void received(struct endpoint *e, struct msghdr *m, const uint8_t *data, size_t length)
{
    const struct sctp_rcvinfo *info = info_of(m);
    struct channel *c = info ? association_find(e, info->rcv_assoc_id) : NULL;
    bool last = m->msg_flags & MSG_EOR;

    if (!c)
        return;
    if (last && c->partial.have == 0 && !c->sctp.discarding && length <= e->max_message)
        channel_deliver(c, ntohl(info->rcv_ppid), octets_of(data, length));
    else
        piece(c, ntohl(info->rcv_ppid), octets_of(data, length), last);
}

/* One read and what follows from it; false when it brought nothing. */
static bool take_batch(struct endpoint *e, int fd, int flags)
{
    struct sctp_batch *b = e->transport->batch;
    int n = recvmmsg(fd, b->headers, RECEIVE_SLOTS, flags, NULL);

    e->transport->statistics.reads++;
    if (n > 1)
        association_gather(e);
    for (int i = 0; i < n; i++) {
        struct msghdr *m = &b->headers[i].msg_hdr;
        const uint8_t *data = b->slots[i].iov_base;

        if (!e->dead && m->msg_flags & MSG_NOTIFICATION)
            notified(e, data, b->headers[i].msg_len);
        else if (!e->dead)
            received(e, m, data, b->headers[i].msg_len);
        prepare(b, i);
    }
    if (n > 1)
        association_scatter(e->transport);
    return n > 0;
}

void association_readable(evutil_socket_t fd, short what, void *endpoint)
{
    struct endpoint *e = endpoint;
    struct transport *t = e->transport;

    (void)what;
    if (!take_batch(e, fd, MSG_DONTWAIT) || !e->stay || e->dead || !stay_begin(t, fd))
        return;
    while (!e->dead && TAILQ_EMPTY(&e->sctp.room_waiters) && stay_on(t)) {
        t->statistics.stayed++;
        if (!take_batch(e, fd, MSG_WAITFORONE)) {
            stay_in_vain(t);
            return;
        }
    }
}
