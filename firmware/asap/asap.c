/* SPDX-License-Identifier: BSD-3-Clause */
/* Set-up, and the way of a message to the function of its type. */
#include "asap/internal.h"

#include <stdlib.h>

static int default_send(void *context, struct channel *c, struct octets message)
{
    (void)context;
    return channel_send(c, WIRE_PPID_ASAP, message);
}

static struct channel *default_find(void *context, uint64_t number)
{
    return number && context ? transport_find(context, number) : NULL;
}

static struct asap_link complete(struct asap_link l)
{
#define DEFAULT(field, function) l.field = l.field ? l.field : (function)
    DEFAULT(send, default_send);
    DEFAULT(find, default_find);
    DEFAULT(close, channel_close);
    DEFAULT(number, channel_number);
    DEFAULT(kind, channel_kind);
    DEFAULT(peers, channel_peers);
    DEFAULT(has_peer, channel_has_peer);
    DEFAULT(set_client, channel_set_context);
    DEFAULT(client, channel_context);
    DEFAULT(describe, channel_describe);
#undef DEFAULT
    return l;
}

static struct asap_settings fill(struct asap_settings s)
{
    s.keep_alive_interval_ms = s.keep_alive_interval_ms ? s.keep_alive_interval_ms : 5000;
    s.keep_alive_timeout_ms = s.keep_alive_timeout_ms ? s.keep_alive_timeout_ms : 5000;
    s.items = s.items ? s.items : 16;
    s.max_handle_size = s.max_handle_size ? s.max_handle_size : 255;
    s.max_element_size = s.max_element_size ? s.max_element_size : 4096;
    if (s.n_networks > ASAP_NETWORKS_MAX)
        s.n_networks = ASAP_NETWORKS_MAX;
    return s;
}

struct asap *asap_new(const struct asap_options *o)
{
    struct asap *a = calloc(1, sizeof *a);

    if (!a)
        return NULL;
    a->handlespace = o->handlespace;
    a->link = complete(o->link);
    a->settings = fill(o->settings);
    a->random = o->random_seed ? o->random_seed : 1;
    a->secret = a->random * UINT64_C(0x9e3779b97f4a7c15);
    LIST_INIT(&a->clients);
    TAILQ_INIT(&a->changed);
    return a;
}

void asap_free(struct asap *a)
{
    struct asap_client *client;

    if (!a)
        return;
    while ((client = LIST_FIRST(&a->clients)))
        asap_client_free(a, client);
    free(a);
}

void asap_configure(struct asap *a, const struct asap_settings *s)
{
    uint32_t old = a->settings.registrar;
    struct pool_element *e;

    a->settings = fill(*s);
    if (old != a->settings.registrar)
        while ((e = handlespace_owned_next(a->handlespace, old, NULL)))
            handlespace_set_owner(a->handlespace, e, a->settings.registrar);
}

const struct asap_statistics *asap_statistics(const struct asap *a)
{
    return &a->statistics;
}

/* --- logs
 * ----------------------------------------------------------------------------------------------------------
 */

enum { HANDLE_TEXT_MAX = 80 };

static void handle_text(struct octets handle, char out[HANDLE_TEXT_MAX])
{
    size_t n = handle.length < HANDLE_TEXT_MAX - 1 ? handle.length : HANDLE_TEXT_MAX - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = handle.data[i] >= ' ' && handle.data[i] < 0x7f ? (char)handle.data[i] : '?';
    out[n] = 0;
}

/* Clients come and go as they like: together they get a number of lines a second. */
static bool may_log(struct asap *a)
{
    uint64_t second = a->now_ms / 1000;

    if (second != a->log_second) {
        if (a->log_lines > ASAP_LOG_BUDGET)
            log_notice("%u lines about pool elements and clients not logged", a->log_lines - ASAP_LOG_BUDGET);
        a->log_second = second;
        a->log_lines = 0;
    }
    return a->log_lines++ < ASAP_LOG_BUDGET;
}

