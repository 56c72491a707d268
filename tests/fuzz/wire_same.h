/* SPDX-License-Identifier: BSD-3-Clause */
/* Are two messages the same to someone who reads them? For the fuzz targets and the unit test of wire. */
#ifndef TESTS_WIRE_SAME_H
#define TESTS_WIRE_SAME_H

#include "wire/message.h"

static inline bool same_transport(const struct wire_transport *a, const struct wire_transport *b)
{
    return a->type == b->type && a->port == b->port && a->use == b->use &&
           a->service_code == b->service_code && octets_equal(a->addresses, b->addresses) &&
           octets_equal(a->opaque, b->opaque);
}

static inline bool same_policy(const struct wire_policy *a, const struct wire_policy *b)
{
    return a->type == b->type && a->weight == b->weight && a->priority == b->priority && a->load == b->load &&
           a->degradation == b->degradation && a->weight_dpf == b->weight_dpf && a->load_dpf == b->load_dpf &&
           a->distance == b->distance && octets_equal(a->other, b->other);
}

/* Not `parameter`: parameters inside it that are skipped are not written again. */
static inline bool same_element(const struct wire_pool_element *a, const struct wire_pool_element *b)
{
    return a->identifier == b->identifier && a->home_registrar == b->home_registrar &&
           a->registration_life == b->registration_life && same_transport(&a->user, &b->user) &&
           same_policy(&a->policy, &b->policy) && same_transport(&a->asap, &b->asap);
}

static inline bool same_message(const struct wire_message *a, const struct wire_message *b)
{
    return a->protocol == b->protocol && a->type == b->type && a->flags == b->flags &&
           a->present == b->present && a->sender == b->sender && a->receiver == b->receiver &&
           a->target == b->target && a->registrar == b->registrar && a->action == b->action &&
           a->checksum == b->checksum && a->pe_identifier == b->pe_identifier &&
           a->items_wanted == b->items_wanted && octets_equal(a->pool_handle, b->pool_handle) &&
           same_element(&a->element, &b->element) && same_policy(&a->policy, &b->policy) &&
           a->server.identifier == b->server.identifier &&
           same_transport(&a->server.transport, &b->server.transport) && octets_equal(a->cookie, b->cookie) &&
           octets_equal(a->error, b->error) && octets_equal(a->list.run, b->list.run);
}

#endif
