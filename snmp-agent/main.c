/* SPDX-License-Identifier: BSD-3-Clause */
/* snmp-agent: options, and the parts joined: the registrar's feed -> the mirror -> tables behind AgentX. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "control/control.h"
#include "snmp-agent/agent.h"
#include "snmp-agent/feed.h"
#include "snmp-agent/loop.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#define AGENTX_SOCKET CONTROL_DIR "/agentx.sock"

struct options {
    const char *agentx, *registrard, *configd;
    bool foreground, debug;
};

struct program {
    struct event_base *base;
    struct event *terminate, *interrupt, *watchdog;
    struct loop *loop;
    struct mirror *mirror;
    struct feed *feed;
    struct agent *agent;
};

static const char help[] =
    "usage: snmp-agent [options]\n"
    "Serves RSERPOOL-MIB (RFC 5525) to an SNMP master agent, as an AgentX subagent, from the state of a "
    "registrar.\n"
    "  --agentx SOCKET    the master's AgentX socket (default " AGENTX_SOCKET ");\n"
    "                     in snmpd.conf: master agentx, agentXSocket SOCKET\n"
    "  --control SOCKET   registrard's control socket (default " CONTROL_REGISTRARD ")\n"
    "  --configd SOCKET   configd's control socket, for what a manager sets (default " CONTROL_CONFIGD ")\n"
    "  --foreground       log to the terminal\n"
    "  --debug            log more\n"
    "  --version, --help\n"
    "The master and the registrar may come, go and come back at any time; SIGTERM ends the program.\n";

/* 0: go on; else exit with *status. */
static bool parse(int argc, char **argv, struct options *o, int *status)
{
    static const struct option longs[] = {
        {"agentx", required_argument, NULL, 'a'},  {"control", required_argument, NULL, 'r'},
        {"configd", required_argument, NULL, 'c'}, {"foreground", no_argument, NULL, 'f'},
        {"debug", no_argument, NULL, 'd'},         {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},          {0}};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'a':
            o->agentx = optarg;
            break;
        case 'r':
            o->registrard = optarg;
            break;
        case 'c':
            o->configd = optarg;
            break;
        case 'f':
            o->foreground = true;
            break;
        case 'd':
            o->debug = true;
            break;
        case 'v':
            puts("snmp-agent " POOLWARD_VERSION);
            return false;
        case 'h':
            fputs(help, stdout);
            return false;
        default:
            *status = 2;
            return false;
        }
    }
    const char *paths[] = {o->agentx, o->registrard, o->configd};
    for (unsigned i = 0; i < 3; i++)
        if (paths[i][0] != '/' || strlen(paths[i]) >= sizeof((struct sockaddr_un *)0)->sun_path) {
            fprintf(stderr, "snmp-agent: %s: not the absolute path of a socket (of at most %zu octets)\n",
                    paths[i], sizeof((struct sockaddr_un *)0)->sun_path - 1);
            *status = 2;
        }
    if (optind < argc) {
        fprintf(stderr, "snmp-agent: %s: no such argument; see --help\n", argv[optind]);
        *status = 2;
    }
    return *status == 0;
}

static void on_stop(evutil_socket_t number, short what, void *context)
{
    (void)number;
    (void)what;
    event_base_loopbreak(context);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    sd_notify(0, "WATCHDOG=1");
}

/* Fed from the loop at half the interval that systemd asks for. */
static bool start_watchdog(struct program *p)
{
    uint64_t us;

    if (sd_watchdog_enabled(0, &us) <= 0)
        return true;
    struct timeval half = {.tv_sec = (time_t)(us / 2000000), .tv_usec = (suseconds_t)(us / 2 % 1000000)};
    p->watchdog = event_new(p->base, -1, EV_PERSIST, on_watchdog, NULL);
    return p->watchdog && event_add(p->watchdog, &half) == 0;
}

static int start(struct program *p, const struct options *o)
{
    int rc = ERR_MEMORY;

    if (!(p->base = event_base_new()) || !(p->loop = loop_new(p->base)) || !(p->mirror = mirror_new()) ||
        !start_watchdog(p))
        return rc;
    p->terminate = evsignal_new(p->base, SIGTERM, on_stop, p->base);
    p->interrupt = evsignal_new(p->base, SIGINT, on_stop, p->base);
    if (!p->terminate || !p->interrupt || event_add(p->terminate, NULL) != 0 ||
        event_add(p->interrupt, NULL) != 0)
        return rc;
    const struct feed_options feed = {.path = o->registrard, .mirror = p->mirror};
    if (!(p->feed = feed_new(p->base, &feed)))
        return rc;
    const struct agent_options agent = {.agentx = o->agentx, .configd = o->configd, .mirror = p->mirror};
    p->agent = agent_new(&agent, &rc);
    return rc;
}

static void stop(struct program *p)
{
    agent_free(p->agent);
    feed_free(p->feed);
    mirror_free(p->mirror);
    loop_free(p->loop);
    struct event *events[] = {p->terminate, p->interrupt, p->watchdog};
    for (unsigned i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i])
            event_free(events[i]);
    if (p->base)
        event_base_free(p->base);
}

int main(int argc, char **argv)
{
    struct options o = {
        .agentx = AGENTX_SOCKET, .registrard = CONTROL_REGISTRARD, .configd = CONTROL_CONFIGD};
    struct program p = {0};
    int status = 0;

    if (!parse(argc, argv, &o, &status))
        return status;
    log_open("snmp-agent", o.foreground, o.debug ? LOG_DEBUG : LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    int rc = start(&p, &o);
    if (rc == 0) {
        log_info("snmp-agent " POOLWARD_VERSION " serves RSERPOOL-MIB to the master at %s", o.agentx);
        sd_notify(0, "READY=1");
        loop_run(p.loop);
        sd_notify(0, "STOPPING=1");
    } else {
        log_err("snmp-agent: cannot start: %s (%s)", error_text(rc), error_advice(rc));
        status = 1;
    }
    stop(&p);
    return status;
}
