/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One change at a time, whole or not at all: a candidate is made from the running configuration and
 * validated; registrard is asked, then the system's appliers; what one of them refuses is taken back from
 * those before it, and the asker is told.
 */
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
    struct control_request *request;
    enum change_verb verb;
    struct config_action action;
    char *value; /* of the action, or the first operator's password */
    char name[CONFIG_PATH_MAX];
    json_t *reply;
    struct config *candidate;
    unsigned mask;
    bool to_registrard;
    STAILQ_ENTRY(change) next;
};

static void start_next(struct configd *d);

const char *user_name(uid_t uid, char *out, size_t capacity)
{
    const struct passwd *p = getpwuid(uid);
    if (p)
        snprintf(out, capacity, "%s", p->pw_name);
    else
        snprintf(out, capacity, "uid %u", uid);
    return out;
}

static void change_free(struct change *c)
{
    if (c->value)
        explicit_bzero(c->value, strlen(c->value));
    free(c->value);
    json_decref(c->reply);
    config_free(c->candidate);
    free(c);
}

static struct change *change_new(struct control_request *r, enum change_verb verb, const char *value)
{
    struct change *c = calloc(1, sizeof *c);

    if (c && value && !(c->value = strdup(value))) {
        free(c);
        c = NULL;
    }
    if (!c) {
        control_fail(r, ERR_MEMORY, NULL);
        return NULL;
    }
    c->request = r;
    c->verb = verb;
    return c;
}

static void submit(struct configd *d, struct change *c)
{
    bool idle = STAILQ_EMPTY(&d->changes);

    STAILQ_INSERT_TAIL(&d->changes, c, next);
    if (idle)
        start_next(d);
}

void change_submit(struct configd *d, struct control_request *r, const struct config_action *action,
                   json_t *reply)
{
    struct change *c = change_new(r, CHANGE_ACTION, action->value);

    if (!c) {
        json_decref(reply);
        return;
    }
    c->action = *action;
    c->action.value = c->value;
    c->reply = reply;
    submit(d, c);
}

void change_submit_operator(struct configd *d, struct control_request *r, const char *name,
                            const char *password)
{
    struct change *c = change_new(r, CHANGE_OPERATOR, password);

    if (!c)
        return;
    snprintf(c->name, sizeof c->name, "%s", name);
    submit(d, c);
}

void changes_free(struct configd *d)
{
    struct change *c;

    while ((c = STAILQ_FIRST(&d->changes))) {
        STAILQ_REMOVE_HEAD(&d->changes, next);
        control_fail(c->request, ERR_WRONG_STATE, "configd is stopping");
        change_free(c);
    }
}

bool operator_exists(const struct config *c)
{
    char path[CONFIG_PATH_MAX];

    for (const char *key = NULL; (key = config_key_next(c, "users", key));) {
        snprintf(path, sizeof path, "users.%s.level", key);
        if (strcmp(config_get(c, path), "15") != 0)
            continue;
        snprintf(path, sizeof path, "users.%s.password", key);
        bool password = config_get(c, path) != NULL;
        snprintf(path, sizeof path, "users.%s.ssh-keys", key);
        if (password || config_get(c, path))
            return true;
    }
    return false;
}

/* --- saving
 * -------------------------------------------------------------------------------------------------------- */

static void count_difference(void *context, const char *path, const char *from, const char *to,
                             const struct setting *row)
{
    (void)path;
    (void)from;
    (void)to;
    (void)row;
    ++*(unsigned *)context;
}

bool configd_unsaved(const struct configd *d)
{
    unsigned n = 0;
    if (d->saved)
        config_diff(d->saved, d->running, &n, count_difference);
    return !d->saved || n > 0;
}

int configd_save(struct configd *d, uint32_t *number, char *message)
{
    struct config *copy = config_copy(d->running);
    int rc = copy ? store_save(&d->store, copy, number, message) : ERR_MEMORY;

    if (rc != 0) {
        config_free(copy);
        return rc;
    }
    config_free(d->saved);
    d->saved = copy;
    problem_clear(d, "startup");
    log_notice("the running configuration is saved as archive %u", *number);
    return 0;
}

/* --- the pipeline
 * -------------------------------------------------------------------------------------------------- */

static int make_operator(const struct configd *d, struct change *c, char *message)
{
    char key[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX + 16];
    int rc = config_key_encode(config_mode_of("users.x"), c->name, key, message);

    if (rc == 0 && operator_exists(d->running)) {
        snprintf(message, CONFIG_MESSAGE_MAX, "there is an operator already");
        rc = ERR_WRONG_STATE;
    }
    if (rc != 0)
        return rc;
    snprintf(path, sizeof path, "users.%s.level", key);
    rc = config_set(c->candidate, path, "15", message);
    snprintf(path, sizeof path, "users.%s.password", key);
    return rc == 0 ? config_set(c->candidate, path, c->value, message) : rc;
}

