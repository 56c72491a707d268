/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration as a libconfig file, and the atomic writing of one. The only file that knows libconfig,
 * whose names (config_read, config_write, config_t) are too near to ours to meet them anywhere else.
 */
#include "base/error.h"
#include "config/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- reading
 * ------------------------------------------------------------------------------------------------------- */

struct loading {
    struct config *config;
    const char *name; /* of the file, for messages */
    char *message;
    bool version_seen;
};

/* "startup.conf:12: registrar.asap.port: reason"; reason may stand in l->message already. */
static int at_line(struct loading *l, unsigned line, int code, const char *path, const char *reason)
{
    char copy[CONFIG_MESSAGE_MAX];

    if (!reason) {
        snprintf(copy, sizeof copy, "%s", l->message);
        return config_say(l->message, code, NULL, "%.96s:%u: %s", l->name, line, copy);
    }
    return config_say(l->message, code, NULL, "%.96s:%u: %s%s%s", l->name, line, path, *path ? ": " : "",
                      reason);
}

static int load_list(struct loading *l, const config_setting_t *s, const char *path)
{
    if (!config_setting_is_array(s) && !config_setting_is_list(s))
        return at_line(l, config_setting_source_line(s), ERR_SYNTAX, path,
                       "is a list: write [ \"value\", ... ]");
    for (int i = 0; i < config_setting_length(s); i++) {
        const char *text = config_setting_get_string_elem(s, i);
        if (!text)
            return at_line(l, config_setting_source_line(s), ERR_SYNTAX, path,
                           "is a list of texts in quotes");
        int rc = config_add(l->config, path, text, l->message);
        if (rc != 0)
            return at_line(l, config_setting_source_line(s), rc, path, NULL);
    }
    return 0;
}

/* The text of a scalar of the row's type; NULL and *wanted when it is of another. buffer holds a number's. */
static const char *text_of(const config_setting_t *s, const struct setting *row, char buffer[32],
                           const char **wanted)
{
    int type = config_setting_type(s);

    switch (row->type) {
    case SETTING_UNSIGNED:
        *wanted = "needs a number without quotes";
        if (type == CONFIG_TYPE_INT && config_setting_get_format(s) == CONFIG_FORMAT_HEX)
            snprintf(buffer, 32, "%u",
                     (unsigned)config_setting_get_int(s)); /* 0x80000000 and more come as negative */
        else if (type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64)
            snprintf(buffer, 32, "%lld", config_setting_get_int64(s));
        else
            return NULL;
        return buffer;
    case SETTING_BOOLEAN:
        *wanted = "needs true or false without quotes";
        return type != CONFIG_TYPE_BOOL ? NULL : config_setting_get_bool(s) ? "true" : "false";
    default:
        *wanted = "needs a text in quotes";
        return type == CONFIG_TYPE_STRING ? config_setting_get_string(s) : NULL;
    }
}

static int load_setting(struct loading *l, const config_setting_t *s, const char *path)
{
    const struct setting *row = config_setting(path);
    unsigned line = config_setting_source_line(s);
    const char *wanted = NULL;
    char buffer[32];

    if (!row)
        return at_line(l, line, ERR_NOT_FOUND, path, "there is no such setting");
    if (row->flags & SETTING_LIST)
        return load_list(l, s, path);
    const char *text = text_of(s, row, buffer, &wanted);
    if (!text)
        return at_line(l, line, ERR_SYNTAX, path, wanted);
    int rc = config_set(l->config, path, text, l->message);
    return rc == 0 ? 0 : at_line(l, line, rc, path, NULL);
}

/* `version` and `archive`, which are about the file. 1: it was one of them. */
static int load_meta(struct loading *l, const config_setting_t *s)
{
    const char *name = config_setting_name(s);
    long long v = config_setting_type(s) == CONFIG_TYPE_INT ? config_setting_get_int64(s) : -1;
    unsigned line = config_setting_source_line(s);

    if (strcmp(name, "archive") == 0) {
        if (v < 0)
            return at_line(l, line, ERR_SYNTAX, name, "needs a number");
        config_set_archive(l->config, (uint32_t)v);
        return 1;
    }
    if (strcmp(name, "version") != 0)
        return 0;
    if (v < 1)
        return at_line(l, line, ERR_SYNTAX, name, "needs a number of 1 or more");
    if (v > CONFIG_VERSION) {
        config_say(l->message, 0, "version", "the file is of version %lld, this firmware knows up to %d", v,
                   CONFIG_VERSION);
        return at_line(l, line, ERR_UNSUPPORTED, name, NULL);
    }
    l->version_seen = true;
    return 1;
}

