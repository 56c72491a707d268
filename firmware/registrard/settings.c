/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration's `registrar` part as values: the only place that knows the paths. */
#include "base/error.h"
#include "registrard/registrard.h"

#include <stdlib.h>
#include <string.h>

static int too_many(const char *path, size_t max, char *message)
{
    snprintf(message, CONFIG_MESSAGE_MAX, "%s: more than %zu values", path, max);
    return ERR_LIMIT;
}

/* Calls take() for each blank-separated word of a list. */
static int each_word(const struct config *c, const char *path, void *out,
                     int (*take)(void *out, const char *word), char *message, size_t max)
{
    const char *text = config_get(c, path);
    char *copy = strdup(text ? text : ""), *at = copy, *word;
    int rc = copy ? 0 : ERR_MEMORY;

    while (rc == 0 && (word = strsep(&at, " ")))
        if (*word)
            rc = take(out, word);
    free(copy);
    if (rc == ERR_LIMIT)
        return too_many(path, max, message);
    if (rc)
        snprintf(message, CONFIG_MESSAGE_MAX, "%s: %s", path, error_text(rc));
    return rc;
}

static int take_address(void *out, const char *word)
{
    struct address_list *list = out;

    if (list->n == SETTINGS_ADDRESSES_MAX)
        return ERR_LIMIT;
    return address_parse(word, &list->at[list->n++]) ? 0 : ERR_SYNTAX;
}

/* "10.1.0.2:9901" or "[2001:db8::2]:9901", as the schema makes it. */
static bool parse_endpoint(const char *word, struct peer_setting *out)
{
    const char *colon = strrchr(word, ':');
    char host[ADDRESS_TEXT_MAX], *end;
    size_t length = colon ? (size_t)(colon - word) : 0;
    unsigned long port;

    if (length == 0 || length >= sizeof host)
        return false;
    memcpy(host, word, length);
    host[length] = 0;
    if (host[0] == '[' && host[length - 1] == ']') {
        host[length - 1] = 0;
        memmove(host, host + 1, length - 1);
    }
    port = strtoul(colon + 1, &end, 10);
    out->port = (uint16_t)port;
    return *end == 0 && port > 0 && port <= UINT16_MAX && address_parse(host, &out->address);
}

/* "10.1.0.0/16", as the schema makes it. */
static int take_network(void *out, const char *word)
{
    struct settings *s = out;
    const char *slash = strchr(word, '/');
    char text[ADDRESS_TEXT_MAX];
    struct asap_network *n;

    if (s->n_networks == ASAP_NETWORKS_MAX)
        return ERR_LIMIT;
    if (!slash || (size_t)(slash - word) >= sizeof text)
        return ERR_SYNTAX;
    memcpy(text, word, (size_t)(slash - word));
    text[slash - word] = 0;
    n = &s->networks[s->n_networks++];
    n->bits = (uint8_t)strtoul(slash + 1, NULL, 10);
    return address_parse(text, &n->address) ? 0 : ERR_SYNTAX;
}

static int take_peer(void *out, const char *word)
{
    struct settings *s = out;

    if (s->n_peers == SETTINGS_PEERS_MAX)
        return ERR_LIMIT;
    return parse_endpoint(word, &s->peers[s->n_peers++]) ? 0 : ERR_SYNTAX;
}

static void read_announce(const struct config *c, const char *enabled, const char *address, const char *port,
                          struct announce_settings *out)
{
    const char *text = config_get(c, address);

    out->enabled = config_boolean(c, enabled) && text && address_parse(text, &out->address);
    out->port = (uint16_t)config_unsigned(c, port);
}

