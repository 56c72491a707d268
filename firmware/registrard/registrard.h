/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's one context, and what its files offer each other. */
#ifndef REGISTRARD_REGISTRARD_H
#define REGISTRARD_REGISTRARD_H

#include "asap/asap.h"
#include "config/config.h"
#include "control/control.h"
#include "enrp/enrp.h"
#include "handlespace/handlespace.h"
#include "transport/channel.h"

#include <bsd/sys/queue.h>

enum { SETTINGS_ADDRESSES_MAX = 32, SETTINGS_PEERS_MAX = 64, DETAIL_MAX = 128 };

struct address_list {
    struct address at[SETTINGS_ADDRESSES_MAX];
    size_t n;
};

struct announce_settings {
    bool enabled;
    struct address address;
    uint16_t port;
};

struct peer_setting {
    struct address address;
    uint16_t port;
};

/* The part `registrar.*` of a configuration, as values. */
struct settings {
    uint32_t identifier; /* 0: one chosen at random */
    char description[256], scope_name[256];
    bool compat_rsplib;
    uint16_t asap_port;
    struct address_list asap_addresses;
    bool asap_tcp, asap_mptcp;
    struct announce_settings asap_announce;
    uint32_t asap_announce_interval_ms;
    uint32_t keep_alive_interval_ms, keep_alive_timeout_ms;
    uint32_t max_bad_reports;
    uint32_t items;
    bool enrp_enabled;
    uint16_t enrp_port;
    struct address_list enrp_addresses;
    struct announce_settings enrp_announce;
    uint32_t enrp_heartbeat_ms, enrp_last_heard_ms, enrp_no_response_ms;
    bool enrp_suggest_takeover;
    struct peer_setting peers[SETTINGS_PEERS_MAX];
    size_t n_peers;
    uint32_t max_pools, max_elements, max_handle_size, max_channels, requests_per_second;
    uint32_t max_channels_per_address, silence_ms, max_element_size;
    uint32_t max_subscriptions, max_subscriptions_per_channel;
    struct asap_network networks[ASAP_NETWORKS_MAX]; /* of user transport addresses */
    size_t n_networks;
};

struct feed_reader;
LIST_HEAD(feed_readers, feed_reader);

struct registrard {
    struct event_base *base;
    const char *config_file; /* NULL: none */
    struct settings settings;
    uint32_t identifier; /* in use; chosen at random where the settings say 0 */
    uint32_t chosen_identifier;
    uint64_t started_ms, epoch;

    struct handlespace *handlespace;
    struct transport *transport;
    struct asap *asap;
    struct endpoint *asap_sctp, *asap_tcp;
    struct announcer *asap_announcer;
    struct enrp *enrp; /* NULL: not enabled, or no SCTP */
    struct endpoint *enrp_sctp;
    struct announcer *enrp_announcer;
    bool no_sctp; /* the kernel has none: said once */

    struct control_server *control;
    struct feed_readers readers;
    uint64_t fed_ms; /* when peers were last looked through */
    bool changed;    /* something that a `registrar` event shows */

    struct event *deadline_timer, *announce_timer, *second_timer, *watchdog_timer;
    struct event *enrp_timer;
    uint64_t deadline_armed_ms, enrp_armed_ms;
    struct event *signals[3];
};

/* --- settings.c: a configuration as values
 * ---------------------------------------------------------------------- */

/* ERR_RANGE, ERR_LIMIT and a message (CONFIG_MESSAGE_MAX) for what the schema cannot know. */
int settings_read(const struct config *c, struct settings *out, char *message);

/* --- service.c: what the network sees
 * ---------------------------------------------------------------------------- */

/* Handlespace, asap and the endpoints, by r->settings. 0 or a code and a message that says what to do. */
int service_start(struct registrard *r, char *message);
/* Changes over to other settings; on failure everything is as before. */
int service_apply(struct registrard *r, const struct settings *s, char *message);
void service_stop(struct registrard *r);
/* Moves the one timer to the handlespace's next deadline; O(1). After everything that may have changed one.
 */
void service_arm(struct registrard *r);

/* Why an endpoint could not be opened, and what to do, into message (CONFIG_MESSAGE_MAX). detail may be
 * empty. */
void service_say(char *message, const char *protocol, const char *detail, int error);

/* --- peers.c: ENRP
 * ------------------------------------------------------------------------------------------------ */

int peers_start(struct registrard *r, char *message);
/* After r->settings were changed from old. On failure ENRP is off. */
int peers_apply(struct registrard *r, const struct settings *old, char *message);
void peers_stop(struct registrard *r);
/* Before the daemon stops for good: the peers get the elements of this registrar suggested. */
void peers_leave(struct registrard *r);

/* --- control_methods.c, feed.c, json.c: what operators and SNMP see
 * -------------------------------------------------- */

int control_start(struct registrard *r, const char *path);
void control_stop(struct registrard *r);

void feed_subscribe(struct registrard *r, struct control_request *request);
void feed_handlespace(struct registrard *r, const struct handlespace_event *event);
void feed_peer(struct registrard *r, const struct enrp_peer *peer, bool gone);
void feed_second(struct registrard *r); /* at most one `registrar` event a second */

json_t *json_registrar(const struct registrard *r);
json_t *json_pool(const struct pool *p);
json_t *json_element(const struct pool_element *e);
json_t *json_peer(const struct registrard *r, const struct enrp_peer *peer);
json_t *json_statistics(const struct registrard *r);
const char *json_reason(enum handlespace_reason reason);

/* --- supervision.c: systemd and signals
 * ---------------------------------------------------------------------------- */

int supervision_start(struct registrard *r);
void supervision_ready(struct registrard *r);
void supervision_stop(struct registrard *r);

#endif
