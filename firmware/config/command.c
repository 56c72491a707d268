/* SPDX-License-Identifier: BSD-3-Clause */
/* One configuration line, understood by the tables: what a pasted or a stored text of commands is executed
 * with. */
#include "base/error.h"
#include "config/internal.h"

#include <string.h>

struct config_place config_root(void)
{
    return (struct config_place){.mode = &config_modes[0]};
}

int config_place_at(const char *path, struct config_place *place, char *message)
{
    const struct config_mode *mode = config_mode_of(path);

    *place = config_root();
    if (*path == '\0')
        return 0;
    if (mode == place->mode || strlen(path) >= CONFIG_PATH_MAX || !path_fits(mode->path, path, NULL, NULL))
        return config_say(message, ERR_NOT_FOUND, path, "there is no such mode");
    place->mode = mode;
    strcpy(place->path, path);
    return 0;
}

/* How many octets of line the words of a command take, with any blanks between them; 0 when they differ. */
static size_t words_fit(const char *command, const char *line)
{
    const char *at = line;
    char want[64], have[64];

    if (!*command)
        return 0;
    while (config_word(&command, want, sizeof want))
        if (!config_word(&at, have, sizeof have) || strcmp(want, have) != 0)
            return 0;
    return (size_t)(at - line);
}

/* What a line's first words mean in a mode: the row or the mode whose command is the longest that fits. */
struct meaning {
    const struct setting *row;
    const struct config_mode *mode;
    size_t length;
};

static struct meaning meaning_of(const struct config_mode *mode, const char *line)
{
    struct meaning best = {0};
    size_t n;

    for (size_t i = 0; i < config_schema_rows; i++)
        if (config_setting_mode(&config_schema[i]) == mode &&
            (n = words_fit(config_schema[i].command, line)) > best.length)
            best = (struct meaning){.row = &config_schema[i], .length = n};
    for (size_t i = 1; mode == &config_modes[0] && i < config_mode_rows; i++)
        if ((n = words_fit(config_modes[i].command, line)) > best.length)
            best = (struct meaning){.mode = &config_modes[i], .length = n};
    return best;
}

enum form { FORM_PLAIN, FORM_NO, FORM_DEFAULT };

static int parse_mode(const struct config_mode *mode, const char *rest, enum form form,
                      struct config_action *a, char *message)
{
    char key[CONFIG_PATH_MAX], encoded[CONFIG_PATH_MAX] = "";

    if (mode->key_help) {
        config_word(&rest, key, sizeof key);
        int rc = config_key_encode(mode, key, encoded, message);
        if (rc != 0)
            return rc;
    }
    if (config_word(&rest, key, sizeof key))
        return config_say(message, ERR_SYNTAX, mode->command, "'%.40s' is one word too many", key);
    if (!path_build(mode->path, encoded, a->path))
        return config_say(message, ERR_TOO_LONG, mode->command, "the name is too long");
    a->verb = form == FORM_PLAIN ? CONFIG_ENTER : CONFIG_UNSET;
    if (form == FORM_PLAIN) {
        a->place.mode = mode;
        strcpy(a->place.path, a->path);
    }
    return 0;
}

static int parse_setting(const struct setting *row, const char *rest, enum form form, struct config_action *a,
                         char *message)
{
    const char *look = rest;
    char extra[64];
    bool value = config_word(&look, extra, sizeof extra);

    if (form == FORM_DEFAULT ||
        (form == FORM_NO && row->type != SETTING_BOOLEAN && !(row->flags & SETTING_LIST && value))) {
        a->verb = CONFIG_UNSET;
        return 0;
    }
    if (row->type == SETTING_BOOLEAN) {
        if (value)
            return config_say(message, ERR_SYNTAX, row->command, "'%.40s' is one word too many", extra);
        a->verb = CONFIG_SET;
        a->value = form == FORM_NO ? "false" : "true";
        return 0;
    }
    if (!value)
        return config_say(message, ERR_SYNTAX, row->command, "a value is missing, as %.60s", row->example);
    a->verb = form == FORM_NO ? CONFIG_REMOVE : row->flags & SETTING_LIST ? CONFIG_ADD : CONFIG_SET;
    a->value = rest;
    return 0;
}

/* The path of a row in the entry of a place. */
static bool path_in(const struct config_place *place, const struct setting *row, char out[CONFIG_PATH_MAX])
{
    const char *part = "";
    size_t length = 0;
    char key[CONFIG_PATH_MAX];

    path_fits(place->mode->path, place->path, &part, &length);
    snprintf(key, sizeof key, "%.*s", (int)length, part);
    return path_build(row->path, key, out);
}

int config_parse_command(const struct config_place *at, const char *line, struct config_action *action,
                         char *message)
{
    enum form form = FORM_PLAIN;
    char word[64];
    const char *rest = line;

    *action = (struct config_action){.verb = CONFIG_NOTHING, .place = *at};
    if (!config_word(&rest, word, sizeof word) || word[0] == '!')
        return 0;
    if (strcmp(word, "exit") == 0 || strcmp(word, "end") == 0) {
        action->verb = CONFIG_LEAVE;
        action->place = config_root();
        return 0;
    }
    if (strcmp(word, "no") == 0 || strcmp(word, "default") == 0) {
        form = word[0] == 'n' ? FORM_NO : FORM_DEFAULT;
        line = rest;
    }
    struct meaning m = meaning_of(at->mode, line);
    if (m.length == 0 && at->mode != &config_modes[0]) {
        action->place = config_root();
        m = meaning_of(action->place.mode, line);
    }
    if (m.length == 0)
        return config_say(message, ERR_SYNTAX, NULL, "'%.100s' is not a configuration command", line);
    if (m.mode)
        return parse_mode(m.mode, line + m.length, form, action, message);
    if (!path_in(&action->place, m.row, action->path))
        return config_say(message, ERR_TOO_LONG, m.row->command, "the name is too long");
    return parse_setting(m.row, line + m.length, form, action, message);
}

int config_execute(struct config *c, const struct config_action *action, char *message)
{
    switch (action->verb) {
    case CONFIG_SET:
        return config_set(c, action->path, action->value, message);
    case CONFIG_ADD:
        return config_add(c, action->path, action->value, message);
    case CONFIG_REMOVE:
        return config_remove(c, action->path, action->value, message);
    case CONFIG_UNSET:
        return config_unset(c, action->path, message);
    case CONFIG_ENTER:
        return config_enter(c, action->path, message);
    case CONFIG_NOTHING:
    case CONFIG_LEAVE:
        break;
    }
    return 0;
}

int config_command(struct config *c, struct config_place *at, const char *line, char *message)
{
    struct config_action action;
    int rc = config_parse_command(at, line, &action, message);

    if (rc == 0)
        rc = config_execute(c, &action, message);
    if (rc == 0)
        *at = action.place;
    return rc;
}
