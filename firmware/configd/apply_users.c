/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Operators as Unix accounts: the CLI is their shell, the group says their level. The accounts live in the
 * overlay over the read-only root and are written anew at each start. They are told from the system's by
 * their range of numbers.
 */
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <shadow.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UID_FIRST = 2000, UID_LAST = 2999, GID_FIRST = 901 };

#define SHELL       "/usr/bin/cli"
#define HOMES       "/var/lib/poolward/home"
#define KEYS        "/run/poolward/ssh-keys"
#define ADMIN       "poolward-admin"
#define READ        "poolward-read"
#define SHADOW_TAIL ":::::::" /* no ageing: no field of it is set */

struct account {
    char name[CONFIG_PATH_MAX];
    const char *key; /* in the configuration */
    unsigned uid;
    bool admin;
};

struct accounts {
    struct account *list;
    size_t count;
    char *passwd, *shadow, *group; /* the files as they are */
    unsigned admin_gid, read_gid;
};

static const char *get(const struct config *c, const char *key, const char *name)
{
    char path[CONFIG_PATH_MAX];
    snprintf(path, sizeof path, "users.%s.%s", key, name);
    return config_get(c, path);
}

/* Field n (from 0) of a line with colons, into out; false when it has none or it does not fit. */
static bool field(const char *line, unsigned n, char *out, size_t capacity)
{
    size_t end = strcspn(line, "\n"), start = 0;

    for (; n > 0; n--) {
        while (start < end && line[start] != ':')
            start++;
        if (start++ >= end)
            return false;
    }
    size_t length = 0;
    while (start + length < end && line[start + length] != ':')
        length++;
    if (length >= capacity)
        return false;
    memcpy(out, line + start, length);
    out[length] = '\0';
    return true;
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return line + (*line == '\n');
}

/* The line of a name, NULL when there is none. */
static const char *line_of(const char *file, const char *name)
{
    char first[CONFIG_PATH_MAX];

    for (const char *line = file; line && *line; line = next_line(line))
        if (field(line, 0, first, sizeof first) && strcmp(first, name) == 0)
            return line;
    return NULL;
}

static unsigned number_of(const char *line, unsigned n)
{
    char text[16];
    return line && field(line, n, text, sizeof text) ? (unsigned)strtoul(text, NULL, 10) : 0;
}

static bool is_ours(const char *passwd_line)
{
    unsigned uid = number_of(passwd_line, 2);
    return passwd_line && uid >= UID_FIRST && uid <= UID_LAST;
}

static const struct account *account_of(const struct accounts *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->list[i].name, name) == 0)
            return &a->list[i];
    return NULL;
}

static bool uid_is_free(const struct accounts *a, unsigned uid)
{
    for (const char *line = a->passwd; line && *line; line = next_line(line))
        if (number_of(line, 2) == uid)
            return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].uid == uid)
            return false;
    return true;
}

static void accounts_free(struct accounts *a)
{
    free(a->list);
    free(a->passwd);
    free(a->shadow);
    free(a->group);
}

/* The accounts that the configuration asks for; a name keeps its number. */
static int plan(const struct system *s, const struct config *c, struct accounts *a, char *message)
{
    unsigned next = UID_FIRST;

    a->passwd = system_read(s, "/etc/passwd");
    a->shadow = system_read(s, "/etc/shadow");
    a->group = system_read(s, "/etc/group");
    for (const char *key = NULL; (key = config_key_next(c, "users", key));) {
        struct account *grown = reallocarray(a->list, a->count + 1, sizeof *grown), *u;
        if (!grown)
            return ERR_MEMORY;
        a->list = grown;
        u = &a->list[a->count];
        *u = (struct account){.key = key, .admin = strcmp(get(c, key, "level"), "15") == 0};
        if (config_key_decode(key, u->name) != 0)
            continue;
        const char *line = line_of(a->passwd, u->name);
        if (line && !is_ours(line)) {
            snprintf(message, CONFIG_MESSAGE_MAX,
                     "users.%.64s: %.64s is an account of the system; choose another name", key, u->name);
            return ERR_EXISTS;
        }
        while (!line && next <= UID_LAST && !uid_is_free(a, next))
            next++;
        u->uid = line ? number_of(line, 2) : next;
        if (u->uid > UID_LAST) {
            snprintf(message, CONFIG_MESSAGE_MAX, "users.%.64s: there are %d users already", key,
                     UID_LAST - UID_FIRST + 1);
            return ERR_LIMIT;
        }
        a->count++;
    }
    return 0;
}

