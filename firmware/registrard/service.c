/* SPDX-License-Identifier: BSD-3-Clause */
/* Wires handlespace, asap and transport to the event loop, and changes them over to other settings. */
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "registrard/registrard.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { ANNOUNCE_ADDRESSES_MAX = 8, ADDRESS_PARAMETER_MAX = 20, ANNOUNCE_MAX = 1400 };

/* --- the loop's callbacks
 * --------------------------------------------------------------------------------------------- */

void service_arm(struct registrard *r)
{
    uint64_t next = asap_next_deadline(r->asap), now;
    struct timeval in;

    if (next >= r->deadline_armed_ms)
        return;
    now = clock_ms();
    uint64_t wait = next > now ? next - now : 1;
    in = (struct timeval){.tv_sec = (time_t)(wait / 1000), .tv_usec = (suseconds_t)(wait % 1000 * 1000)};
    r->deadline_armed_ms = next;
    event_add(r->deadline_timer, &in);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
    struct registrard *r = context;

    (void)fd;
    (void)what;
    r->deadline_armed_ms = UINT64_MAX;
    asap_tick(r->asap, clock_ms());
    service_arm(r);
}

static void on_opened(void *context, struct channel *c)
{
    struct registrard *r = context;

    asap_opened(r->asap, c, clock_ms());
    r->changed = true;
    service_arm(r);
}

static void on_message(void *context, struct channel *c, uint32_t ppid, struct octets message)
{
    struct registrard *r = context;

    asap_message(r->asap, c, ppid, message, clock_ms());
    if (message.length && message.data[0] != ASAP_HANDLE_RESOLUTION) /* it sets no deadline */
        service_arm(r);
}

static void on_closed(void *context, struct channel *c, int reason)
{
    struct registrard *r = context;
    char peer[ADDRESS_TEXT_MAX + 8];

    log_debug("%s closed: %s", channel_describe(c, peer), error_text(reason));
    asap_closed(r->asap, c, clock_ms());
    r->changed = true;
    service_arm(r);
}

static void on_path(void *context, struct channel *c, const struct address *peer, bool reachable)
{
    char text[ADDRESS_TEXT_MAX], of[ADDRESS_TEXT_MAX + 8];

    (void)context;
    log_info("path to %s of %s is %s", address_format(peer, text), channel_describe(c, of),
             reachable ? "up" : "down");
}

static void on_changed(void *context, const struct handlespace_event *event)
{
    struct registrard *r = context;

    r->changed = true;
    asap_handlespace_changed(r->asap, event);
    if (r->enrp)
        enrp_handlespace_changed(r->enrp, event);
    feed_handlespace(r, event);
}

static struct channel *link_connect(void *context, const struct address *addresses, size_t n, uint16_t port)
{
    struct registrard *r = context;
    int error;

    return r->asap_sctp ? endpoint_connect(r->asap_sctp, addresses, n, port, &error) : NULL;
}

static struct channel *link_find(void *context, uint64_t number)
{
    struct registrard *r = context;
    return number ? transport_find(r->transport, number) : NULL;
}

/* --- endpoints
 * ----------------------------------------------------------------------------------------------------------
 */

struct endpoints {
    struct endpoint *sctp, *tcp;
};

static struct endpoint *listen_on(struct registrard *r, const struct settings *s, enum transport_kind kind,
                                  int *error, char *detail)
{
    struct endpoint_options o = {
        .kind = kind,
        .addresses = s->asap_addresses.at,
        .n_addresses = s->asap_addresses.n,
        .port = s->asap_port,
        .max_channels = s->max_channels,
        .max_per_peer = s->max_channels_per_address,
        .silent_ms = s->silence_ms,
        .stay = true,
        .handler = {.context = r,
                    .opened = on_opened,
                    .message = on_message,
                    .closed = on_closed,
                    .path = on_path,
                    .frame = wire_frame},
    };
    detail[0] = 0;
    return transport_listen(r->transport, &o, error, detail);
}

static void close_endpoints(struct endpoints *e)
{
    if (e->sctp)
        endpoint_close(e->sctp);
    if (e->tcp)
        endpoint_close(e->tcp);
    *e = (struct endpoints){0};
}

void service_say(char *message, const char *protocol, const char *detail, int error)
{
    const char *advice = error == ERR_NOT_FOUND
                             ? "no usable address: give the interface that address, or configure another one"
                             : error_advice(error);

    snprintf(message, CONFIG_MESSAGE_MAX, "%s can't be served: %s; %s", protocol,
             detail[0] ? detail : error_text(error), advice);
}

