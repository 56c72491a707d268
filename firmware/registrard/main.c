/* SPDX-License-Identifier: BSD-3-Clause */
/* registrard: options, configuration file, and the life of the one context. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "registrard/registrard.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { OPTION_CHECK = 256, OPTION_LOG_LEVEL, OPTION_VERSION };

struct options {
    const char *config;
    const char *control;
    bool foreground, check;
    int level;
};

static void usage(FILE *out)
{
    fputs("Usage: registrard [options]\n"
          "The registrar of an RSerPool operational scope (RFC 5351 to 5356). Without options it serves the "
          "defaults:\n"
          "ASAP on port 3863 of all addresses over SCTP and TCP.\n"
          "\n"
          "  -c, --config FILE      read this configuration (libconfig); read again on SIGHUP\n"
          "      --check            validate the configuration, say what is wrong, and exit\n"
          "  -f, --foreground       log to the terminal even when started by systemd\n"
          "  -s, --control SOCKET   control socket; default " CONTROL_REGISTRARD "\n"
          "      --log-level LEVEL  error, warning, notice, info (default) or debug\n"
          "  -h, --help             this text\n"
          "      --version          version\n",
          out);
}

static int level_of(const char *name)
{
    static const struct {
        const char *name;
        int level;
    } levels[] = {{"error", LOG_ERR},
                  {"warning", LOG_WARNING},
                  {"notice", LOG_NOTICE},
                  {"info", LOG_INFO},
                  {"debug", LOG_DEBUG}};
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
        if (strcmp(levels[i].name, name) == 0)
            return levels[i].level;
    return -1;
}

/* -1 to go on, else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, OPTION_CHECK},
        {"foreground", no_argument, NULL, 'f'},
        {"control", required_argument, NULL, 's'},
        {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "c:fs:h", longs, NULL)) != -1)
        switch (option) {
        case 'c':
            o->config = optarg;
            break;
        case 'f':
            o->foreground = true;
            break;
        case 's':
            o->control = optarg;
            break;
        case OPTION_CHECK:
            o->check = true;
            break;
        case OPTION_LOG_LEVEL:
            o->level = level_of(optarg);
            if (o->level < 0) {
                fprintf(stderr, "registrard: --log-level %s: must be error, warning, notice, info or debug\n",
                        optarg);
                return 2;
            }
            break;
        case 'h':
            usage(stdout);
            return 0;
        case OPTION_VERSION:
            puts("registrard " POOLWARD_VERSION);
            return 0;
        default:
            fputs("registrard: see --help\n", stderr);
            return 2;
        }
    if (optind < argc) {
        fprintf(stderr, "registrard: what is '%s'? There are only options: see --help\n", argv[optind]);
        return 2;
    }
    return -1;
}

static int read_settings(const char *file, struct settings *out, char *message)
{
    struct config *c = config_new();
    int rc = c ? 0 : ERR_MEMORY;

    if (rc == 0 && file)
        rc = config_load(c, file, message);
    if (rc == 0)
        rc = config_validate(c, message);
    if (rc == 0)
        rc = settings_read(c, out, message);
    if (rc && !message[0])
        snprintf(message, CONFIG_MESSAGE_MAX, "%s", error_text(rc));
    config_free(c);
    return rc;
}

/* One descriptor a TCP client: take what the system gives. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A socket that was asked for must be there; the default one is a convenience where nothing prepared its
 * folder. */
static int open_control(struct registrard *r, const struct options *o)
{
    const char *path = o->control ? o->control : CONTROL_REGISTRARD;
    int rc;

    if (!o->control && mkdir(CONTROL_DIR, 0755) != 0 && errno != EEXIST)
        log_debug("%s can't be made: %s", CONTROL_DIR, strerror(errno));
    rc = control_start(r, path);
    if (rc == 0)
        return 0;
    if (!o->control && rc != ERR_ADDRESS_IN_USE) {
        log_warning("no control socket at %s: %s; give another place with --control", path, error_text(rc));
        return 0;
    }
    log_err("control socket %s: %s; %s", path, error_text(rc),
            rc == ERR_ADDRESS_IN_USE ? "another registrard runs: stop it or give another --control"
            : rc == ERR_NOT_FOUND    ? "make its folder, or give another --control"
                                     : error_advice(rc));
    return rc;
}

static int run(struct registrard *r, const struct options *o)
{
    char message[CONFIG_MESSAGE_MAX] = "";
    int rc = supervision_start(r);

    if (rc == 0)
        rc = open_control(r, o);
    if (rc)
        return rc;
    rc = service_start(r, message);
    if (rc) {
        log_err("%s", message);
        return rc;
    }
    supervision_ready(r);
    return event_base_dispatch(r->base) < 0 ? ERR_IO : 0;
}

int main(int argc, char **argv)
{
    static struct registrard r;
    struct options o = {.level = LOG_INFO};
    char message[CONFIG_MESSAGE_MAX] = "";
    int rc = parse_options(argc, argv, &o);

    if (rc >= 0)
        return rc;
    log_open("registrard", o.foreground, o.level);
    rc = read_settings(o.config, &r.settings, message);
    if (rc) {
        log_err("%s", message);
        return 1;
    }
    if (o.check) {
        puts("configuration valid");
        return 0;
    }
    raise_descriptors();
    r.config_file = o.config;
    r.started_ms = clock_ms();
    r.epoch = (uint64_t)time(NULL);
    r.base = event_base_new();
    rc = r.base ? run(&r, &o) : ERR_MEMORY;
    supervision_stop(&r);
    control_stop(&r);
    service_stop(&r);
    if (r.base)
        event_base_free(r.base);
    return rc ? 1 : 0;
}
