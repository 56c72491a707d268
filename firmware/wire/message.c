/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages: one row a message type, one row a parameter that stands in messages, and the two loops that read
 * and write by them. A new message is a row; a new parameter is a row and its two functions.
 */
#include "wire/tlv.h"

enum fields { /* numbers between the header and the parameters */
              FIELD_REGISTRAR = 1,
              FIELD_PEERS = 2, /* sending and receiving server's ID */
              FIELD_TARGET = 4,
              FIELD_ACTION = 8,
};

struct message_row {
    const char *name;
    uint8_t fields;
    uint32_t mandatory, optional; /* enum wire_presence */
    uint32_t list;                /* types of the repeated parameters, 1 << type each */
};

#define HANDLE    WIRE_HAS_POOL_HANDLE
#define PE_ID     WIRE_HAS_PE_IDENTIFIER
#define ELEMENT   WIRE_HAS_POOL_ELEMENT
#define ERROR     WIRE_HAS_ERROR
#define LIST      WIRE_HAS_LIST
#define TRANSPORT WIRE_HAS_TRANSPORT
#define OF(type)  (1u << (type))

enum { ROWS = 16 };

static const struct message_row messages[2][ROWS] =
    {
        [WIRE_ASAP] =
            {
                [ASAP_REGISTRATION] = {"ASAP_REGISTRATION", 0, HANDLE | ELEMENT, 0, 0},
                [ASAP_DEREGISTRATION] = {"ASAP_DEREGISTRATION", 0, HANDLE | PE_ID, 0, 0},
                [ASAP_REGISTRATION_RESPONSE] = {"ASAP_REGISTRATION_RESPONSE", 0, HANDLE | PE_ID, ERROR, 0},
                [ASAP_DEREGISTRATION_RESPONSE] = {"ASAP_DEREGISTRATION_RESPONSE", 0, HANDLE | PE_ID, ERROR,
                                                  0},
                [ASAP_HANDLE_RESOLUTION] = {"ASAP_HANDLE_RESOLUTION", 0, HANDLE, WIRE_HAS_RESOLUTION_OPTION,
                                            0},
                [ASAP_HANDLE_RESOLUTION_RESPONSE] =
                    {"ASAP_HANDLE_RESOLUTION_RESPONSE", 0, HANDLE, WIRE_HAS_POLICY | LIST | ERROR,
                     OF(WIRE_POOL_ELEMENT)},
                [ASAP_ENDPOINT_KEEP_ALIVE] = {"ASAP_ENDPOINT_KEEP_ALIVE", FIELD_REGISTRAR, HANDLE, PE_ID, 0},
                [ASAP_ENDPOINT_KEEP_ALIVE_ACK] = {"ASAP_ENDPOINT_KEEP_ALIVE_ACK", 0, HANDLE | PE_ID, 0, 0},
                [ASAP_ENDPOINT_UNREACHABLE] = {"ASAP_ENDPOINT_UNREACHABLE", 0, HANDLE | PE_ID, 0, 0},
                [ASAP_SERVER_ANNOUNCE] = {"ASAP_SERVER_ANNOUNCE", FIELD_REGISTRAR, 0, LIST | TRANSPORT,
                                          OF(WIRE_SCTP) | OF(WIRE_TCP)},
                [ASAP_COOKIE] = {"ASAP_COOKIE", 0, WIRE_HAS_COOKIE, 0, 0},
                [ASAP_COOKIE_ECHO] = {"ASAP_COOKIE_ECHO", 0, WIRE_HAS_COOKIE, 0, 0},
                [ASAP_BUSINESS_CARD] = {"ASAP_BUSINESS_CARD", 0, HANDLE | LIST, 0, OF(WIRE_POOL_ELEMENT)},
                [ASAP_ERROR] = {"ASAP_ERROR", 0, ERROR, 0, 0},
            },
        [WIRE_ENRP] =
            {
                [ENRP_PRESENCE] = {"ENRP_PRESENCE", FIELD_PEERS, 0, WIRE_HAS_CHECKSUM | WIRE_HAS_SERVER, 0},
                [ENRP_HANDLE_TABLE_REQUEST] = {"ENRP_HANDLE_TABLE_REQUEST", FIELD_PEERS, 0, HANDLE, 0},
                [ENRP_HANDLE_TABLE_RESPONSE] = {"ENRP_HANDLE_TABLE_RESPONSE", FIELD_PEERS, 0, LIST,
                                                OF(WIRE_POOL_HANDLE) | OF(WIRE_POOL_ELEMENT)},
                [ENRP_HANDLE_UPDATE] = {"ENRP_HANDLE_UPDATE", FIELD_PEERS | FIELD_ACTION, HANDLE | ELEMENT, 0,
                                        0},
                [ENRP_LIST_REQUEST] = {"ENRP_LIST_REQUEST", FIELD_PEERS, 0, 0, 0},
                [ENRP_LIST_RESPONSE] = {"ENRP_LIST_RESPONSE", FIELD_PEERS, 0, LIST,
                                        OF(WIRE_SERVER_INFORMATION)},
                [ENRP_INIT_TAKEOVER] = {"ENRP_INIT_TAKEOVER", FIELD_PEERS | FIELD_TARGET, 0, 0, 0},
                [ENRP_INIT_TAKEOVER_ACK] = {"ENRP_INIT_TAKEOVER_ACK", FIELD_PEERS | FIELD_TARGET, 0, 0, 0},
                [ENRP_TAKEOVER_SERVER] = {"ENRP_TAKEOVER_SERVER", FIELD_PEERS | FIELD_TARGET, 0, 0, 0},
                [ENRP_ERROR] = {"ENRP_ERROR", FIELD_PEERS, ERROR, 0, 0},
            },
};

