/* SPDX-License-Identifier: BSD-3-Clause */
/* Wires enrp to its endpoint, its announces and the event loop. Apart from service.c: a registrar alone needs
 * none of it. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "registrard/registrard.h"

static void arm(struct registrard *r)
{
    uint64_t now = clock_ms(), next = enrp_next_deadline(r->enrp), wait;
    struct timeval in;

    if (next >= r->enrp_armed_ms)
        return;
    wait = next > now ? next - now : 1;
    in = (struct timeval){.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
    r->enrp_armed_ms = next;
    event_add(r->enrp_timer, &in);
}

/* What enrp did may have changed deadlines of the handlespace, too. */
static void arm_both(struct registrard *r)
{
    arm(r);
    service_arm(r);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct registrard *r = context;

    (void)fd;
    (void)what;
    r->enrp_armed_ms = UINT64_MAX;
    enrp_tick(r->enrp, clock_ms());
    arm_both(r);
}

static void on_opened(void *context, struct channel *c)
{
    struct registrard *r = context;

    enrp_channel_opened(r->enrp, c, clock_ms());
    arm_both(r);
}

static void on_message(void *context, struct channel *c, uint32_t ppid, struct octets message)
{
    struct registrard *r = context;

    enrp_receive(r->enrp, c, ppid, message, clock_ms());
    arm_both(r);
}

static void on_closed(void *context, struct channel *c, int reason)
{
    struct registrard *r = context;
    char peer[ADDRESS_TEXT_MAX + 8];

    log_debug("%s (ENRP) closed: %s", channel_describe(c, peer), error_text(reason));
    enrp_channel_closed(r->enrp, c, clock_ms());
    arm_both(r);
}

static void on_announced(void *context, const struct address *from, uint16_t port, struct octets message)
{
    struct registrard *r = context;

    enrp_announced(r->enrp, from, port, message, clock_ms());
    arm_both(r);
}

static void on_peer_changed(void *context, const struct enrp_peer *peer, bool gone)
{
    struct registrard *r = context;

    r->changed = true;
    feed_peer(r, peer, gone);
}

static void on_adopted(void *context, struct pool_element *element, uint64_t at_ms)
{
    struct registrard *r = context;

    asap_adopt(r->asap, element, at_ms);
}

static void on_suggested(void *context, struct pool_element *element, uint64_t now_ms)
{
    struct registrard *r = context;

    asap_claim(r->asap, element, now_ms);
}

static struct channel *link_connect(void *context, const struct address *addresses, size_t n, uint16_t port)
{
    struct registrard *r = context;
    int error;

    return r->enrp_sctp ? endpoint_connect(r->enrp_sctp, addresses, n, port, &error) : NULL;
}

static void link_announce(void *context, struct octets message)
{
    struct registrard *r = context;

    if (r->enrp_announcer)
        announcer_send(r->enrp_announcer, message);
}

static struct endpoint *open_endpoint(struct registrard *r, const struct settings *s, int *error,
                                      char *message)
{
    char detail[DETAIL_MAX] = "";
    struct endpoint_options o = {
        .kind = TRANSPORT_SCTP,
        .addresses = s->enrp_addresses.at,
        .n_addresses = s->enrp_addresses.n,
        .port = s->enrp_port,
        .max_channels = s->max_channels,
        .handler = {.context = r,
                    .opened = on_opened,
                    .message = on_message,
                    .closed = on_closed,
                    .frame = wire_frame},
    };
    struct endpoint *e = transport_listen(r->transport, &o, error, detail);

    if (!e)
        service_say(message, "ENRP", detail, *error);
    return e;
}

static void start_announces(struct registrard *r)
{
    const struct settings *s = &r->settings;
    struct announcer_options o = {
        .group = s->enrp_announce.address,
        .group_port = s->enrp_announce.port,
        .addresses = s->enrp_addresses.at,
        .n_addresses = s->enrp_addresses.n,
        .source_port = s->enrp_port,
        .listen = true,
        .context = r,
        .received = on_announced,
    };
    char detail[DETAIL_MAX] = "";
    int error;

    announcer_free(r->enrp_announcer);
    r->enrp_announcer = NULL;
    if (!s->enrp_announce.enabled)
        return;
    r->enrp_announcer = announcer_new(r->base, &o, &error, detail);
    if (!r->enrp_announcer)
        log_warning("no ENRP announces: %s: %s; %s", detail, error_text(error), error_advice(error));
}