static int make_candidate(struct configd *d, struct change *c, char *message)
{
    c->candidate = config_copy(d->running);
    int rc = !c->candidate                ? ERR_MEMORY
             : c->verb == CHANGE_OPERATOR ? make_operator(d, c, message)
                                          : config_execute(c->candidate, &c->action, message);
    if (rc == 0)
        rc = config_validate(c->candidate, message);
    if (rc == 0)
        c->mask = appliers_touched(d->running, c->candidate);
    return rc;
}

struct announcing {
    struct configd *d;
    const struct control_peer *peer;
    char user[64];
};

/* One line of the audit log and one notification a path; secrets never appear. */
static void announce(void *context, const char *path, const char *from, const char *to,
                     const struct setting *row)
{
    struct announcing *a = context;
    bool secret = row && row->flags & SETTING_SECRET;
    const char *verb = row ? (to ? "is now " : "has its default again") : (to ? "is there" : "is removed");
    const char *value = !row || !to ? "" : secret ? "*****" : to;
    const struct log_field fields[] = {{"CONFIG_PATH", path}, {"CONFIG_USER", a->user}, {0}};

    (void)from;
    log_write(LOG_NOTICE, fields, "%s %s%s by %s (process %d)", path, verb, value, a->user,
              (int)a->peer->pid);
    if (control_subscribers(a->d->server) > 0)
        control_feed_publish(a->d->server, "config", json_pack("{s:s, s:s}", "path", path, "user", a->user));
}

/* Takes the first change off the queue, answers it, and starts the next. */
static void finish(struct configd *d, int rc, const char *message)
{
    struct change *c = STAILQ_FIRST(&d->changes);
    char text[CONFIG_MESSAGE_MAX];
    uint32_t number;

    if (rc == 0) {
        struct announcing a = {d, control_request_peer(c->request), ""};
        struct config *old = d->running;
        user_name(a.peer->uid, a.user, sizeof a.user);
        d->running = c->candidate;
        c->candidate = NULL;
        config_diff(old, d->running, &a, announce);
        config_free(old);
        if (c->verb == CHANGE_OPERATOR && (rc = configd_save(d, &number, text)) != 0)
            message = text;
    }
    STAILQ_REMOVE_HEAD(&d->changes, next);
    if (rc == 0) {
        control_reply(c->request, c->reply ? c->reply : json_object());
        c->reply = NULL;
    } else {
        control_fail(c->request, rc, "%s", message);
    }
    change_free(c);
}

/* After registrard agreed, or was not concerned, or is not there. */
static void apply_to_system(struct configd *d, char *message)
{
    struct change *c = STAILQ_FIRST(&d->changes);
    int rc;

    message[0] = '\0';
    rc = appliers_run(&d->system, c->mask, d->running, c->candidate, message);
    if (rc != 0 && c->to_registrard)
        registrard_sync(d); /* what it had before */
    finish(d, rc, message);
}

/* registrard's answer is "text: detail (advice)"; text and advice come anew with the code. */
static const char *detail_of(int code, const char *text, char out[CONFIG_MESSAGE_MAX])
{
    size_t head = strlen(error_text(code));
    char advice[CONFIG_MESSAGE_MAX];

    if (strncmp(text, error_text(code), head) == 0)
        text += head + (strncmp(text + head, ": ", 2) == 0 ? 2 : 0);
    snprintf(advice, sizeof advice, " (%.200s)", error_advice(code));
    const char *tail = strstr(text, advice);
    snprintf(out, CONFIG_MESSAGE_MAX, "%.*s", tail ? (int)(tail - text) : CONFIG_MESSAGE_MAX - 1, text);
    return out;
}

static void on_registrard(struct configd *d, int code, const char *text)
{
    char message[CONFIG_MESSAGE_MAX];

    if (code == 0) {
        problem_clear(d, "registrard");
        apply_to_system(d, message);
    } else {
        finish(d, code, detail_of(code, text, message));
    }
    start_next(d);
}

/* Runs the changes that wait until one has to wait for registrard's answer. */
static void start_next(struct configd *d)
{
    struct change *c;

    while ((c = STAILQ_FIRST(&d->changes))) {
        char message[CONFIG_MESSAGE_MAX] = "";
        int rc = make_candidate(d, c, message);
        if (rc != 0) {
            finish(d, rc, message);
            continue;
        }
        c->to_registrard =
            c->mask & 1u << APPLY_REGISTRARD && registrard_send(d, c->candidate, on_registrard);
        if (c->to_registrard)
            return;
        apply_to_system(d, message);
    }
}