static void no_sctp(struct registrard *r, const struct settings *s)
{
    if (!r->no_sctp)
        log_warning("this kernel has no SCTP (%s); serving %s", error_advice(ERR_UNSUPPORTED),
                    s->asap_tcp ? "TCP only" : "nothing");
    r->no_sctp = true;
}

/* All that the settings want, or nothing. Without SCTP in the kernel TCP alone will do. */
static int open_endpoints(struct registrard *r, const struct settings *s, struct endpoints *e, char *message)
{
    char detail[DETAIL_MAX];
    int error = 0;

    *e = (struct endpoints){0};
    e->sctp = listen_on(r, s, TRANSPORT_SCTP, &error, detail);
    if (!e->sctp && error == ERR_UNSUPPORTED && s->asap_tcp) {
        no_sctp(r, s);
        error = 0;
    }
    if (error == 0 && s->asap_tcp)
        e->tcp = listen_on(r, s, s->asap_mptcp ? TRANSPORT_MPTCP : TRANSPORT_TCP, &error, detail);
    if ((!e->sctp && error) || (s->asap_tcp && !e->tcp)) {
        close_endpoints(e);
        service_say(message, "ASAP", detail, error);
        return error;
    }
    return 0;
}

static void use_endpoints(struct registrard *r, const struct endpoints *e)
{
    r->asap_sctp = e->sctp;
    r->asap_tcp = e->tcp;
}

static struct endpoints take_endpoints(struct registrard *r)
{
    struct endpoints e = {r->asap_sctp, r->asap_tcp};

    /* Gone from the context first: what closing them sets off must not open channels from them. */
    r->asap_sctp = r->asap_tcp = NULL;
    return e;
}

static bool same_addresses(const struct address_list *a, const struct address_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!address_equal(&a->at[i], &b->at[i]))
            return false;
    return true;
}

static bool same_endpoints(const struct settings *a, const struct settings *b)
{
    return a->asap_port == b->asap_port && a->asap_tcp == b->asap_tcp && a->asap_mptcp == b->asap_mptcp &&
           a->max_channels == b->max_channels && a->max_channels_per_address == b->max_channels_per_address &&
           a->silence_ms == b->silence_ms && same_addresses(&a->asap_addresses, &b->asap_addresses);
}

/* New endpoints beside the old ones where ports allow it, so that a mistake costs nothing; else in their
 * place, with the way back. */
static int change_endpoints(struct registrard *r, const struct settings *s, char *message)
{
    struct endpoints new, old;
    char ignored[CONFIG_MESSAGE_MAX];
    int rc = open_endpoints(r, s, &new, message);

    if (rc != 0 && (rc != ERR_ADDRESS_IN_USE || s->asap_port != r->settings.asap_port))
        return rc;
    old = take_endpoints(r);
    close_endpoints(&old);
    if (rc == ERR_ADDRESS_IN_USE) {
        rc = open_endpoints(r, s, &new, message);
        if (rc != 0 && open_endpoints(r, &r->settings, &new, ignored) != 0)
            log_err("the former ASAP endpoints can't be opened again: %s", ignored);
    }
    use_endpoints(r, &new);
    return rc;
}

/* --- announces
 * ------------------------------------------------------------------------------------------------------------
 */

static size_t sctp_transport(const struct endpoint *e, uint8_t *run, size_t capacity,
                             struct wire_transport *out)
{
    struct address addresses[ANNOUNCE_ADDRESSES_MAX];
    size_t n = endpoint_addresses(e, addresses, ANNOUNCE_ADDRESSES_MAX);
    struct writer w = writer_of(run, capacity);

    for (size_t i = 0; i < n; i++)
        wire_put_address(&w, &addresses[i]);
    if (n == 0 || w.failed)
        return 0;
    *out = (struct wire_transport){
        .type = WIRE_SCTP, .port = endpoint_port(e), .addresses = octets_of(run, writer_used(&w))};
    return 1;
}

/* A TCP transport parameter has one address (RFC 5354, 3.5). */
static size_t tcp_transports(const struct endpoint *e, uint8_t (*runs)[ADDRESS_PARAMETER_MAX],
                             struct wire_transport *out)
{
    struct address addresses[ANNOUNCE_ADDRESSES_MAX];
    size_t n = endpoint_addresses(e, addresses, ANNOUNCE_ADDRESSES_MAX);

    for (size_t i = 0; i < n; i++) {
        struct writer w = writer_of(runs[i], ADDRESS_PARAMETER_MAX);
        wire_put_address(&w, &addresses[i]);
        out[i] = (struct wire_transport){
            .type = WIRE_TCP, .port = endpoint_port(e), .addresses = octets_of(runs[i], writer_used(&w))};
    }
    return n;
}