static const struct message_row *row_of(enum wire_protocol protocol, uint8_t type)
{
    const struct message_row *row = &messages[protocol == WIRE_ENRP][type & (ROWS - 1)];
    return type < ROWS && row->name ? row : NULL;
}

const char *wire_message_name(enum wire_protocol protocol, uint8_t type)
{
    const struct message_row *row = row_of(protocol, type);
    return row ? row->name : "unknown";
}

/* --- parameters that stand once in a message: read and written
 * -------------------------------------------------- */

static int read_handle(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    m->pool_handle = t->value;
    return t->value.length ? 0 : parse_invalid(p, t, "empty pool handle");
}

static void write_handle(struct writer *w, const struct wire_message *m)
{
    wire_put_pool_handle(w, m->pool_handle);
}

static int read_pe_identifier(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    if (t->value.length != 4)
        return parse_invalid(p, t, "PE identifier of a wrong length");
    m->pe_identifier = octets_load32(t->value.data);
    return 0;
}

static void write_pe_identifier(struct writer *w, const struct wire_message *m)
{
    wire_put_pe_identifier(w, m->pe_identifier);
}

static int read_option(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    if (t->value.length != 4)
        return parse_invalid(p, t, "handle resolution option of a wrong length");
    m->items_wanted = octets_load32(t->value.data);
    return 0;
}

static void write_option(struct writer *w, const struct wire_message *m)
{
    wire_put_resolution_option(w, m->items_wanted);
}

static int read_policy(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    return policy_read(p, t, &m->policy);
}

static void write_policy(struct writer *w, const struct wire_message *m)
{
    wire_put_policy(w, &m->policy);
}

static int read_element(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    return element_read(p, t, &m->element);
}

static void write_element(struct writer *w, const struct wire_message *m)
{
    wire_put_pool_element(w, &m->element);
}

static int read_checksum(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    if (t->value.length != 2)
        return parse_invalid(p, t, "PE checksum of a wrong length");
    m->checksum = octets_load16(t->value.data);
    return 0;
}

static void write_checksum(struct writer *w, const struct wire_message *m)
{
    wire_put_checksum(w, m->checksum);
}

static int read_server(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    return server_read(p, t, &m->server);
}

static void write_server(struct writer *w, const struct wire_message *m)
{
    wire_put_server(w, &m->server);
}

static int read_cookie(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    (void)p;
    m->cookie = t->value;
    return 0;
}

static void write_cookie(struct writer *w, const struct wire_message *m)
{
    wire_put_cookie(w, m->cookie);
}

static void write_list(struct writer *w, const struct wire_message *m)
{
    wire_put_raw(w, m->list.run);
}

static int read_error(struct parse *p, const struct tlv *t, struct wire_message *m)
{
    struct octets run = m->error = t->value;
    struct tlv cause;
    int more;

    while ((more = tlv_next(&run, &cause)) > 0)
        ;
    return more < 0 ? parse_broken(p, run, "error cause does not fit the operation error") : 0;
}

static void write_error(struct writer *w, const struct wire_message *m)
{
    uint8_t *at = tlv_open(w, WIRE_OPERATION_ERROR);
    writer_put(w, m->error.data, m->error.length);
    tlv_close(w, at);
}