/* Recursion ends with the schema: a group that leads to no setting is an error. */
static int load_group(struct loading *l, const config_setting_t *group, const char *above)
{
    int rc = 0;

    for (int i = 0; i < config_setting_length(group) && rc == 0; i++) {
        const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
        char path[CONFIG_PATH_MAX];
        unsigned line = config_setting_source_line(s);
        if (snprintf(path, sizeof path, "%s%s%s", above, *above ? "." : "", config_setting_name(s)) >=
            (int)sizeof path)
            return at_line(l, line, ERR_NOT_FOUND, above, "a name in it is too long");
        if (!*above && (rc = load_meta(l, s)) != 0) {
            rc = rc > 0 ? 0 : rc;
        } else if (!config_setting_is_group(s)) {
            rc = load_setting(l, s, path);
        } else if (!path_is_branch(path)) {
            rc = at_line(l, line, ERR_NOT_FOUND, path, "there is no such group");
        } else {
            if (path_entry_mode(path) && (rc = config_enter(l->config, path, l->message)) != 0)
                return at_line(l, line, rc, path, NULL);
            rc = load_group(l, s, path);
        }
    }
    return rc;
}

/* libconfig would open the files that an @include names; a configuration is one file. */
static unsigned include_line(const char *text)
{
    unsigned line = 1;

    for (const char *at = text; at; line++) {
        at += strspn(at, " \t\r\f\v");
        if (strncmp(at, "@include", 8) == 0)
            return line;
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return 0;
}

static int load_parsed(struct loading *l, const char *text)
{
    config_t parsed;
    int rc;

    config_init(&parsed);
    if (config_read_string(&parsed, text) != CONFIG_TRUE)
        rc = at_line(l, (unsigned)config_error_line(&parsed), ERR_SYNTAX, "", config_error_text(&parsed));
    else if ((rc = load_group(l, config_root_setting(&parsed), "")) == 0 && !l->version_seen)
        rc =
            config_say(l->message, ERR_SYNTAX, l->name, "has no version: the file is empty or was cut short");
    config_destroy(&parsed);
    return rc;
}

int config_load_text(struct config *c, const char *text, size_t length, const char *name, char *message)
{
    char unused[CONFIG_MESSAGE_MAX];
    struct loading l = {.config = c, .name = name, .message = message ? message : unused};
    unsigned line;

    if (length > CONFIG_FILE_MAX)
        return config_say(message, ERR_TOO_LONG, name, "is larger than %d octets", CONFIG_FILE_MAX);
    if (memchr(text, '\0', length))
        return config_say(message, ERR_SYNTAX, name, "has zero octets in it: the file is damaged");
    char *copy = malloc(length + 1);
    if (!copy)
        return config_say(message, ERR_MEMORY, name, "%s", error_text(ERR_MEMORY));
    memcpy(copy, text, length);
    copy[length] = '\0';
    if ((line = include_line(copy)) > 0) {
        free(copy);
        return at_line(&l, line, ERR_SYNTAX, "", "@include is not allowed: a configuration is one file");
    }
    int rc = load_parsed(&l, copy);
    explicit_bzero(copy, length);
    free(copy);
    return rc;
}

static const char *base_name(const char *file)
{
    const char *slash = strrchr(file, '/');
    return slash ? slash + 1 : file;
}

static int say_errno(char *message, const char *file, int err)
{
    int code = err == ENOENT ? ERR_NOT_FOUND : ERR_STORAGE;
    return config_say(message, code, base_name(file), "%s", strerror(err));
}

int config_load(struct config *c, const char *file, char *message)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    size_t n = 0;
    ssize_t got = 1;
    struct stat st;

    if (fd < 0)
        return say_errno(message, file, errno);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return config_say(message, ERR_SYNTAX, base_name(file), "is not a file");
    }
    char *text = malloc(CONFIG_FILE_MAX + 1);
    while (text && n <= CONFIG_FILE_MAX && (got = read(fd, text + n, CONFIG_FILE_MAX + 1 - n)) > 0)
        n += (size_t)got;
    int err = errno;
    close(fd);
    int rc = !text     ? config_say(message, ERR_MEMORY, base_name(file), "%s", error_text(ERR_MEMORY))
             : got < 0 ? say_errno(message, file, err)
                       : config_load_text(c, text, n, base_name(file), message);
    if (text)
        explicit_bzero(text, n);
    free(text);
    return rc;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------------- */

/* The group of a path's parts, made where it is missing; NULL when out of memory. *name is the last part, or,
 * for whole, NULL. */
static config_setting_t *group_for(config_setting_t *root, const char *path, bool whole, const char **name)
{
    char part[CONFIG_PATH_MAX];

    while (root && (whole ? *path != '\0' : strchr(path, '.') != NULL)) {
        size_t n = strcspn(path, ".");
        memcpy(part, path, n);
        part[n] = '\0';
        config_setting_t *next = config_setting_get_member(root, part);
        root = next ? next : config_setting_add(root, part, CONFIG_TYPE_GROUP);
        path += n + (path[n] == '.');
    }
    if (name)
        *name = path;
    return root;
}

