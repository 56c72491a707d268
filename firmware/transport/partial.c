/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages that come in pieces. Memory follows what has come, never what a header claims, and all channels
 * together hold a bounded sum. */
#include "transport/internal.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

int partial_append(struct channel *c, const uint8_t *data, size_t n)
{
    struct transport *t = c->endpoint->transport;
    struct partial *p = &c->partial;

    if (n > p->capacity - p->have) {
        size_t capacity = p->capacity ? p->capacity : FIRST_CAPACITY;
        uint8_t *grown;

        while (capacity - p->have < n)
            capacity *= 2;
        if (t->reassembly + capacity - p->capacity > REASSEMBLY_MAX)
            return ERR_LIMIT;
        grown = realloc(p->data, capacity);
        if (!grown)
            return ERR_MEMORY;
        t->reassembly += capacity - p->capacity;
        p->data = grown;
        p->capacity = (uint32_t)capacity;
    }
    memcpy(p->data + p->have, data, n);
    p->have += (uint32_t)n;
    return ERR_OK;
}

struct partial partial_take(struct channel *c)
{
    struct partial taken = c->partial;

    c->endpoint->transport->reassembly -= taken.capacity;
    c->partial = (struct partial){0};
    return taken;
}

void partial_clear(struct channel *c)
{
    free(partial_take(c).data);
}