void asap_log_element(struct asap *a, int level, const struct pool_element *e, const struct channel *c,
                      const char *what)
{
    char pool[HANDLE_TEXT_MAX], id[16], peer[ADDRESS_TEXT_MAX + 8] = "-";

    if (!log_wants(level) || (level < LOG_DEBUG && !may_log(a)))
        return;
    handle_text(pool_handle(pool_element_pool(e)), pool);
    snprintf(id, sizeof id, "0x%08x", pool_element_identifier(e));
    if (c)
        a->link.describe(c, peer);
    const struct log_field fields[] = {{"POOL", pool}, {"PE_ID", id}, {"PEER", peer}, {0}};
    if (c)
        log_write(level, fields, "pool element %s of pool %s %s from %s", id, pool, what, peer);
    else
        log_write(level, fields, "pool element %s of pool %s: %s", id, pool, what);
}

void asap_log_reject(const struct asap_call *call, const struct asap_reject *reject)
{
    char pool[HANDLE_TEXT_MAX], peer[ADDRESS_TEXT_MAX + 8];
    uint32_t suppressed;

    if (!log_limit_allows(&call->client->reject_log, call->now_ms, ASAP_LOG_INTERVAL_MS, &suppressed) ||
        !may_log(call->asap))
        return;
    handle_text(call->in->pool_handle, pool);
    call->asap->link.describe(call->channel, peer);
    const struct log_field fields[] = {{"POOL", pool}, {"PEER", peer}, {0}};
    log_write(LOG_WARNING, fields, "%s from %s for pool %s refused: %s (%s); %u more not logged",
              wire_message_name(WIRE_ASAP, call->in->type), peer, pool, wire_cause_name(reject->cause),
              reject->why ? reject->why : "-", suppressed);
}

/* At each re-registration again: told when it is new, and then rarely. */
void asap_log_dropped(const struct asap_call *call, unsigned addresses)
{
    char pool[HANDLE_TEXT_MAX], peer[ADDRESS_TEXT_MAX + 8];
    uint32_t suppressed;

    if (!log_limit_allows(&call->client->dropped_log, call->now_ms, ASAP_DROPPED_INTERVAL_MS, &suppressed) ||
        !may_log(call->asap))
        return;
    handle_text(call->in->pool_handle, pool);
    call->asap->link.describe(call->channel, peer);
    const struct log_field fields[] = {{"POOL", pool}, {"PEER", peer}, {0}};
    log_write(LOG_INFO, fields,
              "pool element 0x%08x of pool %s from %s: %u user addresses left out, for they are not of the "
              "association or "
              "outside the networks allowed",
              call->in->element.identifier, pool, peer, addresses);
}

/* --- dispatch
 * -------------------------------------------------------------------------------------------------------- */

static void overload_registration(const struct asap_call *call, const struct asap_reject *reject)
{
    asap_reply_registration(call, call->in->element.identifier, reject);
}

/* What a registrar takes: the parameters without which the request means nothing, its function, and what it
 * answers when the channel is over its rate (NULL: nothing). */
static const struct {
    uint32_t required;
    void (*handle)(const struct asap_call *call);
    void (*refuse)(const struct asap_call *call, const struct asap_reject *reject);
} requests[ASAP_TYPES] = {
    [ASAP_REGISTRATION] = {WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT, asap_registration,
                           overload_registration},
    [ASAP_DEREGISTRATION] = {WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER, asap_deregistration,
                             asap_reply_deregistration},
    [ASAP_HANDLE_RESOLUTION] = {WIRE_HAS_POOL_HANDLE, asap_resolution, asap_reply_resolution_error},
    [ASAP_ENDPOINT_KEEP_ALIVE_ACK] = {WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER, asap_keep_alive_ack,
                                      NULL},
    [ASAP_ENDPOINT_UNREACHABLE] = {WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER, asap_unreachable, NULL},
};

static void log_fault(const struct asap_call *call, const char *what, struct log_limit *limit)
{
    char peer[ADDRESS_TEXT_MAX + 8];
    uint32_t suppressed;

    if (!log_limit_allows(limit, call->now_ms, ASAP_LOG_INTERVAL_MS, &suppressed) || !may_log(call->asap))
        return;
    call->asap->link.describe(call->channel, peer);
    const struct log_field fields[] = {{"PEER", peer}, {0}};
    log_write(LOG_WARNING, fields, "%s from %s; %u more not logged", what, peer, suppressed);
}

