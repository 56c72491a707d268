/* SPDX-License-Identifier: BSD-3-Clause */
/* Walking over the lists of a message that wire_parse has checked. What is no item of the list is skipped:
 * wire_parse left nothing there but parameters that ask for it. */
#include "wire/tlv.h"

static bool next_of(struct octets *run, struct tlv *t, uint16_t type)
{
    while (tlv_next(run, t) > 0)
        if (t->type == type)
            return true;
    return false;
}

bool wire_element_next(struct wire_list *list, struct wire_pool_element *out)
{
    struct parse p = {0};
    struct tlv t;
    return next_of(&list->run, &t, WIRE_POOL_ELEMENT) && element_read(&p, &t, out) == 0;
}

bool wire_server_next(struct wire_list *list, struct wire_server *out)
{
    struct parse p = {0};
    struct tlv t;
    return next_of(&list->run, &t, WIRE_SERVER_INFORMATION) && server_read(&p, &t, out) == 0;
}

bool wire_transport_next(struct wire_list *list, struct wire_transport *out)
{
    struct parse p = {0};
    struct tlv t;

    while (tlv_next(&list->run, &t) > 0)
        if (tlv_is_transport(t.type))
            return transport_read(&p, &t, out) == 0;
    return false;
}

bool wire_table_next(struct wire_list *list, bool *is_handle, struct octets *handle,
                     struct wire_pool_element *out)
{
    struct parse p = {0};
    struct tlv t;

    while (tlv_next(&list->run, &t) > 0) {
        *is_handle = t.type == WIRE_POOL_HANDLE;
        if (*is_handle) {
            *handle = t.value;
            return true;
        }
        if (t.type == WIRE_POOL_ELEMENT)
            return element_read(&p, &t, out) == 0;
    }
    return false;
}

bool wire_cause_next(struct octets *error, uint16_t *cause, struct octets *information)
{
    struct tlv t;

    if (tlv_next(error, &t) <= 0)
        return false;
    *cause = t.type;
    *information = t.value;
    return true;
}
