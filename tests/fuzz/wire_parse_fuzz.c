/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any octets as a message (the first one chooses the protocol): parse it, walk over all that it holds, write
 * it, parse that, and it must be the same. Nothing may be read outside the message: it is given in a block of
 * just its size.
 */
#include "base/error.h"
#include "tests/fuzz/wire_same.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                           \
    do {                                                                                                     \
        if (!(x))                                                                                            \
            __builtin_trap();                                                                                \
    } while (0)

static void walk_addresses(struct octets addresses)
{
    struct address a;
    size_t n = 0;
    while (wire_address_next(&addresses, &a))
        n += a.family == 4 ? 8 : 20;
    (void)n;
}

static void walk_element(const struct wire_pool_element *e)
{
    struct wire_pool_element again;
    REQUIRE(e->user.type != 0 && e->policy.type != 0);
    walk_addresses(e->user.addresses);
    walk_addresses(e->asap.addresses);
    REQUIRE(wire_parse_pool_element(e->parameter, &again) == 0 && same_element(e, &again));
}

static void walk(const struct wire_message *m)
{
    struct wire_pool_element e;
    struct wire_server s;
    struct wire_transport t;
    struct octets handle = {0}, error = m->error, information;
    struct wire_list list = m->list;
    bool is_handle;
    uint16_t cause;

    if (m->present & WIRE_HAS_POOL_ELEMENT)
        walk_element(&m->element);
    while (wire_cause_next(&error, &cause, &information))
        REQUIRE(information.data >= m->error.data &&
                information.data + information.length <= m->error.data + m->error.length);
    if (m->protocol == WIRE_ENRP && m->type == ENRP_HANDLE_TABLE_RESPONSE) {
        while (wire_table_next(&list, &is_handle, &handle, &e))
            if (is_handle)
                REQUIRE(handle.length > 0);
            else
                walk_element(&e);
        REQUIRE((m->present & WIRE_HAS_LIST) == 0 || handle.length > 0);
    } else if (m->protocol == WIRE_ENRP) {
        while (wire_server_next(&list, &s))
            walk_addresses(s.transport.addresses);
    } else if (m->type == ASAP_SERVER_ANNOUNCE) {
        while (wire_transport_next(&list, &t))
            walk_addresses(t.addresses);
    } else {
        while (wire_element_next(&list, &e))
            walk_element(&e);
    }
    REQUIRE(list.run.length == 0);
}

static void check_fault(int result, const struct wire_fault *f, const uint8_t *data, size_t size)
{
    REQUIRE(f->n_unrecognized <= WIRE_UNRECOGNIZED_MAX && f->reason && f->offset <= size);
    REQUIRE(result == 0 || result == ERR_MALFORMED || result == ERR_UNRECOGNIZED);
    REQUIRE(result != 0 || f->report == (f->n_unrecognized > 0));
    for (unsigned i = 0; i < f->n_unrecognized; i++)
        REQUIRE(f->unrecognized[i].data > data && f->unrecognized[i].length >= 4 &&
                f->unrecognized[i].data + f->unrecognized[i].length <= data + size);
    if (!f->report)
        return;
    static uint8_t answer[WIRE_MESSAGE_MAX * 4];
    struct writer w = writer_of(answer, sizeof answer);
    struct wire_message error;
    struct wire_fault none;
    wire_begin(&w, WIRE_ASAP, ASAP_ERROR, 0);
    wire_put_fault(&w, f);
    int n = wire_end(&w);
    REQUIRE(n == ERR_NO_SPACE || wire_parse(WIRE_ASAP, answer, (size_t)n, &error, &none) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum wire_protocol protocol = data[0] & 1 ? WIRE_ENRP : WIRE_ASAP;
    uint8_t *message =
        malloc(size); /* one more than needed, for malloc(0); the copy below starts behind it */
    static uint8_t buffer[WIRE_MESSAGE_MAX + 4];
    struct wire_message a, b;
    struct wire_fault fault;

    REQUIRE(message);
    memcpy(message, data, size);
    int framed = wire_frame(message + 1, size - 1);
    REQUIRE(framed == ERR_MALFORMED || framed >= 0);
    int e = wire_parse(protocol, message + 1, size - 1, &a, &fault);
    check_fault(e, &fault, message, size);
    if (e == 0) {
        walk(&a);
        int n = wire_write(&a, buffer, sizeof buffer);
        /* Padding that was missing at the end of a nested list is put in: only a message of nearly 64 KiB can
         * outgrow. */
        REQUIRE(n > 0 || (n == ERR_NO_SPACE && size > WIRE_MESSAGE_MAX - 64));
        if (n > 0) {
            REQUIRE(wire_parse(protocol, buffer, (size_t)n, &b, &fault) == 0);
            REQUIRE(same_message(&a, &b));
        }
    }
    free(message);
    return 0;
}
