/* SPDX-License-Identifier: BSD-3-Clause */
/* Interfaces and routes: one systemd-networkd file an interface, and a reload when one of them differs. */
#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FOLDER "/run/systemd/network"
#define PREFIX "50-poolward-"
#define SUFFIX ".network"

enum { NETWORKCTL_MS = 20000 };

static const char *get(const struct config *c, const char *key, const char *name)
{
    char path[CONFIG_PATH_MAX];
    snprintf(path, sizeof path, "interfaces.%s.%s", key, name);
    return config_get(c, path);
}

static bool is_true(const char *value)
{
    return value && strcmp(value, "true") == 0;
}

/* "10.1.0.1/24" -> address and length; the value is canonical. */
static unsigned split_prefix(const char *text, struct address *a)
{
    char host[ADDRESS_TEXT_MAX];
    snprintf(host, sizeof host, "%.*s", (int)strcspn(text, "/"), text);
    address_parse(host, a);
    return (unsigned)strtoul(text + strcspn(text, "/") + 1, NULL, 10);
}

static bool same_network(const struct address *a, const struct address *b, unsigned length)
{
    if (a->family != b->family)
        return false;
    for (unsigned bit = 0; bit < length; bit++)
        if ((a->octets[bit / 8] ^ b->octets[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

/* Whether a gateway is a neighbour by one of the interface's addresses. */
static bool reaches(const char *addresses, const struct address *gateway)
{
    char word[ADDRESS_TEXT_MAX];
    struct address a;

    while (addresses && config_word(&addresses, word, sizeof word)) {
        unsigned length = split_prefix(word, &a);
        if (same_network(&a, gateway, length))
            return true;
    }
    return false;
}

static void write_routes(const struct config *c, const char *addresses, FILE *f)
{
    const char *routes = config_get(c, "routes");
    char word[2 * ADDRESS_TEXT_MAX];

    while (routes && config_word(&routes, word, sizeof word)) {
        struct address gateway;
        char *comma = strchr(word, ',');
        if (comma && address_parse(comma + 1, &gateway) && reaches(addresses, &gateway))
            fprintf(f, "\n[Route]\nDestination=%.*s\nGateway=%s\n", (int)(comma - word), word, comma + 1);
    }
}

/* The .network file of an interface; to be freed. */
static char *network_file(const struct config *c, const char *key, const char *name)
{
    const char *addresses = get(c, key, "addresses"), *list = addresses, *mtu = get(c, key, "mtu");
    bool dhcp = is_true(get(c, key, "dhcp")), down = is_true(get(c, key, "shutdown"));
    char *text = NULL, word[ADDRESS_TEXT_MAX];
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    fprintf(f,
            "# Written by configd.\n[Match]\nName=%s\n\n[Link]\nActivationPolicy=%s\nRequiredForOnline=no\n",
            name, down ? "always-down" : "up");
    if (mtu)
        fprintf(f, "MTUBytes=%s\n", mtu);
    /* Addresses stay while the cable is out: the registrar's endpoints are bound to them. */
    fprintf(f,
            "\n[Network]\nDHCP=%s\nIPv6AcceptRA=%s\nConfigureWithoutCarrier=%s\nLLMNR=no\nMulticastDNS=no\n",
            dhcp ? "yes" : "no", dhcp ? "yes" : "no", dhcp ? "no" : "yes");
    while (list && config_word(&list, word, sizeof word))
        fprintf(f, "Address=%s\n", word);
    write_routes(c, addresses, f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* An interface that is not in the machine is configured when it comes. */
static void reconfigure(const struct system *s, const char *name)
{
    char path[SYSTEM_PATH_MAX], message[CONFIG_MESSAGE_MAX];

    snprintf(path, sizeof path, "/sys/class/net/%s", name);
    if (s->real && access(path, F_OK) != 0)
        return;
    if (system_run(s, NETWORKCTL_MS, message,
                   (const char *const[]){"networkctl", "reconfigure", name, NULL}) != 0)
        log_warning("%s", message);
}

/* The name in one of our files' names; false for another's file. */
static bool name_of_file(const char *file, char *name, size_t capacity)
{
    size_t n = strlen(file), head = strlen(PREFIX), tail = strlen(SUFFIX);
    if (n <= head + tail || strncmp(file, PREFIX, head) != 0 || strcmp(file + n - tail, SUFFIX) != 0)
        return false;
    snprintf(name, capacity, "%.*s", (int)(n - head - tail), file + head);
    return true;
}

struct changed_names {
    char (*names)[32];
    size_t count;
};

static void remember(struct changed_names *changed, const char *name)
{
    void *grown = reallocarray(changed->names, changed->count + 1, sizeof *changed->names);
    if (!grown)
        return;
    changed->names = grown;
    snprintf(changed->names[changed->count++], sizeof *changed->names, "%s", name);
}

static int remove_stale(const struct system *s, const struct config *c, struct changed_names *changed,
                        char *message)
{
    char path[SYSTEM_PATH_MAX], name[32], encoded[CONFIG_PATH_MAX], entry[CONFIG_PATH_MAX + 16];
    const struct config_mode *mode = config_mode_of("interfaces.x");
    DIR *d = opendir(system_path(s, FOLDER, path));
    const struct dirent *e;
    int rc = 0;

    while (d && rc == 0 && (e = readdir(d))) {
        bool removed = false;
        if (!name_of_file(e->d_name, name, sizeof name))
            continue;
        if (config_key_encode(mode, name, encoded, message) == 0) {
            snprintf(entry, sizeof entry, "interfaces.%s", encoded);
            if (config_has_entry(c, entry))
                continue;
        }
        snprintf(path, sizeof path, FOLDER "/%s", e->d_name);
        rc = system_remove(s, path, &removed, message);
        if (removed)
            remember(changed, name);
    }
    if (d)
        closedir(d);
    return rc;
}

static int write_files(const struct system *s, const struct config *c, struct changed_names *changed,
                       char *message)
{
    char path[SYSTEM_PATH_MAX], name[CONFIG_PATH_MAX];
    int rc = 0;

    for (const char *key = NULL; rc == 0 && (key = config_key_next(c, "interfaces", key));) {
        bool differs = false;
        if (config_key_decode(key, name) != 0)
            continue;
        char *text = network_file(c, key, name);
        snprintf(path, sizeof path, FOLDER "/" PREFIX "%.64s" SUFFIX, name);
        rc = text ? system_write(s, path, 0644, text, false, &differs, message) : ERR_MEMORY;
        free(text);
        if (differs)
            remember(changed, name);
    }
    return rc;
}

/* A networkd that starts after configd finds the files by itself. */
static bool networkd_runs(const struct system *s)
{
    return !s->real || !s->starting || system_exists(s, "/run/systemd/netif/state");
}

int apply_network(const struct system *s, const struct config *from, const struct config *to, char *message)
{
    struct changed_names changed = {0};
    int rc = remove_stale(s, to, &changed, message);

    (void)from;
    if (rc == 0)
        rc = write_files(s, to, &changed, message);
    if (!networkd_runs(s))
        changed.count = 0;
    if (rc == 0 && changed.count > 0)
        rc = system_run(s, NETWORKCTL_MS, message, (const char *const[]){"networkctl", "reload", NULL});
    for (size_t i = 0; rc == 0 && i < changed.count; i++)
        reconfigure(s, changed.names[i]);
    free(changed.names);
    return rc;
}
