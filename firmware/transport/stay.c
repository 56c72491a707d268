/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Staying at one socket: a reader that gets request after request from the same socket, and nothing from any
 * other, waits for the next one in the read itself instead of going around the event loop, which would cost a
 * further system call and as many instructions as the request. Apart because here alone is decided how long
 * others may have to wait for it.
 *
 * It stays for STAY_TURNS reads or STAY_US at most, a read in vain ends it after some 11 ms (SO_RCVTIMEO),
 * and each stay in vain doubles the number of inputs in a row that the next one asks for;
 * only many that were worth it halve it again.
 */
#include "base/clock.h"
#include "transport/internal.h"

#include <fcntl.h>
#include <sys/time.h>

enum {
    STAY_TURNS = 16,
    CLOCK_TURNS = 4,
    WORTH_TURNS = 4,
    TRUST_AGAIN = 32,
    STAY_US = 5000,
    NEEDED_MIN = 32,
    NEEDED_MAX = 1 << 16
};

bool stay_prepare(int fd)
{
    /* Counted in ticks of the kernel, of which the first is never whole: one alone would often be over before
     * the next request can be there. */
    const struct timeval ticks = {.tv_usec = 11000};

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &ticks, sizeof ticks) == 0;
}

void stay_blocking(int fd, bool blocking)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags >= 0)
        fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

bool stay_begin(struct transport *t, int fd)
{
    struct stay *s = &t->stay;

    if (s->fd != fd) {
        s->fd = fd;
        s->in_a_row = 0;
        return false;
    }
    if (++s->in_a_row < (s->needed ? s->needed : NEEDED_MIN))
        return false;
    s->turns = 0;
    s->since_us = clock_us();
    return true;
}

static void judge(struct stay *s, bool worth)
{
    uint32_t needed = s->needed ? s->needed : NEEDED_MIN;

    s->worth_in_a_row = worth ? s->worth_in_a_row + 1 : 0;
    if (s->worth_in_a_row == TRUST_AGAIN && needed > NEEDED_MIN) {
        s->needed = needed / 2;
        s->worth_in_a_row = 0;
    }
    if (worth)
        return;
    s->needed = needed < NEEDED_MAX ? needed * 2 : needed;
    s->in_a_row = 0;
}

bool stay_on(struct transport *t)
{
    struct stay *s = &t->stay;

    /* What the loop has to do at once. */
    if (!TAILQ_EMPTY(&t->doomed) || t->dead_channels || t->dead_endpoints)
        return false;
    if (s->turns < STAY_TURNS && (s->turns % CLOCK_TURNS || clock_us() - s->since_us < STAY_US)) {
        s->turns++;
        return true;
    }
    judge(s, s->turns >= WORTH_TURNS);
    return false;
}

void stay_in_vain(struct transport *t)
{
    t->statistics.stays_in_vain++;
    judge(&t->stay, false);
}
