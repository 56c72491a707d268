/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What waits for a slow peer: messages in order, bounded in octets. Apart because it is the one place where a
 * channel's memory can grow.
 */
#ifndef TRANSPORT_QUEUE_H
#define TRANSPORT_QUEUE_H

#include "base/octets.h"

#include <sys/queue.h>
#include <sys/uio.h>

struct queued {
    STAILQ_ENTRY(queued) next;
    uint32_t ppid;
    uint32_t length;
    uint8_t data[];
};

struct queue {
    STAILQ_HEAD(, queued) messages;
    size_t held; /* octets of memory */
    size_t sent; /* octets of the first message that are gone already (streams) */
};

void queue_init(struct queue *q);
bool queue_is_empty(const struct queue *q);
/* Appends a copy. ERR_LIMIT when the queue would hold more than limit octets of memory, ERR_MEMORY. */
int queue_push(struct queue *q, uint32_t ppid, struct octets message, size_t limit);
/* The first message, NULL when empty; stays the queue's. */
const struct queued *queue_first(const struct queue *q);
void queue_pop(struct queue *q);
/* Streams: describes up to n messages that wait; returns how many. */
int queue_gather(const struct queue *q, struct iovec *iov, int n);
/* Streams: n octets have been sent. Returns how many messages that completed. */
size_t queue_consume(struct queue *q, size_t n);
void queue_clear(struct queue *q);

#endif
