/* SPDX-License-Identifier: BSD-3-Clause */
/* configd, the only writer of configuration: options, start, the loop. */
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

#include <event2/event.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#define STATE_FOLDER "/data/config"
#define FACTORY      "/usr/lib/poolward/factory.conf"

struct options {
    const char *state, *root, *control, *registrard, *check;
    bool foreground, no_system, verbose;
};

static void usage(FILE *out)
{
    fputs("configd: owns the configuration of the appliance and applies it to the system\n"
          "  --state DIR          startup.conf, secrets.conf and archives (" STATE_FOLDER ")\n"
          "  --control SOCKET     where to listen (" CONTROL_CONFIGD ")\n"
          "  --registrard SOCKET  where registrard listens (" CONTROL_REGISTRARD ")\n"
          "  --root DIR           write the system's files below DIR\n"
          "  --no-system          run no commands and set no host name: log what would be run\n"
          "  --check FILE         read a configuration file, say what is wrong with it, and exit\n"
          "  --foreground         log to the terminal\n"
          "  --verbose            log more\n"
          "  --version, --help\n",
          out);
}

/* -1 to go on, or the status to exit with. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option known[] = {
        {"state", required_argument, NULL, 's'},
        {"control", required_argument, NULL, 'c'},
        {"registrard", required_argument, NULL, 'r'},
        {"root", required_argument, NULL, 'R'},
        {"check", required_argument, NULL, 'k'},
        {"no-system", no_argument, NULL, 'n'},
        {"foreground", no_argument, NULL, 'f'},
        {"verbose", no_argument, NULL, 'v'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (c) {
        case 's':
            o->state = optarg;
            break;
        case 'c':
            o->control = optarg;
            break;
        case 'r':
            o->registrard = optarg;
            break;
        case 'R':
            o->root = optarg;
            break;
        case 'k':
            o->check = optarg;
            break;
        case 'n':
            o->no_system = true;
            break;
        case 'f':
            o->foreground = true;
            break;
        case 'v':
            o->verbose = true;
            break;
        case 'V':
            puts("configd " POOLWARD_VERSION);
            return 0;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "configd: %s is not an option\n", argv[optind]);
    return 2;
}

static int check_file(const char *file)
{
    char message[CONFIG_MESSAGE_MAX];
    struct config *c = config_new();
    int rc = c ? config_load(c, file, message) : ERR_MEMORY;

    if (rc == 0)
        rc = config_validate(c, message);
    config_free(c);
    if (rc == 0)
        return 0;
    fprintf(stderr, "%s\n%s: %s\n", message, error_text(rc), error_advice(rc));
    return 1;
}

static void told(void *context, const char *text)
{
    tell_operator(context, "startup", text);
}

/* 0, or -1 after a message that says what to do. */
static int load(struct configd *d, const struct options *o)
{
    char factory[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX];
    bool clean;
    int rc = store_open(&d->store, o->state, message);

    if (rc != 0) {
        log_err("%s: %s", message, error_advice(rc));
        return -1;
    }
    d->running = store_load(&d->store, system_path(&d->system, FACTORY, factory), &clean, d, told);
    d->saved = d->running && clean ? config_copy(d->running) : NULL;
    d->identifier = store_identifier(&d->store);
    return d->running ? 0 : -1;
}

static int open_sockets(struct configd *d, const struct options *o)
{
    /* Everyone may connect: what is asked is allowed or refused by the asker's level. */
    const struct control_server_options server = {
        .path = o->control, .mode = 0666, .methods = configd_methods, .context = d};
    const struct control_link_options link = {
        .path = o->registrard, .context = d, .up = registrard_up, .down = registrard_down};
    int error;

    d->server = control_server_new(d->base, &server, &error);
    if (!d->server) {
        log_err("%s: %s (%s)", o->control, error_text(error), error_advice(error));
        return -1;
    }
    d->registrard = control_link_new(d->base, &link);
    return d->registrard ? 0 : -1;
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    (void)what;
    log_info("stopping on signal %d", (int)number);
    event_base_loopbreak(context);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    sd_notify(0, "WATCHDOG=1");
}

/* "Ready" is said without registrard after this time: the box must be reachable when registrard is not. */
enum { SETTLE_S = 15 };

/* The events of main: signals, the watchdog of systemd, registrard's deadline. */
struct own_events {
    struct event *list[4];
};

static bool add_events(struct configd *d, struct own_events *e)
{
    const struct timeval settle = {.tv_sec = SETTLE_S};
    uint64_t watchdog_us;

    e->list[0] = evsignal_new(d->base, SIGTERM, on_signal, d->base);
    e->list[1] = evsignal_new(d->base, SIGINT, on_signal, d->base);
    e->list[3] = evtimer_new(d->base, registrard_settled, d);
    d->deadline = evtimer_new(d->base, registrard_on_deadline, d);
    if (!e->list[0] || !e->list[1] || !e->list[3] || !d->deadline || event_add(e->list[0], NULL) ||
        event_add(e->list[1], NULL) || event_add(e->list[3], &settle))
        return false;
    if (sd_watchdog_enabled(0, &watchdog_us) <= 0)
        return true;
    struct timeval half = {.tv_sec = (time_t)(watchdog_us / 2000000),
                           .tv_usec = (suseconds_t)(watchdog_us / 2 % 1000000)};
    e->list[2] = event_new(d->base, -1, EV_PERSIST, on_watchdog, NULL);
    return e->list[2] && event_add(e->list[2], &half) == 0;
}

static int run(struct configd *d, const struct options *o)
{
    struct own_events events = {0};
    int status = EXIT_FAILURE;

    d->base = event_base_new();
    if (!d->base || !add_events(d, &events) || load(d, o) != 0)
        goto out;
    d->system.starting = true;
    appliers_start(d);
    d->system.starting = false;
    if (open_sockets(d, o) != 0)
        goto out;
    log_info("configd " POOLWARD_VERSION " serves at %s, state in %s", o->control, o->state);
    status = event_base_dispatch(d->base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
out:
    control_link_free(d->registrard);
    d->registrard = NULL;
    changes_free(d);
    control_server_free(d->server);
    for (size_t i = 0; i < sizeof events.list / sizeof events.list[0]; i++)
        if (events.list[i])
            event_free(events.list[i]);
    if (d->deadline)
        event_free(d->deadline);
    if (d->base)
        event_base_free(d->base);
    config_free(d->running);
    config_free(d->saved);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {
        .state = STATE_FOLDER, .root = "", .control = CONTROL_CONFIGD, .registrard = CONTROL_REGISTRARD};
    struct configd d = {.changes = STAILQ_HEAD_INITIALIZER(d.changes)};
    int status = parse_options(argc, argv, &o);

    if (status >= 0)
        return status;
    if (o.check)
        return check_file(o.check);
    log_open("configd", o.foreground, o.verbose ? LOG_DEBUG : LOG_INFO);
    signal(SIGPIPE, SIG_IGN);
    d.system = (struct system){.root = o.root, .real = !o.no_system};
    return run(&d, &o);
}
