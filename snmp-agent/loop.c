/* SPDX-License-Identifier: BSD-3-Clause */
/* libevent joined with Net-SNMP. */
#include "snmp-agent/loop.h"

#include "snmp-agent/netsnmp.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/time.h>

enum { GUARD_MS = 1500 };

struct watch {
    int fd;
    struct event *event;
};

struct loop {
    struct event_base *base;
    netsnmp_large_fd_set sockets;
    struct event *timer;
    struct watch *watches;
    unsigned watches_count;
    bool renew; /* sockets may have been closed and opened again under the same number */
};

static void on_alarm(int number)
{
    (void)number; /* only here to interrupt a system call */
}

void loop_guarded(void (*run)(void *context), void *context)
{
    const struct itimerval every = {.it_interval = {1, GUARD_MS % 1000 * 1000},
                                    .it_value = {1, GUARD_MS % 1000 * 1000}};
    const struct itimerval off = {0};

    setitimer(ITIMER_REAL, &every, NULL);
    run(context);
    setitimer(ITIMER_REAL, &off, NULL);
}

static void run_timers(void *context)
{
    (void)context;
    snmp_timeout();
    run_alarms();
    netsnmp_check_outstanding_agent_requests();
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    loop_guarded(run_timers, NULL);
    ((struct loop *)context)->renew = true;
}

static void on_socket(evutil_socket_t fd, short what, void *context)
{
    struct loop *l = context;

    (void)what;
    NETSNMP_LARGE_FD_ZERO(&l->sockets);
    netsnmp_large_fd_setfd(fd, &l->sockets);
    snmp_read2(&l->sockets);
    netsnmp_check_outstanding_agent_requests();
}

/* Drops the events of sockets that Net-SNMP no longer has. An event goes before its number can be given to a
 * new socket, as nothing else runs between Net-SNMP's close and this. */
static void drop_watches(struct loop *l)
{
    for (unsigned i = l->watches_count; i-- > 0;) {
        if (NETSNMP_LARGE_FD_ISSET(l->watches[i].fd, &l->sockets))
            continue;
        event_free(l->watches[i].event);
        l->watches[i] = l->watches[--l->watches_count];
    }
}

static struct watch *watch_of(struct loop *l, int fd)
{
    for (unsigned i = 0; i < l->watches_count; i++)
        if (l->watches[i].fd == fd)
            return &l->watches[i];
    return NULL;
}

static void add_watch(struct loop *l, int fd)
{
    struct watch *grown = realloc(l->watches, (l->watches_count + 1) * sizeof *grown);
    struct event *event = grown ? event_new(l->base, fd, EV_READ | EV_PERSIST, on_socket, l) : NULL;

    if (grown)
        l->watches = grown;
    if (!event)
        return; /* out of memory: tried again before the next turn */
    event_add(event, NULL);
    l->watches[l->watches_count++] = (struct watch){.fd = fd, .event = event};
}

/* Brings the events in line with what Net-SNMP waits for now. A socket that it closed and opened again under
 * the same number has a dead event in epoll. It opens sockets in its timers only, so after those every event
 * is made known anew. */
static void prepare(struct loop *l)
{
    int count = 0, block = 1;
    struct timeval wait = {0};

    NETSNMP_LARGE_FD_ZERO(&l->sockets);
    snmp_select_info2(&count, &l->sockets, &wait, &block);
    drop_watches(l);
    for (int fd = 0; fd < count; fd++) {
        if (!NETSNMP_LARGE_FD_ISSET(fd, &l->sockets))
            continue;
        struct watch *w = watch_of(l, fd);
        if (!w) {
            add_watch(l, fd);
        } else if (l->renew) {
            event_del(w->event);
            event_add(w->event, NULL);
        }
    }
    l->renew = false;
    if (block)
        evtimer_del(l->timer);
    else
        evtimer_add(l->timer, &wait);
}

void loop_run(struct loop *l)
{
    do
        prepare(l);
    while (event_base_loop(l->base, EVLOOP_ONCE) == 0 && !event_base_got_break(l->base) &&
           !event_base_got_exit(l->base));
}

struct loop *loop_new(struct event_base *base)
{
    struct loop *l = calloc(1, sizeof *l);
    struct sigaction action = {.sa_handler = on_alarm}; /* without SA_RESTART: that is the point */

    if (!l)
        return NULL;
    l->base = base;
    netsnmp_large_fd_set_init(&l->sockets, FD_SETSIZE);
    l->timer = evtimer_new(base, on_timer, l);
    if (!l->timer) {
        loop_free(l);
        return NULL;
    }
    sigaction(SIGALRM, &action, NULL);
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->watches_count; i++)
        event_free(l->watches[i].event);
    free(l->watches);
    if (l->timer)
        event_free(l->timer);
    netsnmp_large_fd_set_cleanup(&l->sockets);
    free(l);
}
