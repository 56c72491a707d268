/* SPDX-License-Identifier: BSD-3-Clause */
/* What configd offers on its control socket: one function a method, METHODS.md is their reference. */
#include "base/clock.h"
#include "base/error.h"
#include "configd/configd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define MASK "*****"

/* A text parameter; answers the request with an error where a needed one is missing. */
static const char *text_of(struct control_request *r, const json_t *params, const char *name, bool needed)
{
    const json_t *value = json_object_get(params, name);
    const char *text = json_string_value(value);

    if (!text && (needed || value)) {
        control_fail(r, ERR_ARGUMENT, "%s: a text is needed", name);
        return NULL;
    }
    return text ? text : "";
}

/* The configuration that "which" names: "running" or nothing, "startup"; NULL and answered otherwise. */
static const struct config *which_of(struct configd *d, struct control_request *r, const json_t *params)
{
    const char *which = text_of(r, params, "which", false);

    if (!which)
        return NULL;
    if (!*which || strcmp(which, "running") == 0)
        return d->running;
    if (strcmp(which, "startup") != 0)
        control_fail(r, ERR_ARGUMENT, "which: \"running\" or \"startup\" is needed");
    else if (!d->saved)
        control_fail(r, ERR_NOT_FOUND, "there is no startup configuration");
    else
        return d->saved;
    return NULL;
}

/* --- config.*
 * ------------------------------------------------------------------------------------------------------ */

struct getting {
    json_t *settings, *entries;
    const char *prefix;
};

static bool is_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return n == 0 || (strncmp(path, prefix, n) == 0 && (path[n] == '\0' || path[n] == '.'));
}

static void get_one(void *context, const char *path, const char *from, const char *to,
                    const struct setting *row)
{
    struct getting *g = context;

    (void)from;
    if (!is_below(path, g->prefix))
        return;
    if (!row)
        json_array_append_new(g->entries, json_string(path));
    else
        json_object_set_new(g->settings, path, json_string(row->flags & SETTING_SECRET ? MASK : to));
}

static void config_get_method(void *context, struct control_request *r, const json_t *params)
{
    const struct config *c = which_of(context, r, params);
    const char *path = c ? text_of(r, params, "path", false) : NULL;

    if (!path)
        return;
    const struct setting *row = config_setting(path);
    struct getting g = {json_object(), json_array(), path};
    struct config *none = config_new();
    if (none)
        config_diff(none, c, &g, get_one);
    if (row && row->fallback &&
        !json_object_get(g.settings, path)) /* a setting by its name: the default too */
        json_object_set_new(g.settings, path, json_string(row->fallback));
    config_free(none);
    control_reply(r, json_pack("{s:o, s:o}", "settings", g.settings, "entries", g.entries));
}

static void config_render_method(void *context, struct control_request *r, const json_t *params)
{
    const struct config *c = which_of(context, r, params);
    bool secrets = json_is_true(json_object_get(params, "secrets"));
    char *text = NULL;
    size_t size;

    if (!c)
        return;
    if (secrets && control_request_peer(r)->level < CONTROL_LEVEL_ADMIN) {
        control_fail(r, ERR_DENIED, "secrets are shown to privilege level 15 only");
        return;
    }
    FILE *f = open_memstream(&text, &size);
    if (f)
        config_render(c,
                      (json_is_true(json_object_get(params, "all")) ? CONFIG_RENDER_ALL : 0) |
                          (secrets ? CONFIG_RENDER_SECRETS : 0),
                      f);
    if (f && fclose(f) == 0)
        control_reply(r, json_pack("{s:s}", "text", text));
    else
        control_fail(r, ERR_MEMORY, NULL);
    free(text);
}

static void change_method(struct configd *d, struct control_request *r, const json_t *params,
                          enum config_verb verb)
{
    bool with_value = verb != CONFIG_UNSET && verb != CONFIG_ENTER;
    struct config_action action = {.verb = verb};
    const char *path = text_of(r, params, "path", true);

    if (!path || (with_value && !(action.value = text_of(r, params, "value", true))))
        return;
    if (strlen(path) >= sizeof action.path) {
        control_fail(r, ERR_NOT_FOUND, "%.60s...: there is no such setting", path);
        return;
    }
    strcpy(action.path, path);
    change_submit(d, r, &action, NULL);
}

static void config_set_method(void *context, struct control_request *r, const json_t *params)
{
    change_method(context, r, params, CONFIG_SET);
}

static void config_add_method(void *context, struct control_request *r, const json_t *params)
{
    change_method(context, r, params, CONFIG_ADD);
}

static void config_remove_method(void *context, struct control_request *r, const json_t *params)
{
    change_method(context, r, params, CONFIG_REMOVE);
}

