/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration as the commands that make it: what `show running-config` prints and what can be pasted
 * back. */
#include "config/internal.h"

#include <string.h>

#define MASK "*****"

static void render_value(const struct setting *row, const char *value, FILE *out)
{
    for (const char *c = value; *c; c++)
        fputc(*c == ',' && value_has_words(row) ? ' ' : *c, out);
}

static void render_setting(const struct config *c, const struct setting *row, const char *path,
                           unsigned flags, const char *indent, FILE *out)
{
    const char *value = config_get(c, path);
    char word[VALUE_ONE_MAX];

    if (!value || (!(flags & CONFIG_RENDER_ALL) && row->fallback && strcmp(value, row->fallback) == 0))
        return;
    if (row->type == SETTING_BOOLEAN) {
        fprintf(out, "%s%s%s\n", indent, strcmp(value, "true") == 0 ? "" : "no ", row->command);
    } else if (row->flags & SETTING_SECRET && !(flags & CONFIG_RENDER_SECRETS)) {
        fprintf(out, "%s%s " MASK "\n", indent, row->command);
    } else if (row->flags & SETTING_LIST) {
        while (config_word(&value, word, sizeof word)) {
            fprintf(out, "%s%s ", indent, row->command);
            render_value(row, word, out);
            fputc('\n', out);
        }
    } else {
        fprintf(out, "%s%s ", indent, row->command);
        render_value(row, value, out);
        fputc('\n', out);
    }
}

static void render_rows(const struct config *c, const struct config_mode *mode, const char *key,
                        unsigned flags, FILE *out)
{
    char path[CONFIG_PATH_MAX];

    for (size_t i = 0; i < config_schema_rows; i++)
        if (config_setting_mode(&config_schema[i]) == mode && path_build(config_schema[i].path, key, path))
            render_setting(c, &config_schema[i], path, flags, " ", out);
}

static bool has_something_below(const struct config *c, const char *branch)
{
    const char *path, *value;
    const struct setting *row;

    for (size_t cursor = 0; config_next(c, &cursor, &path, &value, &row);)
        if (path_is_below(path, branch))
            return true;
    return false;
}

static void render_mode(const struct config *c, const struct config_mode *mode, unsigned flags, FILE *out)
{
    size_t n;
    const struct entry *entries = config_entries(c, &n);

    if (!mode->key_help) {
        if (!(flags & CONFIG_RENDER_ALL) && !has_something_below(c, mode->path))
            return;
        fprintf(out, "%s\n", mode->command);
        render_rows(c, mode, "", flags, out);
        fputs("exit\n!\n", out);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const char *part;
        size_t length;
        char encoded[CONFIG_PATH_MAX], key[CONFIG_PATH_MAX];
        if (entries[i].mode != mode || !path_fits(mode->path, entries[i].path, &part, &length))
            continue;
        snprintf(encoded, sizeof encoded, "%.*s", (int)length, part);
        if (config_key_decode(encoded, key) != 0)
            continue;
        fprintf(out, "%s %s\n", mode->command, key);
        render_rows(c, mode, encoded, flags, out);
        fputs("exit\n!\n", out);
    }
}

void config_render(const struct config *c, unsigned flags, FILE *out)
{
    bool done[32] = {true}; /* by mode; the root is not one block */

    for (size_t i = 0; i < config_schema_rows; i++) {
        const struct setting *row = &config_schema[i];
        const struct config_mode *mode = config_setting_mode(row);
        size_t at = (size_t)(mode - config_modes);
        if (at == 0)
            render_setting(c, row, row->path, flags, "", out);
        else if (at < sizeof done && !done[at]) {
            done[at] = true;
            render_mode(c, mode, flags, out);
        }
    }
}