static void send_announce(struct registrard *r, const struct wire_transport *transports, size_t n)
{
    uint8_t message[ANNOUNCE_MAX];
    int length = asap_write_announce(r->asap, transports, n, message, sizeof message);

    if (length > 0)
        announcer_send(r->asap_announcer, octets_of(message, (size_t)length));
}

/* One message for SCTP and one for TCP: rsplib's clients drop an announce with more than one transport. Under
 * compat none, as its registrars do; clients then take the sender's address and port. */
static void announce(struct registrard *r)
{
    uint8_t sctp_run[ANNOUNCE_ADDRESSES_MAX * ADDRESS_PARAMETER_MAX];
    uint8_t tcp_runs[ANNOUNCE_ADDRESSES_MAX][ADDRESS_PARAMETER_MAX];
    struct wire_transport sctp, tcp[ANNOUNCE_ADDRESSES_MAX];
    size_t n;

    if (r->asap_sctp) {
        n = sctp_transport(r->asap_sctp, sctp_run, sizeof sctp_run, &sctp);
        send_announce(r, &sctp, r->settings.compat_rsplib ? 0 : n);
    }
    n = r->asap_tcp && !r->settings.compat_rsplib ? tcp_transports(r->asap_tcp, tcp_runs, tcp) : 0;
    if (n)
        send_announce(r, tcp, n);
}

static void arm_announce(struct registrard *r)
{
    uint32_t ms = asap_announce_interval(r->asap, r->settings.asap_announce_interval_ms, clock_ms());
    struct timeval in = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

    event_add(r->announce_timer, &in);
}

static void on_announce(evutil_socket_t fd, short what, void *context)
{
    struct registrard *r = context;

    (void)fd;
    (void)what;
    if (!r->asap_announcer)
        return;
    announce(r);
    arm_announce(r);
}

static void on_announced(void *context, const struct address *from, uint16_t port, struct octets message)
{
    struct registrard *r = context;

    (void)from, (void)port;
    asap_announced(r->asap, message, clock_ms());
}

/* No multicast on this host is no reason not to serve. */
static void start_announces(struct registrard *r)
{
    const struct settings *s = &r->settings;
    struct announcer_options o = {
        .group = s->asap_announce.address,
        .group_port = s->asap_announce.port,
        .addresses = s->asap_addresses.at,
        .n_addresses = s->asap_addresses.n,
        .source_port = s->asap_port,
        .listen = true, /* for the number of registrars that announce themselves */
        .context = r,
        .received = on_announced,
    };
    char detail[DETAIL_MAX] = "";
    int error;

    announcer_free(r->asap_announcer);
    r->asap_announcer = NULL;
    event_del(r->announce_timer);
    if (!s->asap_announce.enabled)
        return;
    r->asap_announcer = announcer_new(r->base, &o, &error, detail);
    if (!r->asap_announcer) {
        o.listen = false; /* to be heard matters more than to hear */
        r->asap_announcer = announcer_new(r->base, &o, &error, detail);
    }
    if (!r->asap_announcer) {
        log_warning("no ASAP announces: %s: %s; %s", detail, error_text(error), error_advice(error));
        return;
    }
    announce(r);
    arm_announce(r);
}

static bool same_announces(const struct settings *a, const struct settings *b)
{
    return a->asap_announce.enabled == b->asap_announce.enabled &&
           a->asap_announce.port == b->asap_announce.port &&
           address_equal(&a->asap_announce.address, &b->asap_announce.address) &&
           a->asap_announce_interval_ms == b->asap_announce_interval_ms && same_endpoints(a, b);
}

/* --- start, change, stop
 * ---------------------------------------------------------------------------------------------------- */

static void random_fill(void *out, size_t length)
{
    /* Up to 256 octets are never cut short once the kernel's pool is up, and it waits for that. */
    while (getrandom(out, length, 0) != (ssize_t)length)
        ;
}

static uint32_t choose_identifier(struct registrard *r, const struct settings *s)
{
    while (r->chosen_identifier == 0)
        random_fill(&r->chosen_identifier, sizeof r->chosen_identifier);
    return s->identifier ? s->identifier : r->chosen_identifier;
}

static struct asap_settings asap_part(const struct registrard *r, const struct settings *s)
{
    struct asap_settings a = {
        .registrar = r->identifier,
        .compat_rsplib = s->compat_rsplib,
        .keep_alive_interval_ms = s->keep_alive_interval_ms,
        .keep_alive_timeout_ms = s->keep_alive_timeout_ms,
        .max_bad_reports = s->max_bad_reports,
        .items = s->items,
        .requests_per_second = s->requests_per_second,
        .max_handle_size = s->max_handle_size,
        .max_element_size = s->max_element_size,
        .max_subscriptions = s->max_subscriptions,
        .max_subscriptions_per_channel = s->max_subscriptions_per_channel,
        .n_networks = s->n_networks,
    };

