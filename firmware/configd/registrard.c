/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The registrar's part of the configuration, sent over the control link: whole at each change and each time
 * that registrard comes (again). It answers with an error when it cannot take it; then nothing of it has
 * changed.
 */
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

enum { ANSWER_S = 5 };

typedef void (*done_fn)(struct configd *d, int code, const char *text);

/* One call under way. It outlives its deadline, to meet the late answer. */
struct call {
    struct configd *d;
    uint64_t number;
    done_fn done; /* NULL: only a refusal matters */
};

static json_t *settings_of(const struct configd *d, const struct config *c)
{
    json_t *settings = json_object();
    const char *path, *value;
    const struct setting *row;
    char identifier[16];

    for (size_t cursor = 0; config_next(c, &cursor, &path, &value, &row);)
        if (row->applier == APPLY_REGISTRARD)
            json_object_set_new(settings, path, json_string(value));
    if (config_unsigned(c, "registrar.identifier") == 0) {
        snprintf(identifier, sizeof identifier, "0x%08x", d->identifier);
        json_object_set_new(settings, "registrar.identifier", json_string(identifier));
    }
    return settings;
}

void registrard_settled(int fd, short what, void *context)
{
    struct configd *d = context;

    (void)fd;
    (void)what;
    if (!d->settled)
        sd_notify(0, "READY=1");
    d->settled = true;
}

static void on_answer(void *context, int code, const json_t *result, const char *message)
{
    struct call *call = context;
    struct configd *d = call->d;
    done_fn done = call->done;
    bool late = call->number != d->link_calls;

    (void)result;
    free(call);
    if (code != ERR_CLOSED)
        registrard_settled(-1, 0, d);
    if (done && late) { /* it was given up: what registrard has now may be what was taken back */
        if (code == 0)
            registrard_sync(d);
        return;
    }
    if (done) {
        event_del(d->deadline);
        done(d, code, message);
    } else if (code == 0) {
        problem_clear(d, "registrard");
    } else if (code != ERR_CLOSED) {
        char text[CONFIG_MESSAGE_MAX];
        snprintf(text, sizeof text, "registrard refuses its configuration: %.200s", message);
        tell_operator(d, "registrard", text);
    }
}

static bool send_settings(struct configd *d, const struct config *c, done_fn done)
{
    struct call *call = d->registrard && control_link_is_up(d->registrard) ? calloc(1, sizeof *call) : NULL;

    if (!call)
        return false;
    *call = (struct call){.d = d, .number = done ? ++d->link_calls : d->link_calls, .done = done};
    control_link_call(d->registrard, "config.apply", json_pack("{s:o}", "settings", settings_of(d, c)), call,
                      on_answer);
    return true;
}

bool registrard_send(struct configd *d, const struct config *c, done_fn done)
{
    struct timeval answer = {.tv_sec = ANSWER_S};

    d->link_done = done;
    evtimer_add(d->deadline, &answer);
    if (send_settings(d, c, done))
        return true;
    event_del(d->deadline);
    return false;
}

void registrard_on_deadline(int fd, short what, void *context)
{
    struct configd *d = context;

    (void)fd;
    (void)what;
    d->link_calls++; /* the answer is late from now on */
    d->link_done(d, ERR_TIMEOUT, "registrard does not answer");
}

void registrard_sync(struct configd *d)
{
    send_settings(d, d->running, NULL);
}

void registrard_up(void *context, struct control_link *l)
{
    (void)l;
    log_info("registrard is there: sending its configuration");
    registrard_sync(context);
}

void registrard_down(void *context, struct control_link *l)
{
    (void)context;
    (void)l;
    log_warning("registrard is gone: its configuration is sent when it is back");
}
