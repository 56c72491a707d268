/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SNMP: the whole configuration of snmpd (version 3 only, a user with authentication and privacy, a read
 * view), and whether it runs. snmpd keeps localised keys of its users beside its boot counter; those of users
 * that are gone, or have new keys, are taken out while it is stopped.
 */
#include "base/clock.h"
#include "base/error.h"
#include "configd/configd.h"

#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME  "/run/poolward/snmpd.conf"
#define AGENTX     "/run/poolward/agentx.sock"
#define PERSISTENT "/data/snmp/snmpd.conf"
#define ACCOUNT    "Debian-snmp"

enum { SYSTEMCTL_MS = 30000, START_MS = 15000, START_STEP_MS = 100 };

static const char *get(const struct config *c, const char *key, const char *name)
{
    char path[CONFIG_PATH_MAX];
    snprintf(path, sizeof path, "snmp.users.%s.%s", key, name);
    return config_get(c, path);
}

/* As snmpd reads a quoted word. */
static void quoted(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static const char *protocol_of(const char *choice)
{
    static const char *const names[][2] = {{"sha-256", "SHA-256"},
                                           {"sha-384", "SHA-384"},
                                           {"sha-512", "SHA-512"},
                                           {"aes-128", "AES"},
                                           {"aes-256", "AES-256"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i][0], choice) == 0)
            return names[i][1];
    return names[0][1];
}

/* A user without both keys cannot have authPriv: not yet, as it is being typed in. */
static void write_user(FILE *f, const struct config *c, const char *key, const char *name)
{
    const char *auth_key = get(c, key, "auth-key"), *privacy_key = get(c, key, "privacy-key");

    if (!auth_key || !privacy_key)
        return;
    fprintf(f, "createUser %s %s ", name, protocol_of(get(c, key, "auth")));
    quoted(f, auth_key);
    fprintf(f, " %s ", protocol_of(get(c, key, "privacy")));
    quoted(f, privacy_key);
    fprintf(f, "\nrouser -s usm %s priv -V poolward\n", name);
}

/* The file; to be freed. */
static char *snmpd_file(const struct system *s, const struct config *c)
{
    const char *contact = config_get(c, "snmp.contact"), *location = config_get(c, "snmp.location");
    char *text = NULL, name[CONFIG_PATH_MAX], socket_path[SYSTEM_PATH_MAX];
    size_t size;
    FILE *f = open_memstream(&text, &size);
    unsigned port = config_unsigned(c, "snmp.port");

    if (!f)
        return NULL;
    fprintf(f, "# Written by configd.\nagentAddress udp:%u,udp6:%u\n", port, port);
    fprintf(f, "master agentx\nagentXSocket unix:%s\n", system_path(s, AGENTX, socket_path));
    if (s->real && getpwnam(ACCOUNT))
        fputs("agentXPerms 0660 0755 " ACCOUNT " " ACCOUNT "\n", f);
    /* All but the tables of users and of access. */
    fputs("view poolward included .1\nview poolward excluded .1.3.6.1.6.3.15\nview poolward excluded "
          ".1.3.6.1.6.3.16\n",
          f);
    fprintf(f, "sysName %s\n", config_get(c, "hostname"));
    if (contact)
        fprintf(f, "sysContact %s\n", contact);
    if (location)
        fprintf(f, "sysLocation %s\n", location);
    for (const char *key = NULL; (key = config_key_next(c, "snmp.users", key));)
        if (config_key_decode(key, name) == 0)
            write_user(f, c, key, name);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Takes the users out of what snmpd keeps; engine identity and boot counter stay. */
static int forget_users(const struct system *s, char *message)
{
    char *old = system_read(s, PERSISTENT), *text = NULL;
    size_t size;
    FILE *f = old ? open_memstream(&text, &size) : NULL;
    int rc = 0;

    for (const char *line = f ? old : NULL; line && *line;) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, "usmUser ", 8) != 0 && strncmp(line, "createUser ", 11) != 0)
            fprintf(f, "%.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    if (f && fclose(f) == 0)
        rc = system_write(s, PERSISTENT, 0600, text, true, NULL, message);
    free(text);
    free(old);
    return rc;
}

static int systemctl(const struct system *s, const char *verb, char *message)
{
    return system_run(s, SYSTEMCTL_MS, message,
                      s->starting
                          ? (const char *const[]){"systemctl", "--no-block", verb, "snmpd.service", NULL}
                          : (const char *const[]){"systemctl", verb, "snmpd.service", NULL});
}

/* snmpd tells no one when it is ready; the AgentX socket is the last that it opens, after its UDP ports. */
static int wait_started(const struct system *s, char *message)
{
    char path[SYSTEM_PATH_MAX], ignored[CONFIG_MESSAGE_MAX];
    uint64_t deadline = clock_ms() + START_MS;

    if (!s->real || s->starting)
        return 0;
    system_path(s, AGENTX, path);
    while (access(path, F_OK) != 0 && clock_ms() < deadline)
        poll(NULL, 0, START_STEP_MS);
    if (access(path, F_OK) == 0 &&
        system_run(s, SYSTEMCTL_MS, ignored,
                   (const char *const[]){"systemctl", "-q", "is-active", "snmpd.service", NULL}) == 0)
        return 0;
    snprintf(message, CONFIG_MESSAGE_MAX,
             "snmp: snmpd does not start; is its UDP port taken? Choose another snmp-server port");
    return ERR_WRONG_STATE;
}

int apply_snmp(const struct system *s, const struct config *from, const struct config *to, char *message)
{
    bool enabled = config_boolean(to, "snmp.enabled"), was = from && config_boolean(from, "snmp.enabled"),
         changed = false;
    int rc = 0;

    if (!enabled) {
        if (!system_exists(s, FILE_NAME)) /* it is there as long as SNMP is open */
            return 0;
        rc = systemctl(s, "stop", message);
        if (rc == 0)
            rc = system_remove(s, FILE_NAME, NULL, message);
        return rc == 0 && !s->starting ? forget_users(s, message) : rc;
    }
    char *text = snmpd_file(s, to);
    rc = text ? system_write(s, FILE_NAME, 0600, text, false, &changed, message) : ERR_MEMORY;
    free(text);
    if (rc != 0 || (was && !changed))
        return rc;
    if (!from && !changed) /* this daemon was restarted, snmpd was not */
        return systemctl(s, "start", message);
    if (!s->starting || from)
        rc = systemctl(s, "stop", message);
    if (rc == 0)
        rc = system_remove(s, AGENTX, NULL, message);
    if (rc == 0)
        rc = forget_users(s, message);
    if (rc == 0)
        rc = systemctl(s, s->starting ? "restart" : "start", message);
    return rc == 0 ? wait_started(s, message) : rc;
}
