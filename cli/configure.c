/* SPDX-License-Identifier: BSD-3-Clause */
/* Configuration mode: a parsed line becomes paths and values, and configd decides. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { SECRET_MAX = 256 };

/* The first parts of a concrete path: as many as the mode's own path has. */
static void scope_path(const struct cli *c, const struct config_mode *scope, char out[CONFIG_PATH_MAX])
{
    size_t parts = scope->path[0] != '\0', n = 0;

    for (const char *s = scope->path; *s; s++)
        parts += *s == '.';
    while (c->path[n] && (c->path[n] != '.' || --parts > 0))
        n++;
    if (scope->path[0] == '\0')
        n = 0;
    memcpy(out, c->path, n);
    out[n] = '\0';
}

/* A path of the schema below a mode, with the mode's concrete path in its place. */
static bool path_below(const char *base, const struct config_mode *mode, const char *pattern,
                       char out[CONFIG_PATH_MAX])
{
    size_t skip = strlen(mode->path);
    const char *rest = pattern + skip + (skip > 0);

    return snprintf(out, CONFIG_PATH_MAX, "%s%s%s", base, *base ? "." : "", rest) < CONFIG_PATH_MAX;
}

/* The concrete path of the mode that the line enters or names. */
static int entered_path(struct cli *c, const struct parse *p, const char *scope, char out[CONFIG_PATH_MAX])
{
    char key[CONFIG_PATH_MAX] = "", message[CONFIG_MESSAGE_MAX] = "", pattern[CONFIG_PATH_MAX];

    if (!path_below(scope, p->scope, p->entered->path, pattern))
        return cli_error(c, "The name is too long.");
    size_t stem = strlen(pattern);
    if (p->key && config_key_encode(p->entered, p->key, key, message) != 0)
        return cli_error(c, "%s", message);
    if (p->key && stem > 0 && pattern[stem - 1] == '*')
        stem--;
    if (snprintf(out, CONFIG_PATH_MAX, "%.*s%s", (int)stem, pattern, key) >= CONFIG_PATH_MAX)
        return cli_error(c, "The name is too long.");
    return 0;
}

static int change(struct cli *c, const char *method, const char *path, const char *value)
{
    json_t *params = json_pack("{s:s}", "path", path), *result = NULL;
    int rc;

    if (value && json_object_set_new(params, "value", json_string(value)) != 0) {
        json_decref(params);
        return cli_error(c, "The value is not UTF-8 text.");
    }
    rc = daemon_call(c, &c->configd, method, params, &result);
    json_decref(result);
    return rc;
}

static int set_secret(struct cli *c, const struct setting *s, const char *path, const char *value)
{
    char typed[SECRET_MAX] = "", what[64];
    int rc = -1;

    if (value && strcmp(value, "prompt") != 0)
        return change(c, "config.set", path, value);
    if (c->answer_fd < 0)
        return cli_error(c, "%s: a value is needed, there is no terminal to ask for it.", s->command);
    snprintf(what, sizeof what, "New %s", s->command);
    if (secret_ask(c, what, true, typed, sizeof typed))
        rc = change(c, "config.set", path, typed);
    explicit_bzero(typed, sizeof typed);
    return rc;
}

static int apply(struct cli *c, enum graph_form form, const struct setting *s, const char *path,
                 const char *value)
{
    bool list = s->flags & SETTING_LIST;

    if (s->flags & SETTING_DISRUPTS && c->editor)
        output_text(&c->out, "Note: this ends associations or sessions that depend on it.\n");
    if (form == FORM_SET && s->flags & SETTING_SECRET)
        return set_secret(c, s, path, value);
    if (form == FORM_SET && s->type == SETTING_BOOLEAN)
        return change(c, "config.set", path, "true");
    if (form == FORM_SET)
        return change(c, list ? "config.add" : "config.set", path, value);
    if (form == FORM_NO && s->type == SETTING_BOOLEAN)
        return change(c, "config.set", path, "false");
    if (form == FORM_NO && list && value)
        return change(c, "config.remove", path, value);
    return change(c, "config.unset", path, NULL);
}

static void stand_at(struct cli *c, const struct config_mode *mode, const char *path)
{
    c->mode = mode;
    snprintf(c->path, sizeof c->path, "%s", path);
}

/* "interface eth1", "no interface eth1": no setting on the line. */
static int run_mode(struct cli *c, const struct parse *p, const char *scope, const char *path)
{
    if (p->form != FORM_SET) {
        if (change(c, "config.unset", path, NULL) != 0)
            return -1;
        stand_at(c, p->scope, scope);
        return 0;
    }
    if (p->key && change(c, "config.enter", path, NULL) != 0)
        return -1;
    stand_at(c, p->entered, path);
    return 0;
}

int configure_run(struct cli *c, const struct parse *p)
{
    char scope[CONFIG_PATH_MAX], base[CONFIG_PATH_MAX], path[CONFIG_PATH_MAX];
    const struct config_mode *mode = p->entered ? p->entered : p->scope;

    if (!p->scope)
        return cli_error(c, "This is a command of configuration mode.");
    scope_path(c, p->scope, scope);
    memcpy(base, scope, sizeof base);
    if (p->entered && entered_path(c, p, scope, base) != 0)
        return -1;
    if (p->setting_count == 0)
        return run_mode(c, p, scope, base);
    for (size_t i = 0; i < p->setting_count; i++) {
        const struct setting *s = p->settings[i].setting;
        if (!path_below(base, mode, s->path, path))
            return cli_error(c, "The name is too long.");
        if (apply(c, p->form, s, path, p->settings[i].value) != 0)
            return -1;
        if (strcmp(s->path, "hostname") == 0)
            cli_refresh_hostname(c);
    }
    stand_at(c, p->scope, scope);
    return 0;
}