/* A registration of which only a value is wrong, and which says whose it is, is refused as any other (RFC
 * 5352, 2.2.3): that is an answer which its pool element waits for, as it does not for an ASAP_ERROR. */
static bool refuse_registration(const struct asap_call *call)
{
    const uint32_t named = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT;
    const struct wire_fault *fault = &call->asap->fault;
    const struct asap_reject reject = {
        .cause = WIRE_CAUSE_INVALID_VALUES, .information = fault->offending, .why = fault->reason};

    if (call->in->type != ASAP_REGISTRATION || fault->cause != WIRE_CAUSE_INVALID_VALUES || !fault->report ||
        (call->in->present & named) != named || call->in->element.identifier == 0)
        return false;
    if (asap_client_allows(call->asap, call->client, call->now_ms))
        asap_reply_registration(call, call->in->element.identifier, &reject);
    return true;
}

static void broken(const struct asap_call *call, int error, struct octets message)
{
    struct asap *a = call->asap;

    if (error == ERR_UNRECOGNIZED)
        a->statistics.unrecognized++;
    else
        a->statistics.malformed++;
    if (refuse_registration(call))
        return;
    log_fault(call, a->fault.reason ? a->fault.reason : error_text(error), &call->client->malformed_log);
    /* Never an error about an error: two ends could go on for ever. */
    if (a->fault.report && message.length && message.data[0] != ASAP_ERROR &&
        asap_client_allows(a, call->client, call->now_ms))
        asap_send_error(a, call->channel, &a->fault, message);
}

static void overloaded(const struct asap_call *call)
{
    static const struct asap_reject reject = {.cause = WIRE_CAUSE_LACK_OF_RESOURCES,
                                              .why = "over the channel's rate of requests"};
    struct asap *a = call->asap;

    a->statistics.overload++;
    log_fault(call, "too many requests a second", &call->client->overload_log);
    if (requests[call->in->type].refuse)
        requests[call->in->type].refuse(call, &reject);
}

static void dispatch(const struct asap_call *call, struct octets message)
{
    struct asap *a = call->asap;
    uint8_t type = call->in->type;

    if (type >= ASAP_TYPES || !requests[type].handle) {
        a->statistics.unexpected++;
        if (type == ASAP_ERROR)
            log_fault(call, "ASAP_ERROR received", &call->client->malformed_log);
        return;
    }
    if ((call->in->present & requests[type].required) != requests[type].required) {
        a->fault = (struct wire_fault){
            .cause = WIRE_CAUSE_INVALID_VALUES, .reason = "a mandatory parameter is missing", .report = true};
        broken(call, ERR_MALFORMED, message);
        return;
    }
    /* An answer to our own keep-alive is never too much. */
    if (type != ASAP_ENDPOINT_KEEP_ALIVE_ACK && !asap_client_allows(a, call->client, call->now_ms)) {
        overloaded(call);
        return;
    }
    requests[type].handle(call);
    if (a->fault.n_unrecognized) {
        a->statistics.unrecognized += a->fault.n_unrecognized;
        if (a->fault.report)
            asap_send_error(a, call->channel, &a->fault, message);
    }
}

void asap_message(struct asap *a, struct channel *c, uint32_t ppid, struct octets message, uint64_t now_ms)
{
    struct asap_call call = {
        .asap = a, .channel = c, .client = a->link.client(c), .in = &a->in, .now_ms = now_ms};
    int error;

    a->now_ms = now_ms;
    if (!call.client) {
        call.client = asap_client_new(a, c, now_ms);
        if (!call.client)
            return;
        call.client->connected = true;
    }
    if (ppid != WIRE_PPID_ASAP && ppid != 0) {
        a->statistics.unexpected++;
        return;
    }
    error = wire_parse(WIRE_ASAP, message.data, message.length, &a->in, &a->fault);
    a->statistics.received[message.length && message.data[0] < ASAP_TYPES ? message.data[0] : 0]++;
    if (error)
        broken(&call, error, message);
    else
        dispatch(&call, message);
}