    memcpy(a.networks, s->networks, sizeof a.networks);
    return a;
}

static int make_rooms(struct registrard *r)
{
    const struct settings *s = &r->settings;
    struct handlespace_options h = {.max_pools = s->max_pools,
                                    .max_elements = s->max_elements,
                                    .max_handle_size = s->max_handle_size,
                                    .changed = on_changed,
                                    .context = r};
    struct asap_options a = {.link = {.context = r, .find = link_find, .connect = link_connect}};

    random_fill(h.hash_key, sizeof h.hash_key);
    random_fill(&h.random_seed, sizeof h.random_seed);
    random_fill(&a.random_seed, sizeof a.random_seed);
    r->identifier = choose_identifier(r, s);
    a.settings = asap_part(r, s);
    r->deadline_armed_ms = UINT64_MAX;
    r->deadline_timer = evtimer_new(r->base, on_deadline, r);
    r->announce_timer = evtimer_new(r->base, on_announce, r);
    r->transport = transport_new(r->base);
    r->handlespace = a.handlespace = handlespace_new(&h);
    r->asap = r->handlespace ? asap_new(&a) : NULL;
    return r->deadline_timer && r->announce_timer && r->transport && r->asap ? 0 : ERR_MEMORY;
}

static void say_endpoints(const struct registrard *r)
{
    struct address addresses[SETTINGS_ADDRESSES_MAX];
    const struct endpoint *e = r->asap_sctp ? r->asap_sctp : r->asap_tcp;
    size_t n = e ? endpoint_addresses(e, addresses, SETTINGS_ADDRESSES_MAX) : 0;
    char text[ADDRESS_TEXT_MAX];

    log_notice("registrar 0x%08x serves ASAP on port %u over%s%s", r->identifier, r->settings.asap_port,
               r->asap_sctp ? " SCTP" : "", r->asap_tcp ? " TCP" : "");
    for (size_t i = 0; i < n; i++)
        log_info("reachable at %s", address_format_port(&addresses[i], r->settings.asap_port, text));
    if (n == 0)
        log_warning("no usable address: this host has none but loopback and link-local ones; "
                    "give an interface an address");
}

int service_start(struct registrard *r, char *message)
{
    struct endpoints e;
    int rc = make_rooms(r);

    if (rc) {
        snprintf(message, CONFIG_MESSAGE_MAX, "%s; %s", error_text(rc), error_advice(rc));
        return rc;
    }
    rc = open_endpoints(r, &r->settings, &e, message);
    if (rc)
        return rc;
    use_endpoints(r, &e);
    say_endpoints(r);
    start_announces(r);
    return peers_start(r, message);
}

/* All that follows from settings and cannot fail, but the endpoints. */
static void use_settings(struct registrard *r, const struct settings *s)
{
    struct asap_settings part;

    r->settings = *s;
    r->identifier = choose_identifier(r, s);
    part = asap_part(r, s);
    asap_configure(r->asap, &part);
    handlespace_set_limits(r->handlespace, s->max_pools, s->max_elements, s->max_handle_size);
    r->changed = true;
}

/* The endpoints of ASAP, then those of ENRP; when the second fail, the first go back. */
int service_apply(struct registrard *r, const struct settings *s, char *message)
{
    struct settings old = r->settings;
    char ignored[CONFIG_MESSAGE_MAX];
    bool other_endpoints = !same_endpoints(&old, s);
    int rc = other_endpoints ? change_endpoints(r, s, message) : 0;

    if (rc)
        return rc;
    use_settings(r, s);
    rc = peers_apply(r, &old, message);
    if (rc) {
        if (other_endpoints)
            change_endpoints(r, &old, ignored);
        use_settings(r, &old);
        if (peers_apply(r, s, ignored) != 0)
            log_err("ENRP can't be served as before: %s", ignored);
    } else if (other_endpoints) {
        say_endpoints(r);
    }
    if (!same_announces(&old, s))
        start_announces(r);
    service_arm(r);
    return rc;
}

void service_stop(struct registrard *r)
{
    struct endpoints e = take_endpoints(r);

    announcer_free(r->asap_announcer);
    r->asap_announcer = NULL;
    peers_leave(r);
    peers_stop(r);
    if (r->asap)
        close_endpoints(&e);
    transport_free(r->transport);
    asap_free(r->asap);
    handlespace_free(r->handlespace);
    if (r->deadline_timer)
        event_free(r->deadline_timer);
    if (r->announce_timer)
        event_free(r->announce_timer);
}
