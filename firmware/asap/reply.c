/* SPDX-License-Identifier: BSD-3-Clause */
/* Every message that asap sends: composed in the one buffer of struct asap, counted, given to the channel. */
#include "asap/internal.h"

int asap_send(struct asap *a, struct channel *c, uint8_t type, int length)
{
    int error = length < 0 ? length : a->link.send(a->link.context, c, octets_of(a->buffer, (size_t)length));

    if (error)
        a->statistics.send_failures++;
    else
        a->statistics.sent[type]++;
    return error;
}

static struct writer begin(struct asap *a, uint8_t type, uint8_t flags)
{
    struct writer w = writer_of(a->buffer, sizeof a->buffer);

    wire_begin(&w, WIRE_ASAP, type, flags);
    return w;
}

static void count_reject(struct asap *a, const struct asap_reject *reject)
{
    a->statistics.rejected[reject->cause < ASAP_CAUSES ? reject->cause : 0]++;
}

void asap_reply_registration(const struct asap_call *call, uint32_t identifier,
                             const struct asap_reject *reject)
{
    struct asap *a = call->asap;
    struct writer w = writer_of(a->buffer, sizeof a->buffer);

    wire_begin_registration_response(&w, ASAP_REGISTRATION_RESPONSE, reject ? ASAP_FLAG_REJECT : 0,
                                     call->in->pool_handle, identifier);
    if (reject) {
        wire_put_error(&w, reject->cause, reject->information);
        count_reject(a, reject);
        asap_log_reject(call, reject);
    }
    asap_send(a, call->channel, ASAP_REGISTRATION_RESPONSE, wire_end(&w));
}

void asap_reply_accepted(const struct asap_call *call, uint32_t identifier, const struct asap_reject *warning)
{
    struct asap *a = call->asap;
    struct writer w = writer_of(a->buffer, sizeof a->buffer);

    wire_begin_registration_response(&w, ASAP_REGISTRATION_RESPONSE, 0, call->in->pool_handle, identifier);
    if (warning->cause && !a->settings.compat_rsplib)
        wire_put_error(&w, warning->cause, warning->information);
    asap_send(a, call->channel, ASAP_REGISTRATION_RESPONSE, wire_end(&w));
}

/* Refusal is said by the Operation Error alone: the message has no flag (RFC 5352, 2.2.4). */
void asap_reply_deregistration(const struct asap_call *call, const struct asap_reject *reject)
{
    struct asap *a = call->asap;
    struct writer w = writer_of(a->buffer, sizeof a->buffer);

    wire_begin_registration_response(&w, ASAP_DEREGISTRATION_RESPONSE, 0, call->in->pool_handle,
                                     call->in->pe_identifier);
    if (reject) {
        wire_put_error(&w, reject->cause, reject->information);
        count_reject(a, reject);
        asap_log_reject(call, reject);
    }
    asap_send(a, call->channel, ASAP_DEREGISTRATION_RESPONSE, wire_end(&w));
}

void asap_send_resolution_error(struct asap *a, struct channel *c, struct octets handle, uint16_t cause,
                                struct octets information)
{
    struct writer w = begin(a, ASAP_HANDLE_RESOLUTION_RESPONSE, 0);

    wire_put_pool_handle(&w, handle);
    wire_put_error(&w, cause, information);
    asap_send(a, c, ASAP_HANDLE_RESOLUTION_RESPONSE, wire_end(&w));
}

void asap_reply_resolution_error(const struct asap_call *call, const struct asap_reject *reject)
{
    count_reject(call->asap, reject);
    asap_send_resolution_error(call->asap, call->channel, call->in->pool_handle, reject->cause,
                               reject->information);
}

/* Tells an element whose registration life is over that it is out (RFC 5352, 3.2), if it still can be told.
 */
void asap_send_removed(struct asap *a, struct pool_element *e)
{
    struct channel *c = a->link.find(a->link.context, pool_element_channel(e));
    struct writer w;

    if (!c)
        return;
    w = begin(a, ASAP_DEREGISTRATION_RESPONSE, 0);
    wire_put_pool_handle(&w, pool_handle(pool_element_pool(e)));
    wire_put_pe_identifier(&w, pool_element_identifier(e));
    asap_send(a, c, ASAP_DEREGISTRATION_RESPONSE, wire_end(&w));
}

/* With the PE Identifier, which RFC 5352 does not have: one process may serve several identities, and
 * rsplib's needs it. */
int asap_send_keep_alive(struct asap *a, struct channel *c, const struct pool_element *e, uint8_t flags)
{
    struct wire_message m = {
        .protocol = WIRE_ASAP,
        .type = ASAP_ENDPOINT_KEEP_ALIVE,
        .flags = flags,
        .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
        .registrar = a->settings.registrar,
        .pool_handle = pool_handle(pool_element_pool(e)),
        .pe_identifier = pool_element_identifier(e),
    };
    return asap_send(a, c, ASAP_ENDPOINT_KEEP_ALIVE, wire_write(&m, a->buffer, sizeof a->buffer));
}

static void put_cause(struct writer *w, uint16_t cause, struct octets information)
{
    static const uint8_t padding[3];

    writer_u16(w, cause);
    writer_u16(w, (uint16_t)(WIRE_HEADER + information.length));
    writer_put(w, information.data, information.length);
    writer_put(w, padding, (4 - information.length % 4) % 4);
}

/* ASAP_ERROR for a message that could not be used, or with parameters that could not (RFC 5354, 3 and 3.12).
 */
void asap_send_error(struct asap *a, struct channel *c, const struct wire_fault *fault, struct octets message)
{
    struct wire_message m = {.protocol = WIRE_ASAP, .type = ASAP_ERROR, .present = WIRE_HAS_ERROR};
    struct writer w = writer_of(a->causes, sizeof a->causes - 64);

    if (fault->n_unrecognized) {
        for (unsigned i = 0; i < fault->n_unrecognized; i++)
            put_cause(&w, WIRE_CAUSE_UNRECOGNIZED_PARAMETER, fault->unrecognized[i]);
    } else if (fault->cause == WIRE_CAUSE_UNRECOGNIZED_MESSAGE) {
        put_cause(&w, fault->cause, message);
    } else {
        put_cause(&w, fault->cause, (struct octets){0});
    }
    if (w.failed) { /* quoting does not fit: name the cause alone */
        w = writer_of(a->causes, sizeof a->causes);
        put_cause(&w, fault->cause, (struct octets){0});
    }
    m.error = octets_of(a->causes, writer_used(&w));
    asap_send(a, c, ASAP_ERROR, wire_write(&m, a->buffer, sizeof a->buffer));
}
