/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handle resolution (RFC 5352, 3.3): the hot path. Parsed in place, selected into an array on the stack, the
 * elements' encoded parameters copied into the one response buffer; nothing is allocated.
 */
#include "asap/internal.h"

/* RFC 5352, 2.2.6: type only; an element's own policy values say nothing about the pool. */
static void put_pool_policy(struct writer *w, const struct pool *p)
{
    wire_put_policy(w, &(struct wire_policy){.type = pool_policy(p)});
}

/* Elements as long as they fit; how many did. */
static size_t put_elements(struct writer *w, struct pool_element *const *elements, size_t n)
{
    static const uint8_t padding[3];
    size_t i;

    for (i = 0; i < n; i++) {
        struct octets parameter = pool_element_parameter(elements[i]);
        size_t pad = (4 - parameter.length % 4) % 4;
        if ((size_t)(w->end - w->at) < parameter.length + pad)
            break;
        wire_put_raw(w, parameter);
        writer_put(w, padding, pad);
    }
    return i;
}

void asap_resolution(const struct asap_call *call)
{
    static const struct asap_reject unknown = {.cause = WIRE_CAUSE_UNKNOWN_POOL_HANDLE};
    struct asap *a = call->asap;
    struct pool *p = handlespace_find_pool(a->handlespace, call->in->pool_handle);
    struct pool_element *chosen[ASAP_ITEMS_MAX];
    struct writer w;
    size_t k = a->settings.items;

    if (!p) {
        asap_reply_resolution_error(call, &unknown);
        return;
    }
    if ((call->in->present & WIRE_HAS_RESOLUTION_OPTION) && call->in->items_wanted)
        k = call->in->items_wanted;
    if (k > ASAP_ITEMS_MAX)
        k = ASAP_ITEMS_MAX;
    k = handlespace_select(a->handlespace, p, k, chosen);
    w = writer_of(a->buffer, WIRE_MESSAGE_MAX);
    wire_begin(&w, WIRE_ASAP, ASAP_HANDLE_RESOLUTION_RESPONSE, 0);
    wire_put_pool_handle(&w, call->in->pool_handle);
    put_pool_policy(&w, p);
    if (put_elements(&w, chosen, k) == 0)
        asap_reply_resolution_error(call, &unknown);
    else
        asap_send(a, call->channel, ASAP_HANDLE_RESOLUTION_RESPONSE, wire_end(&w));
}
