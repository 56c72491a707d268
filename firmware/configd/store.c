/* SPDX-License-Identifier: BSD-3-Clause */
#include "configd/store.h"
#include "base/error.h"
#include "base/log.h"
#include "configd/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *in_folder(const struct store *s, char out[SYSTEM_PATH_MAX], const char *name)
{
    snprintf(out, SYSTEM_PATH_MAX, "%s/%s", s->folder, name);
    return out;
}

static const char *archive_file(const struct store *s, char out[SYSTEM_PATH_MAX], uint32_t number,
                                bool secrets)
{
    snprintf(out, SYSTEM_PATH_MAX, "%s/archive/%04u%s.conf", s->folder, number, secrets ? ".secrets" : "");
    return out;
}

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* The numbers of the archives, newest first; to be freed. */
static uint32_t *archive_numbers(const struct store *s, size_t *count)
{
    char path[SYSTEM_PATH_MAX];
    DIR *d = opendir(in_folder(s, path, "archive"));
    uint32_t *numbers = NULL, *grown;
    const struct dirent *e;

    *count = 0;
    while (d && (e = readdir(d))) {
        char *end;
        unsigned long n = strtoul(e->d_name, &end, 10);
        if (end == e->d_name || strcmp(end, ".conf") != 0 || n == 0 || n > INT32_MAX)
            continue;
        if (!(grown = reallocarray(numbers, *count + 1, sizeof *numbers)))
            break;
        numbers = grown;
        numbers[(*count)++] = (uint32_t)n;
    }
    if (d)
        closedir(d);
    if (numbers)
        qsort(numbers, *count, sizeof *numbers, compare_numbers);
    return numbers;
}

int store_open(struct store *s, const char *folder, char *message)
{
    char path[SYSTEM_PATH_MAX];
    size_t n;

    *s = (struct store){.folder = folder};
    if ((mkdir(folder, 0700) != 0 && errno != EEXIST) ||
        (mkdir(in_folder(s, path, "archive"), 0700) != 0 && errno != EEXIST)) {
        snprintf(message, CONFIG_MESSAGE_MAX, "%.128s: %s", folder, strerror(errno));
        return ERR_STORAGE;
    }
    uint32_t *numbers = archive_numbers(s, &n);
    s->last = n > 0 ? numbers[0] : 0;
    free(numbers);
    return 0;
}

/* --- reading
 * ------------------------------------------------------------------------------------------------------- */

/* Adds the secrets of entries that c has; those of others belong to no one any more. */
static int merge_secrets(struct config *c, const struct config *secrets, char *message)
{
    const char *path, *value;
    const struct setting *row;
    size_t cursor = 0;
    int rc = 0;

    while (rc == 0 && config_next(secrets, &cursor, &path, &value, &row)) {
        char entry[CONFIG_PATH_MAX];
        snprintf(entry, sizeof entry, "%s", path);
        if (strchr(row->path, '*'))
            *strrchr(entry, '.') = '\0';
        if (row->flags & SETTING_SECRET && (!strchr(row->path, '*') || config_has_entry(c, entry)))
            rc = config_set(c, path, value, message);
    }
    return rc;
}

/* Reads the secrets of a number; 0 takes those of any. */
static struct config *load_secrets(const char *file, uint32_t number, int *rc, char *message)
{
    struct config *c = config_new();

    *rc = c ? config_load(c, file, message) : ERR_MEMORY;
    if (*rc == 0 && number != 0 && config_archive(c) != number) {
        snprintf(message, CONFIG_MESSAGE_MAX, "secrets.conf: belongs to archive %u, not to %u",
                 config_archive(c), number);
        *rc = ERR_NOT_FOUND;
    }
    if (*rc != 0) {
        config_free(c);
        c = NULL;
    }
    return c;
}

/* A configuration and its secrets; NULL and the reason in message. *rc tells a missing file from a bad one.
 */
static struct config *load_pair(const struct store *s, const char *file, const char *secrets_file, int *rc,
                                char *message)
{
    struct config *c = config_new(), *secrets = NULL;
    char other[SYSTEM_PATH_MAX];

    *rc = c ? config_load(c, file, message) : ERR_MEMORY;
    if (*rc != 0)
        goto fail;
    uint32_t number = config_archive(c);
    secrets = load_secrets(secrets_file, number, rc, message);
    if (!secrets && number != 0) {
        char second[CONFIG_MESSAGE_MAX];
        secrets = load_secrets(archive_file(s, other, number, true), number, rc, second);
    }
    /* A file that was written by hand may have no secrets beside it. */
    if (!secrets && number == 0 && *rc == ERR_NOT_FOUND)
        *rc = 0;
    if (secrets)
        *rc = merge_secrets(c, secrets, message);
    else if (*rc == ERR_NOT_FOUND)
        *rc = ERR_STORAGE; /* the secrets, not the configuration, are not there */
    if (*rc == 0)
        *rc = config_validate(c, message);
    config_free(secrets);
    if (*rc == 0)
        return c;
fail:
    config_free(c);
    return NULL;
}