static void read_asap(const struct config *c, struct settings *s)
{
    s->asap_port = (uint16_t)config_unsigned(c, "registrar.asap.port");
    s->asap_tcp = config_boolean(c, "registrar.asap.tcp");
    s->asap_mptcp = config_boolean(c, "registrar.asap.mptcp");
    read_announce(c, "registrar.asap.announce.enabled", "registrar.asap.announce.address",
                  "registrar.asap.announce.port", &s->asap_announce);
    s->asap_announce_interval_ms = config_unsigned(c, "registrar.asap.announce.interval");
    s->keep_alive_interval_ms = config_unsigned(c, "registrar.asap.keep-alive.interval");
    s->keep_alive_timeout_ms = config_unsigned(c, "registrar.asap.keep-alive.timeout");
    s->max_bad_reports = config_unsigned(c, "registrar.asap.max-bad-reports");
    s->items = config_unsigned(c, "registrar.asap.items");
}

static void read_enrp(const struct config *c, struct settings *s)
{
    s->enrp_enabled = config_boolean(c, "registrar.enrp.enabled");
    s->enrp_port = (uint16_t)config_unsigned(c, "registrar.enrp.port");
    read_announce(c, "registrar.enrp.announce.enabled", "registrar.enrp.announce.address",
                  "registrar.enrp.announce.port", &s->enrp_announce);
    s->enrp_heartbeat_ms = config_unsigned(c, "registrar.enrp.heartbeat-interval");
    s->enrp_last_heard_ms = config_unsigned(c, "registrar.enrp.max-time-last-heard");
    s->enrp_no_response_ms = config_unsigned(c, "registrar.enrp.max-time-no-response");
    s->enrp_suggest_takeover = config_boolean(c, "registrar.enrp.suggest-takeover");
}

static void read_limits(const struct config *c, struct settings *s)
{
    s->max_pools = config_unsigned(c, "registrar.limits.pools");
    s->max_elements = config_unsigned(c, "registrar.limits.elements");
    s->max_handle_size = config_unsigned(c, "registrar.limits.handle-size");
    s->max_channels = config_unsigned(c, "registrar.limits.channels");
    s->max_channels_per_address = config_unsigned(c, "registrar.limits.channels-per-address");
    s->max_element_size = config_unsigned(c, "registrar.limits.element-size");
    s->max_subscriptions = config_unsigned(c, "registrar.limits.subscriptions");
    s->max_subscriptions_per_channel = config_unsigned(c, "registrar.limits.subscriptions-per-channel");
    s->silence_ms = config_unsigned(c, "registrar.limits.silence");
    s->requests_per_second = config_unsigned(c, "registrar.limits.requests-per-second");
}

int settings_read(const struct config *c, struct settings *s, char *message)
{
    const char *description = config_get(c, "registrar.description");
    const char *compat = config_get(c, "registrar.compat");
    const char *scope = config_get(c, "registrar.scope");
    int rc;

    memset(s, 0, sizeof *s);
    s->identifier = config_unsigned(c, "registrar.identifier");
    snprintf(s->description, sizeof s->description, "%s", description ? description : "");
    snprintf(s->scope_name, sizeof s->scope_name, "%s", scope ? scope : "");
    s->compat_rsplib = compat && strcmp(compat, "rsplib") == 0;
    read_asap(c, s);
    read_enrp(c, s);
    read_limits(c, s);
    rc = each_word(c, "registrar.asap.addresses", &s->asap_addresses, take_address, message,
                   SETTINGS_ADDRESSES_MAX);
    if (rc == 0)
        rc = each_word(c, "registrar.enrp.addresses", &s->enrp_addresses, take_address, message,
                       SETTINGS_ADDRESSES_MAX);
    if (rc == 0)
        rc = each_word(c, "registrar.asap.networks", s, take_network, message, ASAP_NETWORKS_MAX);
    if (rc == 0)
        rc = each_word(c, "registrar.peers", s, take_peer, message, SETTINGS_PEERS_MAX);
    if (rc == 0 && s->enrp_enabled && s->enrp_port == s->asap_port) {
        snprintf(message, CONFIG_MESSAGE_MAX, "registrar.enrp.port: %u is the port of ASAP already",
                 s->enrp_port);
        rc = ERR_RANGE;
    }
    return rc;
}