static void config_unset_method(void *context, struct control_request *r, const json_t *params)
{
    change_method(context, r, params, CONFIG_UNSET);
}

static void config_enter_method(void *context, struct control_request *r, const json_t *params)
{
    change_method(context, r, params, CONFIG_ENTER);
}

static void config_command_method(void *context, struct control_request *r, const json_t *params)
{
    const char *path = text_of(r, params, "path", false);
    const char *line = path ? text_of(r, params, "line", true) : NULL;
    char message[CONFIG_MESSAGE_MAX];
    struct config_place place;
    struct config_action action;

    if (!line)
        return;
    int rc = config_place_at(path, &place, message);
    if (rc == 0)
        rc = config_parse_command(&place, line, &action, message);
    if (rc != 0)
        control_fail(r, rc, "%s", message);
    else
        change_submit(
            context, r, &action,
            json_pack("{s:s, s:s}", "path", action.place.path, "prompt", action.place.mode->prompt));
}

static void config_save_method(void *context, struct control_request *r, const json_t *params)
{
    char message[CONFIG_MESSAGE_MAX] = "";
    uint32_t number;
    int rc = configd_save(context, &number, message);

    (void)params;
    if (rc == 0)
        control_reply(r, json_pack("{s:I}", "archive", (json_int_t)number));
    else
        control_fail(r, rc, "%s", message);
}

/* --- system.*, setup.*, feed
 * --------------------------------------------------------------------------------------- */

/* The board's name, which the image's builder wrote. */
static void read_board(const struct system *s, char *out, size_t capacity)
{
    char *text = system_read(s, "/usr/lib/poolward/board");

    snprintf(out, capacity, "%.*s", text ? (int)strcspn(text, "\n") : 4, text ? text : "host");
    free(text);
}

static void system_get_method(void *context, struct control_request *r, const json_t *params)
{
    struct configd *d = context;
    json_t *problems = json_array();
    struct utsname kernel = {0};
    struct timespec up = {0};
    char board[64];

    (void)params;
    uname(&kernel);
    clock_gettime(CLOCK_BOOTTIME, &up);
    read_board(&d->system, board, sizeof board);
    for (size_t i = 0; i < d->n_problems; i++)
        json_array_append_new(problems, json_string(d->problems[i].text));
    control_reply(r, json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:o}", "hostname",
                               config_get(d->running, "hostname"), "version", POOLWARD_VERSION, "board",
                               board, "kernel", kernel.release, "uptime",
                               (json_int_t)up.tv_sec * 1000 + up.tv_nsec / 1000000, "unsaved",
                               configd_unsaved(d), "problems", problems));
}

static void setup_get_method(void *context, struct control_request *r, const json_t *params)
{
    struct configd *d = context;

    (void)params;
    control_reply(r, json_pack("{s:b}", "needed", !operator_exists(d->running)));
}

static void setup_operator_method(void *context, struct control_request *r, const json_t *params)
{
    const char *name = text_of(r, params, "name", true);
    const char *password = name ? text_of(r, params, "password", true) : NULL;
    uid_t uid = control_request_peer(r)->uid;

    if (!password)
        return;
    if (uid != 0 && uid != geteuid())
        control_fail(r, ERR_DENIED, "the first operator is made on the console");
    else
        change_submit_operator(context, r, name, password);
}

static void feed_subscribe_method(void *context, struct control_request *r, const json_t *params)
{
    (void)params;
    if (control_subscribe(r, context, NULL, NULL))
        control_reply(r, json_object());
    else
        control_fail(r, ERR_MEMORY, NULL);
}

const struct control_method configd_methods[] = {
    {"config.get", CONTROL_LEVEL_READ, config_get_method},
    {"config.render", CONTROL_LEVEL_READ, config_render_method},
    {"config.set", CONTROL_LEVEL_ADMIN, config_set_method},
    {"config.add", CONTROL_LEVEL_ADMIN, config_add_method},
    {"config.remove", CONTROL_LEVEL_ADMIN, config_remove_method},
    {"config.unset", CONTROL_LEVEL_ADMIN, config_unset_method},
    {"config.enter", CONTROL_LEVEL_ADMIN, config_enter_method},
    {"config.command", CONTROL_LEVEL_ADMIN, config_command_method},
    {"config.save", CONTROL_LEVEL_ADMIN, config_save_method},
    {"system.get", CONTROL_LEVEL_READ, system_get_method},
    {"setup.get", CONTROL_LEVEL_ADMIN, setup_get_method},
    {"setup.operator", CONTROL_LEVEL_ADMIN, setup_operator_method},
    {"feed.subscribe", CONTROL_LEVEL_READ, feed_subscribe_method},
    {0},
};