/* Renames startup.conf to startup.conf.bad-N; name receives the new name. */
static void set_aside(const struct store *s, char *name, size_t capacity)
{
    char from[SYSTEM_PATH_MAX], to[SYSTEM_PATH_MAX];

    in_folder(s, from, "startup.conf");
    for (int i = 1; i <= STORE_BAD_FILES; i++) {
        snprintf(name, capacity, "startup.conf.bad-%d", i);
        if (access(in_folder(s, to, name), F_OK) != 0)
            break;
    }
    if (rename(from, to) != 0) {
        log_err("%s: cannot be set aside: %s", from, strerror(errno));
        snprintf(name, capacity, "startup.conf");
        return;
    }
    int fd = open(s->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static struct config *newest_good_archive(const struct store *s, uint32_t *number)
{
    char file[SYSTEM_PATH_MAX], secrets[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX];
    size_t n;
    uint32_t *numbers = archive_numbers(s, &n);
    struct config *c = NULL;
    int rc;

    for (size_t i = 0; i < n && !c; i++) {
        *number = numbers[i];
        c = load_pair(s, archive_file(s, file, numbers[i], false), archive_file(s, secrets, numbers[i], true),
                      &rc, message);
        if (!c)
            log_warning("archive %u is not usable: %s", numbers[i], message);
    }
    free(numbers);
    return c;
}

static struct config *factory_or_default(const char *factory, char *message, bool *good)
{
    struct config *c = config_new();
    int rc = c ? config_load(c, factory, message) : ERR_MEMORY;

    *good = rc == 0 || rc == ERR_NOT_FOUND;
    if (rc != 0) {
        config_free(c);
        c = config_new();
    }
    return c;
}

struct config *store_load(struct store *s, const char *factory, bool *clean, void *context,
                          void (*told)(void *context, const char *text))
{
    char file[SYSTEM_PATH_MAX], secrets[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX] = "", aside[64] = "";
    char text[2 * CONFIG_MESSAGE_MAX];
    uint32_t number = 0;
    bool good;
    int rc;
    struct config *c =
        load_pair(s, in_folder(s, file, "startup.conf"), in_folder(s, secrets, "secrets.conf"), &rc, message);

    *clean = c != NULL;
    if (c)
        return c;
    bool missing = rc == ERR_NOT_FOUND && access(file, F_OK) != 0;
    if (!missing)
        set_aside(s, aside, sizeof aside);
    c = newest_good_archive(s, &number);
    if (c && missing)
        snprintf(text, sizeof text, "startup.conf is missing: archive %u is used; look at it and save it",
                 number);
    else if (c)
        snprintf(text, sizeof text, "%s; the file is kept as %s, archive %u is used; look at it and save it",
                 message, aside, number);
    else
        snprintf(text, sizeof text,
                 "%s; the file is kept as %s, no archive is good: the factory's configuration is used",
                 message, aside);
    if (c || !missing)
        told(context, text);
    if (c)
        return c;
    c = factory_or_default(factory, message, &good);
    if (!good) {
        snprintf(text, sizeof text, "the factory's configuration is not usable: %s", message);
        told(context, text);
    }
    *clean = missing && good;
    return c;
}

/* --- writing
 * ------------------------------------------------------------------------------------------------------- */

static void prune(const struct store *s)
{
    char file[SYSTEM_PATH_MAX];
    size_t n;
    uint32_t *numbers = archive_numbers(s, &n);

    for (size_t i = STORE_ARCHIVES; i < n; i++) {
        unlink(archive_file(s, file, numbers[i], false));
        unlink(archive_file(s, file, numbers[i], true));
    }
    free(numbers);
}

int store_save(struct store *s, const struct config *c, uint32_t *number, char *message)
{
    struct config *copy = config_copy(c);
    char file[SYSTEM_PATH_MAX];
    uint32_t n = s->last + 1;
    int rc = copy ? 0 : ERR_MEMORY;

    if (rc == 0) {
        config_set_archive(copy, n);
        rc = config_store(copy, archive_file(s, file, n, true), true, message);
    }
    if (rc == 0)
        rc = config_store(copy, archive_file(s, file, n, false), false, message);
    if (rc == 0)
        rc = config_store(copy, in_folder(s, file, "startup.conf"), false, message);
    if (rc == 0) {
        s->last = n;
        *number = n;
        /* From here it is saved; the archived secrets serve where this copy cannot be written. */
        char ignored[CONFIG_MESSAGE_MAX];
        if (config_store(copy, in_folder(s, file, "secrets.conf"), true, ignored) != 0)
            log_warning("%s", ignored);
        prune(s);
    } else if (copy) { /* a half archive would be taken for a good one */
        unlink(archive_file(s, file, n, false));
        unlink(archive_file(s, file, n, true));
    }
    config_free(copy);
    return rc;
}

/* --- the registrar's identifier
 * ------------------------------------------------------------------------------------ */

uint32_t store_identifier(struct store *s)
{
    /* The state folder is a real folder even in a test: no root stands before it. */
    struct system state = {.root = s->folder};
    char message[CONFIG_MESSAGE_MAX], line[16];
    char *text = system_read(&state, "/identifier");
    uint32_t id = text ? (uint32_t)strtoul(text, NULL, 16) : 0;

    free(text);
    while (id == 0)
        if (getrandom(&id, sizeof id, 0) != sizeof id)
            id = (uint32_t)getpid();
    snprintf(line, sizeof line, "0x%08x\n", id);
    if (system_write(&state, "/identifier", 0644, line, true, NULL, message) != 0)
        log_err("the registrar's identifier cannot be kept: %s", message);
    return id;
}
