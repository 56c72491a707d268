/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals, and what systemd hears: ready, alive (from the loop itself), status. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "registrard/registrard.h"

#include <signal.h>
#include <systemd/sd-daemon.h>

static const int signal_numbers[] = {SIGTERM, SIGINT, SIGHUP};

static void reload(struct registrard *r)
{
    char message[CONFIG_MESSAGE_MAX] = "";
    struct config *c;
    struct settings s;
    int rc;

    if (!r->config_file) {
        log_notice("SIGHUP: nothing to read again, started without --config");
        return;
    }
    sd_notify(0, "RELOADING=1");
    c = config_new();
    rc = c ? config_load(c, r->config_file, message) : ERR_MEMORY;
    if (rc == 0)
        rc = config_validate(c, message);
    if (rc == 0)
        rc = settings_read(c, &s, message);
    if (rc == 0)
        rc = service_apply(r, &s, message);
    config_free(c);
    if (rc)
        log_err("%s not applied, nothing is changed: %s", r->config_file,
                message[0] ? message : error_text(rc));
    else
        log_notice("%s read again and applied", r->config_file);
    sd_notify(0, "READY=1");
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
    struct registrard *r = context;

    (void)what;
    if (number == SIGHUP) {
        reload(r);
        return;
    }
    log_notice("stopping (signal %d)", (int)number);
    event_base_loopbreak(r->base);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    (void)context;
    sd_notify(0, "WATCHDOG=1");
}

static void on_second(evutil_socket_t fd, short what, void *context)
{
    struct registrard *r = context;

    (void)fd;
    (void)what;
    if (r->changed)
        sd_notifyf(0, "STATUS=%u pools, %u pool elements, %u channels", handlespace_pools(r->handlespace),
                   handlespace_elements(r->handlespace), transport_channels(r->transport));
    feed_second(r);
}

static int start_watchdog(struct registrard *r)
{
    uint64_t usec;
    struct timeval every;

    if (sd_watchdog_enabled(0, &usec) <= 0)
        return 0;
    usec /= 3;
    every = (struct timeval){.tv_sec = (time_t)(usec / 1000000), .tv_usec = (suseconds_t)(usec % 1000000)};
    r->watchdog_timer = event_new(r->base, -1, EV_PERSIST, on_watchdog, r);
    return r->watchdog_timer ? event_add(r->watchdog_timer, &every) : ERR_MEMORY;
}

int supervision_start(struct registrard *r)
{
    const struct timeval second = {.tv_sec = 1};

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof signal_numbers / sizeof signal_numbers[0]; i++) {
        r->signals[i] = evsignal_new(r->base, signal_numbers[i], on_signal, r);
        if (!r->signals[i] || event_add(r->signals[i], NULL))
            return ERR_MEMORY;
    }
    r->second_timer = event_new(r->base, -1, EV_PERSIST, on_second, r);
    if (!r->second_timer || event_add(r->second_timer, &second))
        return ERR_MEMORY;
    return start_watchdog(r);
}

void supervision_ready(struct registrard *r)
{
    r->changed = true;
    sd_notify(0, "READY=1");
    log_notice("registrar ready");
}

void supervision_stop(struct registrard *r)
{
    sd_notify(0, "STOPPING=1");
    for (size_t i = 0; i < sizeof r->signals / sizeof r->signals[0]; i++)
        if (r->signals[i])
            event_free(r->signals[i]);
    if (r->second_timer)
        event_free(r->second_timer);
    if (r->watchdog_timer)
        event_free(r->watchdog_timer);
}