/* In an order that is the RFCs' for every message. type 0: the list, which the reader treats on its own. */
static const struct parameter_row {
    uint16_t type;
    uint32_t presence;
    int (*read)(struct parse *p, const struct tlv *t, struct wire_message *m);
    void (*write)(struct writer *w, const struct wire_message *m);
} parameters[] = {
    {WIRE_POOL_HANDLE, HANDLE, read_handle, write_handle},
    {WIRE_PE_IDENTIFIER, PE_ID, read_pe_identifier, write_pe_identifier},
    {WIRE_HANDLE_RESOLUTION_OPTION, WIRE_HAS_RESOLUTION_OPTION, read_option, write_option},
    {WIRE_POLICY, WIRE_HAS_POLICY, read_policy, write_policy},
    {WIRE_POOL_ELEMENT, ELEMENT, read_element, write_element},
    {WIRE_PE_CHECKSUM, WIRE_HAS_CHECKSUM, read_checksum, write_checksum},
    {WIRE_SERVER_INFORMATION, WIRE_HAS_SERVER, read_server, write_server},
    {WIRE_COOKIE, WIRE_HAS_COOKIE, read_cookie, write_cookie},
    {0, LIST, NULL, write_list},
    {WIRE_OPERATION_ERROR, ERROR, read_error, write_error},
};
enum { PARAMETERS = sizeof parameters / sizeof *parameters };

/* --- reading
 * ---------------------------------------------------------------------------------------------------- */

struct list_state {
    const uint8_t *begin, *end;
    bool closed; /* another parameter followed */
};

static int read_item(struct parse *p, const struct tlv *t)
{
    union {
        struct wire_pool_element element;
        struct wire_server server;
        struct wire_transport transport;
        struct wire_message handle;
    } scratch;

    switch (t->type) {
    case WIRE_POOL_ELEMENT:
        return element_read(p, t, &scratch.element);
    case WIRE_SERVER_INFORMATION:
        return server_read(p, t, &scratch.server);
    case WIRE_POOL_HANDLE:
        return read_handle(p, t, &scratch.handle);
    default:
        return transport_read(p, t, &scratch.transport);
    }
}

static int read_in_list(struct parse *p, const struct message_row *row, const struct tlv *t,
                        struct list_state *list)
{
    if (list->closed)
        return parse_broken(p, t->whole, "list interrupted by another parameter");
    if (!list->begin && (row->list & OF(WIRE_POOL_HANDLE)) && t->type != WIRE_POOL_HANDLE)
        return parse_broken(p, t->whole, "pool element ahead of the first pool handle");
    if (!list->begin)
        list->begin = t->whole.data;
    list->end = t->whole.data + t->whole.length;
    return read_item(p, t);
}

static int read_once(struct parse *p, const struct message_row *row, const struct tlv *t,
                     struct wire_message *m)
{
    for (size_t i = 0; i < PARAMETERS; i++) {
        const struct parameter_row *parameter = &parameters[i];
        if (parameter->type != t->type)
            continue;
        if (!((row->mandatory | row->optional) & parameter->presence))
            break;
        if (m->present & parameter->presence)
            return parse_broken(p, t->whole, "parameter stands twice");
        m->present |= parameter->presence;
        return parameter->read(p, t, m);
    }
    return parse_misplaced(p, t);
}

static int read_parameters(struct parse *p, const struct message_row *row, struct octets run,
                           struct wire_message *m)
{
    struct list_state list = {0};
    struct tlv t;
    int more, e;

    while ((more = tlv_next(&run, &t)) > 0) {
        if (t.type < 32 && (row->list & OF(t.type))) {
            e = read_in_list(p, row, &t, &list);
        } else {
            uint32_t before = m->present;
            e = t.type == 0 ? parse_unknown(p, &t) : read_once(p, row, &t, m);
            list.closed |= list.begin && m->present != before;
        }
        if (e)
            return e;
    }
    if (more < 0)
        return parse_broken(p, run, "parameter does not fit the message");
    if (list.begin) {
        m->list.run = octets_of(list.begin, (size_t)(list.end - list.begin));
        m->present |= row->optional & TRANSPORT ? LIST | TRANSPORT : LIST;
    }
    if (row->mandatory & ~m->present)
        return parse_broken(p, run, "mandatory parameter missing");
    return 0;
}

/* The parameters of nearly every message that a registrar gets, in the form that nearly all clients send: one
 * pool handle, and perhaps the option. False: something else, which the tables take. */
static bool read_plain_resolution(struct octets run, struct wire_message *m)
{
    struct tlv t;

    if (tlv_next(&run, &t) <= 0 || t.type != WIRE_POOL_HANDLE || t.value.length == 0)
        return false;
    m->pool_handle = t.value;
    m->present = HANDLE;
    if (run.length == 0)
        return true;
    if (run.length != TLV_HEADER + 4 ||
        octets_load32(run.data) != ((uint32_t)WIRE_HANDLE_RESOLUTION_OPTION << 16 | (TLV_HEADER + 4)))
        return false;
    m->items_wanted = octets_load32(run.data + TLV_HEADER);
    m->present = HANDLE | WIRE_HAS_RESOLUTION_OPTION;
    return true;
}