static bool put_list(config_setting_t *group, const char *name, const char *value, const struct setting *row)
{
    config_setting_t *list = config_setting_add(group, name, CONFIG_TYPE_ARRAY);
    char word[VALUE_ONE_MAX];

    while (list && config_word(&value, word, sizeof word)) {
        for (char *c = word; value_has_words(row) && *c; c++)
            if (*c == ',')
                *c = ' ';
        if (!config_setting_set_string_elem(list, -1, word))
            return false;
    }
    return list != NULL;
}

static bool put_number(config_setting_t *group, const char *name, const char *value,
                       const struct setting *row)
{
    bool hex = row->flags & SETTING_HEX;
    unsigned long v = strtoul(value, NULL, hex ? 16 : 10);
    config_setting_t *s = config_setting_add(group, name, v > INT_MAX ? CONFIG_TYPE_INT64 : CONFIG_TYPE_INT);

    if (!s || !(v > INT_MAX ? config_setting_set_int64(s, (long long)v) : config_setting_set_int(s, (int)v)))
        return false;
    return !hex || config_setting_set_format(s, CONFIG_FORMAT_HEX);
}

static bool put_scalar(config_setting_t *group, const char *name, const char *value,
                       const struct setting *row)
{
    config_setting_t *s;

    switch (row->type) {
    case SETTING_UNSIGNED:
        return put_number(group, name, value, row);
    case SETTING_BOOLEAN:
        s = config_setting_add(group, name, CONFIG_TYPE_BOOL);
        return s && config_setting_set_bool(s, strcmp(value, "true") == 0);
    default:
        s = config_setting_add(group, name, CONFIG_TYPE_STRING);
        return s && config_setting_set_string(s, value);
    }
}

static bool put_meta(config_setting_t *root, const char *name, uint32_t v)
{
    config_setting_t *s = config_setting_add(root, name, CONFIG_TYPE_INT);
    return s && config_setting_set_int(s, (int)v);
}

/* version comes last: a file that was cut short has none. */
static bool build(config_t *out, const struct config *c, bool secrets)
{
    config_setting_t *root = config_root_setting(out), *group;
    const char *path, *value, *name;
    const struct setting *row;
    size_t cursor = 0, n = 0;
    const struct entry *entries = config_entries(c, &n);
    bool good = true;

    for (size_t i = 0; good && !secrets && i < n; i++)
        good = group_for(root, entries[i].path, true, NULL) != NULL;
    while (good && config_next(c, &cursor, &path, &value, &row)) {
        if (((row->flags & SETTING_SECRET) != 0) != secrets)
            continue;
        group = group_for(root, path, false, &name);
        good = group && (row->flags & SETTING_LIST ? put_list(group, name, value, row)
                                                   : put_scalar(group, name, value, row));
    }
    if (good && config_archive(c) > 0)
        good = put_meta(root, "archive", config_archive(c));
    return good && put_meta(root, "version", CONFIG_VERSION);
}

static int sync_folder_of(const char *file)
{
    const char *slash = strrchr(file, '/');
    char *folder = slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : strdup(".");
    int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int err = fd < 0 ? errno : fsync(fd) != 0 ? errno : 0;

    if (fd >= 0)
        close(fd);
    free(folder);
    return err;
}

/* Writes everything to the temporary file and to the disk. Returns an errno. */
static int write_temporary(const config_t *what, const char *temporary, mode_t mode)
{
    unlink(temporary); /* one that a power cut left may have the wrong owner or mode */
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    int err = 0;

    if (!f) {
        err = errno;
        if (fd >= 0)
            close(fd);
        return err;
    }
    errno = 0;
    config_write(what, f);
    if (fflush(f) != 0 || ferror(f))
        err = errno ? errno : EIO;
    if (err == 0 && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
        err = errno;
    if (fclose(f) != 0 && err == 0)
        err = errno;
    return err;
}

int config_store(const struct config *c, const char *file, bool secrets, char *message)
{
    char *temporary = NULL;
    config_t out;
    int err = ENOMEM;

    config_init(&out);
    if (build(&out, c, secrets) && asprintf(&temporary, "%s.tmp", file) > 0) {
        err = write_temporary(&out, temporary, secrets ? 0600 : 0644);
        if (err == 0 && rename(temporary, file) != 0)
            err = errno;
        if (err != 0)
            unlink(temporary);
        else
            err = sync_folder_of(file);
    }
    free(temporary);
    config_destroy(&out);
    return err == 0        ? 0
           : err == ENOMEM ? config_say(message, ERR_MEMORY, base_name(file), "%s", error_text(ERR_MEMORY))
                           : config_say(message, ERR_STORAGE, base_name(file), "%s", strerror(err));
}
