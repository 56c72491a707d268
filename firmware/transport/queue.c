/* SPDX-License-Identifier: BSD-3-Clause */
#include "transport/queue.h"

#include "base/error.h"

#include <stdlib.h>

void queue_init(struct queue *q)
{
    STAILQ_INIT(&q->messages);
    q->held = q->sent = 0;
}

bool queue_is_empty(const struct queue *q)
{
    return STAILQ_EMPTY(&q->messages);
}

int queue_push(struct queue *q, uint32_t ppid, struct octets message, size_t limit)
{
    /* The header counts too: else many tiny messages would hold many times the limit. */
    size_t size = sizeof(struct queued) + message.length;
    struct queued *m;

    if (size > limit || q->held > limit - size)
        return ERR_LIMIT;
    m = malloc(size);
    if (!m)
        return ERR_MEMORY;
    m->ppid = ppid;
    m->length = (uint32_t)message.length;
    if (message.length)
        memcpy(m->data, message.data, message.length);
    STAILQ_INSERT_TAIL(&q->messages, m, next);
    q->held += size;
    return ERR_OK;
}

const struct queued *queue_first(const struct queue *q)
{
    return STAILQ_FIRST(&q->messages);
}

void queue_pop(struct queue *q)
{
    struct queued *m = STAILQ_FIRST(&q->messages);

    STAILQ_REMOVE_HEAD(&q->messages, next);
    q->held -= sizeof *m + m->length;
    q->sent = 0;
    free(m);
}

int queue_gather(const struct queue *q, struct iovec *iov, int n)
{
    const struct queued *m;
    size_t skip = q->sent;
    int used = 0;

    STAILQ_FOREACH(m, &q->messages, next)
    {
        if (used == n)
            break;
        iov[used++] = (struct iovec){(uint8_t *)m->data + skip, m->length - skip};
        skip = 0;
    }
    return used;
}

size_t queue_consume(struct queue *q, size_t n)
{
    size_t completed = 0;

    while (!queue_is_empty(q)) {
        size_t left = queue_first(q)->length - q->sent;
        if (n < left) {
            q->sent += n;
            break;
        }
        n -= left;
        queue_pop(q);
        completed++;
    }
    return completed;
}

void queue_clear(struct queue *q)
{
    while (!queue_is_empty(q))
        queue_pop(q);
}
