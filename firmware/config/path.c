/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths and keys: how a concrete path meets the tables, and how any key fits into a path and a libconfig
 * name. */
#include "base/error.h"
#include "config/internal.h"

#include <stdio.h>
#include <string.h>

bool path_fits(const char *pattern, const char *path, const char **key, size_t *length)
{
    for (;;) {
        size_t n = strcspn(pattern, "."), m = strcspn(path, ".");
        if (n == 1 && *pattern == '*' && m > 0) {
            if (key)
                *key = path;
            if (length)
                *length = m;
        } else if (n != m || memcmp(pattern, path, n) != 0) {
            return false;
        }
        if (pattern[n] != path[m])
            return false;
        if (!pattern[n])
            return true;
        pattern += n + 1;
        path += m + 1;
    }
}

/* Whether path fits the first parts of pattern, and pattern goes on. */
static bool fits_above(const char *pattern, const char *path)
{
    for (;;) {
        size_t n = strcspn(pattern, "."), m = strcspn(path, ".");
        if (!(n == 1 && *pattern == '*' && m > 0) && (n != m || memcmp(pattern, path, n) != 0))
            return false;
        if (!pattern[n])
            return false;
        if (!path[m])
            return true;
        pattern += n + 1;
        path += m + 1;
    }
}

bool path_is_branch(const char *path)
{
    for (size_t i = 0; i < config_schema_rows; i++)
        if (fits_above(config_schema[i].path, path))
            return true;
    return false;
}

bool path_is_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return strncmp(path, prefix, n) == 0 && (path[n] == '.' || path[n] == '\0');
}

bool path_build(const char *pattern, const char *key, char out[CONFIG_PATH_MAX])
{
    const char *star = strchr(pattern, '*');
    int n = star ? snprintf(out, CONFIG_PATH_MAX, "%.*s%s%s", (int)(star - pattern), pattern, key, star + 1)
                 : snprintf(out, CONFIG_PATH_MAX, "%s", pattern);
    return n < CONFIG_PATH_MAX;
}

const struct setting *config_setting(const char *path)
{
    for (size_t i = 0; i < config_schema_rows; i++)
        if (path_fits(config_schema[i].path, path, NULL, NULL))
            return &config_schema[i];
    return NULL;
}

static size_t parts_of(const char *path)
{
    size_t n = *path ? 1 : 0;
    for (; *path; path++)
        n += *path == '.';
    return n;
}

const struct config_mode *config_mode_of(const char *path)
{
    const struct config_mode *best = &config_modes[0];

    for (size_t i = 1; i < config_mode_rows; i++) {
        const struct config_mode *m = &config_modes[i];
        char head[CONFIG_PATH_MAX];
        size_t want = parts_of(m->path), n = 0;

        if (strlen(path) >= sizeof head || parts_of(path) < want)
            continue;
        for (size_t dots = 0; path[n] && !(path[n] == '.' && ++dots == want); n++)
            head[n] = path[n];
        head[n] = '\0';
        if (path_fits(m->path, head, NULL, NULL) && want > parts_of(best->path))
            best = m;
    }
    return best;
}

const struct config_mode *config_setting_mode(const struct setting *row)
{
    return config_mode_of(row->path);
}

const struct config_mode *path_entry_mode(const char *path)
{
    for (size_t i = 0; i < config_mode_rows; i++)
        if (config_modes[i].key_help && path_fits(config_modes[i].path, path, NULL, NULL))
            return &config_modes[i];
    return NULL;
}

/* By hand: isalpha() depends on the locale. */
static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(unsigned char c, bool first)
{
    return is_letter(c) || (!first && ((c >= '0' && c <= '9') || c == '-' || c == '_'));
}

int config_key_encode(const struct config_mode *mode, const char *key, char *out, char *message)
{
    const char *reason;
    size_t n = 0;

    if (!mode->key_help)
        return config_say(message, ERR_SYNTAX, mode->path, "has no entries");
    if (*key == '\0')
        return config_say(message, ERR_SYNTAX, mode->command, "a name is missing, as %s", mode->example);
    if (strlen(key) > mode->key_max)
        return config_say(message, ERR_TOO_LONG, mode->command, "the name is longer than %u octets",
                          mode->key_max);
    if (!value_key_fits(mode->key_type, key, &reason))
        return config_say(message, ERR_SYNTAX, mode->command, "'%.64s' %s", key, reason);
    for (const char *k = key; *k; k++) {
        if (n + 4 > CONFIG_PATH_MAX)
            return config_say(message, ERR_TOO_LONG, mode->command, "the name is too long");
        n += (size_t)snprintf(out + n, 4, is_plain((unsigned char)*k, k == key) ? "%c" : "*%02x",
                              (unsigned char)*k);
    }
    return 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int config_key_decode(const char *part, char *out)
{
    size_t n = 0;

    for (const char *p = part; *p && *p != '.'; p++) {
        unsigned char c = (unsigned char)*p;
        if (n + 1 >= CONFIG_PATH_MAX)
            return ERR_SYNTAX;
        if (c == '*') {
            int high = hex_digit(p[1]), low = high < 0 ? -1 : hex_digit(p[2]);
            c = (unsigned char)(high * 16 + low);
            /* One spelling for one key: what can stand for itself is not encoded. */
            if (low < 0 || c == 0 || is_plain(c, p == part))
                return ERR_SYNTAX;
            p += 2;
        } else if (!is_plain(c, p == part)) {
            return ERR_SYNTAX;
        }
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return n > 0 ? 0 : ERR_SYNTAX;
}
