/* SPDX-License-Identifier: BSD-3-Clause */
/* ASAP_SERVER_ANNOUNCE, ours and those of other registrars, which decide how often ours is sent (RFC
 * 5352, 3.6). */
#include "asap/internal.h"

/* T7-ENRPoutdate is 5 s by default, after which clients forget a registrar: with more than four of them the
 * rule would have all forgotten between two announces. The limit also bounds what forged announces can do. */
enum { INTERVAL_MAX_MS = 4000, VALID_INTERVALS = 3 };

int asap_write_announce(const struct asap *a, const struct wire_transport *transports, size_t n,
                        uint8_t *buffer, size_t capacity)
{
    struct writer w = writer_of(buffer, capacity);

    wire_begin(&w, WIRE_ASAP, ASAP_SERVER_ANNOUNCE, 0);
    writer_u32(&w, a->settings.registrar);
    for (size_t i = 0; i < n; i++)
        wire_put_transport(&w, &transports[i]);
    return wire_end(&w);
}

static uint32_t longest(uint32_t t6_ms)
{
    return t6_ms > INTERVAL_MAX_MS ? t6_ms : INTERVAL_MAX_MS;
}

/* Those that are silent for too long are gone. */
static void forget_silent(struct asap *a, uint32_t t6_ms, uint64_t now_ms)
{
    for (uint32_t i = 0; i < a->n_announcers;)
        if (now_ms - a->announcers[i].heard_ms > (uint64_t)longest(t6_ms) * VALID_INTERVALS)
            a->announcers[i] = a->announcers[--a->n_announcers];
        else
            i++;
}

void asap_announced(struct asap *a, struct octets message, uint64_t now_ms)
{
    struct wire_message m;
    struct wire_fault fault;
    uint32_t i = 0;

    if (wire_parse(WIRE_ASAP, message.data, message.length, &m, &fault) != 0 ||
        m.type != ASAP_SERVER_ANNOUNCE || m.registrar == a->settings.registrar)
        return;
    a->statistics.received[ASAP_SERVER_ANNOUNCE]++;
    while (i < a->n_announcers && a->announcers[i].registrar != m.registrar)
        i++;
    if (i == ASAP_ANNOUNCERS_MAX)
        return;
    if (i == a->n_announcers)
        a->n_announcers++;
    a->announcers[i] = (struct asap_announcer){m.registrar, now_ms};
}

uint32_t asap_announce_interval(struct asap *a, uint32_t t6_ms, uint64_t now_ms)
{
    uint64_t interval;

    forget_silent(a, t6_ms, now_ms);
    interval = (a->n_announcers + UINT64_C(1)) * t6_ms;
    return interval < longest(t6_ms) ? (uint32_t)interval : longest(t6_ms);
}
