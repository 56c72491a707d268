/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handle resolution (RFC 5352, 3.3): the hot path. Parsed in place, selected into an array on the stack, the
 * elements' encoded parameters copied into the one response buffer; nothing is allocated.
 */
#include "asap/internal.h"

/* Elements as long as they fit; how many did. */
static size_t put_elements(struct writer *w, struct pool_element *const *elements, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        struct octets parameter = pool_element_parameter(elements[i]);
        size_t padded = (parameter.length + 3) & ~(size_t)3;
        if ((size_t)(w->end - w->at) < padded)
            break;
        octets_store32(w->at + padded - 4, 0); /* the padding, and what the parameter covers again */
        memcpy(w->at, parameter.data, parameter.length);
        w->at += padded;
    }
    return i;
}

void asap_send_resolution(struct asap *a, struct channel *c, struct pool *p, size_t k, uint8_t flags)
{
    struct pool_element *chosen[ASAP_ITEMS_MAX];
    struct writer w = writer_of(a->buffer, WIRE_MESSAGE_MAX);

    k = handlespace_select(a->handlespace, p, k, chosen);
    /* RFC 5352, 2.2.6: the policy's type only; an element's own values say nothing about the pool. */
    wire_begin_resolution_response(&w, flags, pool_handle(p), pool_policy(p));
    if (put_elements(&w, chosen, k) == 0)
        asap_send_resolution_error(a, c, pool_handle(p), WIRE_CAUSE_UNKNOWN_POOL_HANDLE, (struct octets){0});
    else
        asap_send(a, c, ASAP_HANDLE_RESOLUTION_RESPONSE, wire_end(&w));
}

void asap_resolution(const struct asap_call *call)
{
    static const struct asap_reject unknown = {.cause = WIRE_CAUSE_UNKNOWN_POOL_HANDLE};
    struct asap *a = call->asap;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    uint32_t k = a->settings.items;
    uint8_t flags = 0;

    if (!p) {
        asap_reply_resolution_error(call, &unknown);
        return;
    }
    if ((call->in->present & WIRE_HAS_RESOLUTION_OPTION) && call->in->items_wanted)
        k = call->in->items_wanted;
    if (k > ASAP_ITEMS_MAX)
        k = ASAP_ITEMS_MAX;
    if ((call->in->flags & ASAP_FLAG_SUBSCRIBE) && asap_subscribe(a, call->client, p, k))
        flags = ASAP_FLAG_ACCEPT;
    asap_send_resolution(a, call->channel, p, k, flags);
}