/* --- the files
 * ----------------------------------------------------------------------------------------------------- */

static char *closed(FILE *f, char **text)
{
    if (f && fclose(f) == 0)
        return *text;
    free(*text);
    return *text = NULL;
}

/* One of the two groups: members of the system stay, ours are those of the level. */
static void write_group_line(FILE *f, const struct accounts *a, const char *name, unsigned gid, bool admin)
{
    const char *line = line_of(a->group, name);
    char members[4096] = "", *rest = members, *member, separator = ':';

    if (line && !field(line, 3, members, sizeof members))
        members[0] = '\0';
    fprintf(f, "%s:x:%u", name, gid);
    while ((member = strsep(&rest, ",")))
        if (*member && !account_of(a, member) && !is_ours(line_of(a->passwd, member))) {
            fprintf(f, "%c%s", separator, member);
            separator = ',';
        }
    for (size_t i = 0; i < a->count; i++)
        if (a->list[i].admin == admin) {
            fprintf(f, "%c%s", separator, a->list[i].name);
            separator = ',';
        }
    fputs(separator == ':' ? ":\n" : "\n", f);
}

static bool gid_is_free(const char *file, unsigned gid)
{
    for (const char *line = file; line && *line; line = next_line(line))
        if (number_of(line, 2) == gid)
            return false;
    return true;
}

static char *group_file(struct accounts *a)
{
    char *text = NULL, name[CONFIG_PATH_MAX];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    const char *admin = line_of(a->group, ADMIN), *reader = line_of(a->group, READ);
    unsigned gid = GID_FIRST;

    if (!f)
        return NULL;
    for (const char *line = a->group; line && *line; line = next_line(line))
        if (field(line, 0, name, sizeof name) && strcmp(name, ADMIN) != 0 && strcmp(name, READ) != 0)
            fprintf(f, "%.*s\n", (int)strcspn(line, "\n"), line);
    while (!admin && !gid_is_free(a->group, gid))
        gid++;
    a->admin_gid = admin ? number_of(admin, 2) : gid++;
    while (!reader && !gid_is_free(a->group, gid))
        gid++;
    a->read_gid = reader ? number_of(reader, 2) : gid;
    write_group_line(f, a, ADMIN, a->admin_gid, true);
    write_group_line(f, a, READ, a->read_gid, false);
    return closed(f, &text);
}

static char *passwd_file(const struct accounts *a)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    for (const char *line = a->passwd; line && *line; line = next_line(line))
        if (!is_ours(line))
            fprintf(f, "%.*s\n", (int)strcspn(line, "\n"), line);
    for (size_t i = 0; i < a->count; i++)
        fprintf(f, "%s:x:%u:%u:operator:" HOMES "/%s:" SHELL "\n", a->list[i].name, a->list[i].uid,
                a->list[i].admin ? a->admin_gid : a->read_gid, a->list[i].name);
    return closed(f, &text);
}

static char *shadow_file(const struct accounts *a, const struct config *c)
{
    char *text = NULL, name[CONFIG_PATH_MAX];
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    for (const char *line = a->shadow; line && *line; line = next_line(line))
        if (field(line, 0, name, sizeof name) && !is_ours(line_of(a->passwd, name)) && !account_of(a, name))
            fprintf(f, "%.*s\n", (int)strcspn(line, "\n"), line);
    for (size_t i = 0; i < a->count; i++) {
        const char *hash = get(c, a->list[i].key, "password");
        fprintf(f, "%s:%s" SHADOW_TAIL "\n", a->list[i].name,
                hash ? hash : "*"); /* *: no password fits, a key may */
    }
    return closed(f, &text);
}

static int write_account_files(const struct system *s, struct accounts *a, const struct config *c,
                               char *message)
{
    char *group = group_file(a), *passwd = passwd_file(a), *shadow = shadow_file(a, c);
    int rc = group && passwd && shadow ? 0 : ERR_MEMORY;

    if (rc == 0)
        rc = system_write(s, "/etc/group", 0644, group, false, NULL, message);
    if (rc == 0)
        rc = system_write(s, "/etc/shadow", 0640, shadow, false, NULL, message);
    if (rc == 0)
        rc = system_write(s, "/etc/passwd", 0644, passwd, false, NULL, message);
    free(group);
    free(passwd);
    free(shadow);
    return rc;
}

