/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this room share: messages, values, and how a path finds its row. */
#ifndef CONFIG_INTERNAL_H
#define CONFIG_INTERNAL_H

#include "config/config.h"

/* Longest value that is not a list, and its NUL. */
enum { VALUE_ONE_MAX = 4096 };

/* Writes "SUBJECT: text" to message (may be NULL), control octets replaced; subject may be NULL. Returns
 * code. */
int config_say(char *message, int code, const char *subject, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* One value of a row's type (one of a list's values) in canonical form. ERR_SYNTAX, ERR_RANGE, ERR_MEMORY. */
int value_normalise(const struct setting *row, const char *path, const char *text, char out[VALUE_ONE_MAX],
                    char *message);
/* Whether a key has the form that a type asks for; *reason says why not. */
bool value_key_fits(enum setting_type type, const char *key, const char **reason);
/* Whether values of the type have several words, joined by commas in canonical form. */
bool value_has_words(const struct setting *row);

/* Whether a concrete path fits a schema path. *key and *length (may be NULL) receive the part that stands for
 * *. */
bool path_fits(const char *pattern, const char *path, const char **key, size_t *length);
/* Whether path is above some setting: a branch or an entry. */
bool path_is_branch(const char *path);
/* The mode of entries that a path itself is an entry of, or NULL. */
const struct config_mode *path_entry_mode(const char *path);
/* Whether path is prefix itself or below it. */
bool path_is_below(const char *path, const char *prefix);
/* Writes pattern with its * replaced by key. False when it does not fit CONFIG_PATH_MAX. */
bool path_build(const char *pattern, const char *key, char out[CONFIG_PATH_MAX]);

/* Calls visit for every entry of a mode, in order. */
struct entry {
    const struct config_mode *mode;
    char *path;
};
const struct entry *config_entries(const struct config *c, size_t *count);

#endif
