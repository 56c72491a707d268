/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One loop for two libraries: libevent runs it, Net-SNMP's sockets and timers are events in it. Net-SNMP
 * tells its sockets anew before each turn (snmp_select_info2 with a netsnmp_large_fd_set, so that descriptors
 * beyond 1023 work).
 */
#ifndef SNMP_AGENT_LOOP_H
#define SNMP_AGENT_LOOP_H

#include <event2/event.h>

struct loop;

/* NULL when out of memory. Takes SIGALRM for itself. */
struct loop *loop_new(struct event_base *base);
void loop_free(struct loop *l);

/*
 * Runs something that may block in connect(): to a process that hangs it waits for ever once that process's
 * backlog is full. A signal ends such a wait after a second and a half; Net-SNMP and the control client take
 * that as "not there".
 */
void loop_guarded(void (*run)(void *context), void *context);

/* Runs until event_base_loopbreak() or event_base_loopexit(). */
void loop_run(struct loop *l);

#endif