/* own and peers have to stay as long as the result is used. */
static struct enrp_settings enrp_part(const struct registrard *r, struct address *own,
                                      struct enrp_address *peers)
{
    const struct settings *s = &r->settings;

    for (size_t i = 0; i < s->n_peers; i++)
        peers[i] = (struct enrp_address){s->peers[i].address, s->peers[i].port};
    return (struct enrp_settings){
        .registrar = r->identifier,
        .compat_rsplib = s->compat_rsplib,
        .heartbeat_ms = s->enrp_heartbeat_ms,
        .max_time_last_heard_ms = s->enrp_last_heard_ms,
        .max_time_no_response_ms = s->enrp_no_response_ms,
        .addresses = own,
        .n_addresses = endpoint_addresses(r->enrp_sctp, own, ENRP_ADDRESSES_MAX),
        .port = endpoint_port(r->enrp_sctp),
        .peers = peers,
        .n_peers = s->n_peers,
        .no_announces = !s->enrp_announce.enabled,
        .suggest_takeover = s->enrp_suggest_takeover,
    };
}

static int start(struct registrard *r, struct endpoint *e)
{
    struct address own[ENRP_ADDRESSES_MAX];
    struct enrp_address peers[SETTINGS_PEERS_MAX];
    struct enrp_options o = {
        .handlespace = r->handlespace,
        .link = {.context = r, .connect = link_connect, .announce = link_announce},
        .peer_changed = on_peer_changed,
        .adopted = on_adopted,
        .suggested = on_suggested,
        .context = r,
    };

    r->enrp_sctp = e;
    o.settings = enrp_part(r, own, peers);
    r->enrp_armed_ms = UINT64_MAX;
    r->enrp_timer = evtimer_new(r->base, on_timer, r);
    r->enrp = r->enrp_timer ? enrp_new(&o, clock_ms()) : NULL;
    if (!r->enrp)
        return ERR_MEMORY;
    log_notice("registrar 0x%08x serves ENRP on port %u over SCTP", r->identifier, r->settings.enrp_port);
    start_announces(r);
    arm(r);
    return 0;
}

void peers_leave(struct registrard *r)
{
    if (r->enrp)
        enrp_leave(r->enrp);
}

void peers_stop(struct registrard *r)
{
    struct endpoint *e = r->enrp_sctp;

    announcer_free(r->enrp_announcer);
    r->enrp_announcer = NULL;
    r->enrp_sctp = NULL; /* first: what closing sets off must not open channels from it */
    if (e)
        endpoint_close(e);
    enrp_free(r->enrp);
    r->enrp = NULL;
    if (r->enrp_timer)
        event_free(r->enrp_timer);
    r->enrp_timer = NULL;
}

int peers_start(struct registrard *r, char *message)
{
    struct endpoint *e;
    int error = 0;

    if (!r->settings.enrp_enabled)
        return 0;
    e = open_endpoint(r, &r->settings, &error, message);
    if (e)
        return start(r, e);
    if (error != ERR_UNSUPPORTED)
        return error;
    log_warning("no peers without SCTP in the kernel: this registrar is alone");
    return 0;
}

static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
    bool same = a->n == b->n;

    for (size_t i = 0; same && i < a->n; i++)
        same = address_equal(&a->at[i], &b->at[i]);
    return same;
}

static bool same_endpoint(const struct settings *a, const struct settings *b)
{
    return a->enrp_enabled == b->enrp_enabled && a->enrp_port == b->enrp_port &&
           a->max_channels == b->max_channels && same_addresses(&a->enrp_addresses, &b->enrp_addresses);
}

static bool same_announces(const struct settings *a, const struct settings *b)
{
    return a->enrp_announce.enabled == b->enrp_announce.enabled &&
           a->enrp_announce.port == b->enrp_announce.port &&
           address_equal(&a->enrp_announce.address, &b->enrp_announce.address);
}

static int reconfigure(struct registrard *r, const struct settings *old)
{
    struct address own[ENRP_ADDRESSES_MAX];
    struct enrp_address peers[SETTINGS_PEERS_MAX];
    struct enrp_settings part;
    int rc;

    if (!r->enrp)
        return 0;
    part = enrp_part(r, own, peers);
    rc = enrp_configure(r->enrp, &part, clock_ms());
    if (!same_announces(old, &r->settings))
        start_announces(r);
    arm_both(r);
    return rc;
}

/* r->settings are the new ones already. */
int peers_apply(struct registrard *r, const struct settings *old, char *message)
{
    if (same_endpoint(old, &r->settings))
        return reconfigure(r, old);
    peers_stop(r);
    return peers_start(r, message);
}