/* --- keys, homes, sessions
 * ----------------------------------------------------------------------------------------- */

/* authorized_keys: root's file, so that a session cannot change it. The first two commas of a value were
 * blanks. */
static char *keys_file(const char *keys)
{
    char *text = NULL, *word = malloc(CONFIG_VALUE_MAX);
    size_t size;
    FILE *f = word ? open_memstream(&text, &size) : NULL;

    while (f && config_word(&keys, word, CONFIG_VALUE_MAX)) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma = ' ';
        if (comma && (comma = strchr(comma + 1, ',')))
            *comma = ' ';
        fprintf(f, "%s\n", word);
    }
    free(word);
    return closed(f, &text);
}

static int write_keys(const struct system *s, const struct accounts *a, const struct config *c, char *message)
{
    char path[SYSTEM_PATH_MAX];
    int rc = 0;

    for (size_t i = 0; i < a->count && rc == 0; i++) {
        const char *keys = get(c, a->list[i].key, "ssh-keys");
        snprintf(path, sizeof path, KEYS "/%.64s", a->list[i].name);
        if (!keys) {
            rc = system_remove(s, path, NULL, message);
            continue;
        }
        char *text = keys_file(keys);
        rc = text ? system_write(s, path, 0644, text, false, NULL, message) : ERR_MEMORY;
        free(text);
    }
    return rc;
}

static void remove_stale_keys(const struct system *s, const struct accounts *a)
{
    char path[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX];
    DIR *d = opendir(system_path(s, KEYS, path));
    const struct dirent *e;

    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, KEYS "/%s", e->d_name);
        if (e->d_name[0] != '.' && !account_of(a, e->d_name) && system_remove(s, path, NULL, message) != 0)
            log_err("%s", message);
    }
    if (d)
        closedir(d);
}

static void make_homes(const struct system *s, const struct accounts *a)
{
    char path[SYSTEM_PATH_MAX], full[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX];

    for (size_t i = 0; i < a->count; i++) {
        const struct account *u = &a->list[i];
        snprintf(path, sizeof path, HOMES "/%.64s", u->name);
        system_path(s, path, full);
        if (system_make_folders(s, path, message) != 0 || (mkdir(full, 0700) != 0 && errno != EEXIST) ||
            (s->real && chown(full, u->uid, u->admin ? a->admin_gid : a->read_gid) != 0))
            log_warning("%s cannot be made: the CLI keeps no history for %s", full, u->name);
    }
}

/* Ends the sessions of an account that is gone or may do less: its open control connections have the old
 * rights. */
static void end_sessions(const struct system *s, unsigned uid, const char *name)
{
    DIR *d = s->real ? opendir("/proc") : NULL;
    const struct dirent *e;
    struct stat st;
    char path[64];

    log_notice("ending the sessions of %s", name);
    while (d && (e = readdir(d))) {
        snprintf(path, sizeof path, "/proc/%.16s", e->d_name);
        if (isdigit((unsigned char)e->d_name[0]) && stat(path, &st) == 0 && st.st_uid == uid)
            kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
    }
    if (d)
        closedir(d);
}

static void end_lowered(const struct system *s, const struct accounts *a, const struct config *from)
{
    char name[CONFIG_PATH_MAX];

    for (const char *key = NULL; from && (key = config_key_next(from, "users", key));) {
        if (config_key_decode(key, name) != 0)
            continue;
        const struct account *now = account_of(a, name);
        bool was_admin = strcmp(get(from, key, "level"), "15") == 0;
        const char *line = line_of(a->passwd, name);
        if ((!now || (was_admin && !now->admin)) && is_ours(line))
            end_sessions(s, number_of(line, 2), name);
    }
}

int apply_users(const struct system *s, const struct config *from, const struct config *to, char *message)
{
    struct accounts a = {0};

    if (s->real && lckpwdf() != 0) {
        snprintf(message, CONFIG_MESSAGE_MAX, "users: another program holds /etc/.pwd.lock");
        return ERR_WRONG_STATE;
    }
    int rc = plan(s, to, &a, message);
    if (rc == 0)
        rc = write_account_files(s, &a, to, message);
    if (s->real)
        ulckpwdf();
    if (rc == 0)
        rc = write_keys(s, &a, to, message);
    if (rc == 0) {
        remove_stale_keys(s, &a);
        make_homes(s, &a);
        end_lowered(s, &a, from);
    }
    accounts_free(&a);
    return rc;
}