static int read_fields(struct parse *p, const struct message_row *row, struct reader *r,
                       struct wire_message *m)
{
    if (row->fields & FIELD_REGISTRAR)
        m->registrar = reader_u32(r);
    if (row->fields & FIELD_PEERS) {
        m->sender = reader_u32(r);
        m->receiver = reader_u32(r);
    }
    if (row->fields & FIELD_TARGET)
        m->target = reader_u32(r);
    if (row->fields & FIELD_ACTION) {
        m->action = reader_u16(r);
        reader_u16(r);
    }
    if (r->failed)
        return parse_broken(p, octets_of(r->at, 0), "message too short for its type");
    if (m->action > WIRE_ACTION_DEL_PE)
        return parse_broken(p, octets_of(r->at, 0), "unknown update action");
    return 0;
}

static int read_type(struct parse *p, struct octets message, const struct message_row *row)
{
    if (row)
        return 0;
    p->fault->cause = WIRE_CAUSE_UNRECOGNIZED_MESSAGE;
    p->fault->reason = "unrecognised message type";
    p->fault->report = message.data[0] >> 6 == 1; /* 00 discard, 01 report, 10 and 11 reserved: RFC 5354, 4 */
    p->fault->offending = message;
    return ERR_UNRECOGNIZED;
}

static void clear_fault(struct wire_fault *fault)
{
    fault->cause = 0;
    fault->offset = 0;
    fault->reason = "";
    fault->report = false;
    fault->n_unrecognized = 0;
    fault->offending = (struct octets){0};
}

int wire_parse(enum wire_protocol protocol, const uint8_t *data, size_t length, struct wire_message *out,
               struct wire_fault *fault)
{
    struct parse p = {.start = data, .fault = fault};
    int e;

    clear_fault(fault);
    memset(out, 0, sizeof *out);
    if (length < WIRE_HEADER)
        return parse_broken(&p, octets_of(data, 0), "message shorter than its header");
    size_t said = octets_load16(data + 2);
    if (said < WIRE_HEADER || said > length || length > ((said + 3) & ~(size_t)3))
        return parse_broken(&p, octets_of(data, 0), "message length is not what arrived");
    out->protocol = protocol;
    out->type = data[0];
    out->flags = data[1];
    if (protocol == WIRE_ASAP && data[0] == ASAP_HANDLE_RESOLUTION) {
        if (read_plain_resolution(octets_of(data + WIRE_HEADER, said - WIRE_HEADER), out))
            return 0;
        out->present = 0;
    }
    const struct message_row *row = row_of(protocol, data[0]);
    if ((e = read_type(&p, octets_of(data, said), row)) != 0)
        return e;
    struct reader r = reader_of(octets_of(data + WIRE_HEADER, said - WIRE_HEADER));
    if ((e = read_fields(&p, row, &r, out)) != 0)
        return e;
    return read_parameters(&p, row, octets_of(r.at, reader_left(&r)), out);
}

int wire_frame(const uint8_t *data, size_t available)
{
    if (available < WIRE_HEADER)
        return 0;
    int length = octets_load16(data + 2);
    if (length < WIRE_HEADER || length > WIRE_MESSAGE_MAX)
        return ERR_MALFORMED;
    return (length + 3) & ~3;
}

/* --- writing
 * ---------------------------------------------------------------------------------------------------- */

static void write_fields(struct writer *w, const struct message_row *row, const struct wire_message *m)
{
    if (row->fields & FIELD_REGISTRAR)
        writer_u32(w, m->registrar);
    if (row->fields & FIELD_PEERS) {
        writer_u32(w, m->sender);
        writer_u32(w, m->receiver);
    }
    if (row->fields & FIELD_TARGET)
        writer_u32(w, m->target);
    if (row->fields & FIELD_ACTION)
        writer_u32(w, (uint32_t)m->action << 16);
}

int wire_write(const struct wire_message *message, uint8_t *buffer, size_t capacity)
{
    const struct message_row *row = row_of(message->protocol, message->type);
    if (!row || (row->mandatory & ~message->present) ||
        (message->present & ~(row->mandatory | row->optional)))
        return ERR_ARGUMENT;

    struct writer w = writer_of(buffer, capacity);
    wire_begin(&w, message->protocol, message->type, message->flags);
    write_fields(&w, row, message);
    for (size_t i = 0; i < PARAMETERS; i++)
        if (message->present & parameters[i].presence)
            parameters[i].write(&w, message);
    return wire_end(&w);
}
