/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ASAP and ENRP messages <-> octets (RFC 5352, 5353, 5354, 5356 and the extensions named below).
 *
 * Pure functions: no sockets, no clock, no allocation. wire_parse() checks a whole message once and leaves views into
 * the caller's buffer; nothing that it returned needs checking again. Writing goes into a caller's buffer, either from
 * a struct wire_message (wire_write) or piece by piece (wire_begin ... wire_end) where lists are long.
 */
#ifndef WIRE_MESSAGE_H
#define WIRE_MESSAGE_H

#include "base/address.h"
#include "base/octets.h"

enum wire_protocol { WIRE_ASAP, WIRE_ENRP };

/* SCTP payload protocol identifiers and ports (RFC 5352, 8; RFC 5353, 7). */
enum { WIRE_PPID_ASAP = 11, WIRE_PPID_ENRP = 12 };
enum { WIRE_PORT_ASAP = 3863, WIRE_PORT_ASAP_TLS = 3864, WIRE_PORT_ENRP = 9901, WIRE_PORT_ENRP_TLS = 9902 };

enum { WIRE_HEADER = 4, WIRE_MESSAGE_MAX = 65532 };

enum wire_asap_type { /* RFC 5352, 2.2 */
    ASAP_REGISTRATION = 1,
    ASAP_DEREGISTRATION = 2,
    ASAP_REGISTRATION_RESPONSE = 3,
    ASAP_DEREGISTRATION_RESPONSE = 4,
    ASAP_HANDLE_RESOLUTION = 5,
    ASAP_HANDLE_RESOLUTION_RESPONSE = 6,
    ASAP_ENDPOINT_KEEP_ALIVE = 7,
    ASAP_ENDPOINT_KEEP_ALIVE_ACK = 8,
    ASAP_ENDPOINT_UNREACHABLE = 9,
    ASAP_SERVER_ANNOUNCE = 10,
    ASAP_COOKIE = 11,
    ASAP_COOKIE_ECHO = 12,
    ASAP_BUSINESS_CARD = 13,
    ASAP_ERROR = 14,
};

enum wire_enrp_type { /* RFC 5353, 2 */
    ENRP_PRESENCE = 1,
    ENRP_HANDLE_TABLE_REQUEST = 2,
    ENRP_HANDLE_TABLE_RESPONSE = 3,
    ENRP_HANDLE_UPDATE = 4,
    ENRP_LIST_REQUEST = 5,
    ENRP_LIST_RESPONSE = 6,
    ENRP_INIT_TAKEOVER = 7,
    ENRP_INIT_TAKEOVER_ACK = 8,
    ENRP_TAKEOVER_SERVER = 9,
    ENRP_ERROR = 10,
};

enum wire_flag {
    ASAP_FLAG_REJECT = 0x01,        /* R of REGISTRATION_RESPONSE */
    ASAP_FLAG_SUBSCRIBE = 0x01,     /* S of HANDLE_RESOLUTION */
    ASAP_FLAG_ACCEPT = 0x01,        /* A of HANDLE_RESOLUTION_RESPONSE */
    ASAP_FLAG_HOME = 0x01,          /* H of ENDPOINT_KEEP_ALIVE */
    ENRP_FLAG_REPLY_REQUIRED = 0x01,/* PRESENCE */
    ENRP_FLAG_OWN_CHILDREN = 0x01,  /* W of HANDLE_TABLE_REQUEST */
    ENRP_FLAG_REJECT = 0x01,        /* R of HANDLE_TABLE_RESPONSE and LIST_RESPONSE */
    ENRP_FLAG_MORE = 0x02,          /* M of HANDLE_TABLE_RESPONSE */
    ENRP_FLAG_TAKEOVER_SUGGESTED = 0x01, /* HANDLE_UPDATE; draft-dreibholz-rserpool-enrp-takeover */
};

enum wire_parameter { /* RFC 5354, table 1 */
    WIRE_IPV4 = 0x01,
    WIRE_IPV6 = 0x02,
    WIRE_DCCP = 0x03,
    WIRE_SCTP = 0x04,
    WIRE_TCP = 0x05,
    WIRE_UDP = 0x06,
    WIRE_UDP_LITE = 0x07,
    WIRE_POLICY = 0x08,
    WIRE_POOL_HANDLE = 0x09,
    WIRE_POOL_ELEMENT = 0x0a,
    WIRE_SERVER_INFORMATION = 0x0b,
    WIRE_OPERATION_ERROR = 0x0c,
    WIRE_COOKIE = 0x0d,
    WIRE_PE_IDENTIFIER = 0x0e,
    WIRE_PE_CHECKSUM = 0x0f,
    WIRE_OPAQUE = 0x10,
    WIRE_HANDLE_RESOLUTION_OPTION = 0x803f, /* draft-dreibholz-rserpool-asap-hropt */
};

enum wire_cause { /* RFC 5354, table 2 */
    WIRE_CAUSE_UNSPECIFIED = 0x0,
    WIRE_CAUSE_UNRECOGNIZED_PARAMETER = 0x1,
    WIRE_CAUSE_UNRECOGNIZED_MESSAGE = 0x2,
    WIRE_CAUSE_INVALID_VALUES = 0x3,
    WIRE_CAUSE_NON_UNIQUE_PE_IDENTIFIER = 0x4,
    WIRE_CAUSE_INCONSISTENT_POLICY = 0x5,
    WIRE_CAUSE_LACK_OF_RESOURCES = 0x6,
    WIRE_CAUSE_INCONSISTENT_TRANSPORT = 0x7,
    WIRE_CAUSE_INCONSISTENT_DATA_CONTROL = 0x8,
    WIRE_CAUSE_UNKNOWN_POOL_HANDLE = 0x9,
    WIRE_CAUSE_SECURITY = 0xa,
};

enum wire_policy_type { /* RFC 5356 and rsplib's private range */
    POLICY_RR = 0x1,
    POLICY_WRR = 0x2,
    POLICY_RAND = 0x3,
    POLICY_WRAND = 0x4,
    POLICY_PRIO = 0x5,
    POLICY_LU = 0x40000001,
    POLICY_LUD = 0x40000002,
    POLICY_PLU = 0x40000003,
    POLICY_RLU = 0x40000004,
    POLICY_RPLU = 0xb0001001,
    POLICY_RLUD = 0xb0001002,
    POLICY_PLUD = 0xb0001003,
    POLICY_RPLUD = 0xb0001004,
    POLICY_WRAND_DPF = 0xb0002001,
    POLICY_LU_DPF = 0xb0002002,
    POLICY_LUD_DPF = 0xb0002003,
};

enum { WIRE_USE_DATA_ONLY = 0, WIRE_USE_DATA_PLUS_CONTROL = 1 };
enum { WIRE_ACTION_ADD_PE = 0, WIRE_ACTION_DEL_PE = 1 }; /* ENRP_HANDLE_UPDATE */
enum { WIRE_LIFE_FOREVER = -1 };

/* A user, ASAP or ENRP transport parameter. Addresses stay packed: walk them with wire_address_next(). */
struct wire_transport {
    uint16_t type;           /* WIRE_DCCP .. WIRE_UDP_LITE or WIRE_OPAQUE; 0 = absent */
    uint16_t port;
    uint16_t use;            /* WIRE_USE_*; data only where the parameter has no such field */
    uint32_t service_code;   /* DCCP */
    struct octets addresses; /* a run of well-formed IPv4 and IPv6 address parameters */
    struct octets opaque;    /* WIRE_OPAQUE: its value */
};

/* The fields that the type has; the others are 0. Distances in milliseconds, loads in 0 .. 0xffffffff = 0 .. 100 %. */
struct wire_policy {
    uint32_t type;
    uint32_t weight;
    uint32_t priority;
    uint32_t load;
    uint32_t degradation;
    uint32_t weight_dpf;
    uint32_t load_dpf;
    uint32_t distance;
    struct octets other; /* an unknown type: its fields as they came */
};

struct wire_pool_element {
    uint32_t identifier;
    uint32_t home_registrar;
    int32_t registration_life; /* seconds in rfc mode, see compat; WIRE_LIFE_FOREVER */
    struct wire_transport user;
    struct wire_policy policy;
    struct wire_transport asap; /* the ASAP transport, SCTP only (RFC 5354, 3.10); type 0 when absent */
    struct octets parameter;    /* set by wire_parse: the whole parameter with header and inner padding */
};

struct wire_server {
    uint32_t identifier;
    struct wire_transport transport;
};

/* A run of parameters of a repeated kind inside a message, already checked by wire_parse. */
struct wire_list {
    struct octets run;
};

enum wire_presence { /* bits of wire_message.present: which parameters and fields the message has */
    WIRE_HAS_POOL_HANDLE = 1 << 0,
    WIRE_HAS_PE_IDENTIFIER = 1 << 1,
    WIRE_HAS_POOL_ELEMENT = 1 << 2,
    WIRE_HAS_POLICY = 1 << 3,
    WIRE_HAS_ERROR = 1 << 4,
    WIRE_HAS_SERVER = 1 << 5,
    WIRE_HAS_CHECKSUM = 1 << 6,
    WIRE_HAS_COOKIE = 1 << 7,
    WIRE_HAS_RESOLUTION_OPTION = 1 << 8,
    WIRE_HAS_LIST = 1 << 9,
    WIRE_HAS_TRANSPORT = 1 << 10, /* ASAP_SERVER_ANNOUNCE: set along with WIRE_HAS_LIST */
};

/*
 * One message. Which members count is said by `protocol`, `type` and `present`:
 *   pool_handle      REGISTRATION .. UNREACHABLE, BUSINESS_CARD, HANDLE_UPDATE, optional in HANDLE_TABLE_REQUEST
 *   element          REGISTRATION, HANDLE_UPDATE; the first of a list is not copied here
 *   list             HANDLE_RESOLUTION_RESPONSE and BUSINESS_CARD: pool elements (wire_element_next);
 *                    HANDLE_TABLE_RESPONSE: pool handles, each followed by its elements (wire_table_next);
 *                    LIST_RESPONSE: server information (wire_server_next);
 *                    SERVER_ANNOUNCE: transports (wire_transport_next)
 *   error            the causes of an Operation Error (wire_cause_next)
 *   registrar        server identifier of KEEP_ALIVE and SERVER_ANNOUNCE
 *   sender, receiver ENRP
 *   target           target server of INIT_TAKEOVER, its ACK and TAKEOVER_SERVER
 *   action           HANDLE_UPDATE
 */
struct wire_message {
    enum wire_protocol protocol;
    uint8_t type;
    uint8_t flags;
    uint32_t present;
    uint32_t sender;
    uint32_t receiver;
    uint32_t target;
    uint32_t registrar;
    uint16_t action;
    uint16_t checksum;
    uint32_t pe_identifier;
    uint32_t items_wanted; /* Handle Resolution Option; 0xffffffff = as many as allowed */
    struct octets pool_handle;
    struct wire_pool_element element;
    struct wire_policy policy;
    struct wire_server server;
    struct octets cookie;
    struct octets error;
    struct wire_list list;
};

/* What wire_parse found wrong, and what RFC 5354 section 3 wants reported. */
enum { WIRE_UNRECOGNIZED_MAX = 8 };
struct wire_fault {
    uint16_t cause;       /* enum wire_cause to answer with; meaningful when wire_parse failed or n_unrecognized > 0 */
    size_t offset;        /* where in the message */
    const char *reason;   /* static text for the log */
    bool report;          /* an error has to be sent to the peer */
    unsigned n_unrecognized;
    struct octets unrecognized[WIRE_UNRECOGNIZED_MAX]; /* parameters to be reported (type bits 01 or 11) */
    struct octets offending; /* the parameter or message that the error cause quotes; empty when it isn't whole */
};

/*
 * Parses one message of exactly `length` octets (final padding may be included or not, both are accepted: RFC 5354, 4).
 * On 0, *out holds views into data. ERR_MALFORMED: framing, length or value wrong; ERR_UNRECOGNIZED: message type or a
 * parameter of type bits 00/01 unknown. fault is always filled. Parameters unknown with bits 10/11 are skipped.
 * When a value is refused (fault->report), *out holds what was read before it, an element's identifier included.
 * On success fault may still ask for a report (bits 11). A LIST_RESPONSE may list a server with ID 0 (rsplib): it is
 * given out as it came. Parameters that stand once may come in any order; those of the list must be in one run.
 */
int wire_parse(enum wire_protocol protocol, const uint8_t *data, size_t length, struct wire_message *out,
               struct wire_fault *fault);

/* Length of the message that begins at data, with padding to 4 octets, from its header; 0 when fewer than 4 octets are
 * there; ERR_MALFORMED when the header's length is below 4. For framing over TCP (RFC 5352, 5). */
int wire_frame(const uint8_t *data, size_t available);

/* Iterators over the runs of a parsed message. Zero-cost re-parsing: each returns false at the end. */
bool wire_address_next(struct octets *addresses, struct address *out);
bool wire_element_next(struct wire_list *list, struct wire_pool_element *out);
bool wire_server_next(struct wire_list *list, struct wire_server *out);
bool wire_transport_next(struct wire_list *list, struct wire_transport *out);
/* Table: sets *handle when a pool handle begins (handle->length > 0 then and *out untouched, is_handle true). */
bool wire_table_next(struct wire_list *list, bool *is_handle, struct octets *handle, struct wire_pool_element *out);
bool wire_cause_next(struct octets *error, uint16_t *cause, struct octets *information);

/* Parses one Pool Element parameter (with its header), as stored by the handlespace. 0 or ERR_MALFORMED. */
int wire_parse_pool_element(struct octets parameter, struct wire_pool_element *out);

/* --- writing ------------------------------------------------------------------------------------------------ */

/* Writes a whole message; returns its length (padded) or ERR_NO_SPACE; ERR_ARGUMENT when type or `present` are not those
 * of a message in RFC 5352 or 5353 (what it has to have is missing, or what it can't have is there).
 * message->list.run, when present, is copied as it is, in the place where the RFC has it. The inverse of wire_parse. */
int wire_write(const struct wire_message *message, uint8_t *buffer, size_t capacity);

/* Piecewise: wire_begin at the start of the writer's buffer, fields and parameters in the RFC's order, wire_end. Each
 * wire_put_* pads what stands before it, so the last parameter stays unpadded and a length field never counts final
 * padding (RFC 5354, 2). wire_end sets the length field and returns the length with padding, or ERR_NO_SPACE (also
 * beyond WIRE_MESSAGE_MAX). Numbers ahead of the parameters (server identifiers, action) are put by writer_u32(). */
void wire_begin(struct writer *w, enum wire_protocol protocol, uint8_t type, uint8_t flags);
int wire_end(struct writer *w);
void wire_put_pool_handle(struct writer *w, struct octets handle);
void wire_put_pe_identifier(struct writer *w, uint32_t identifier);
void wire_put_pool_element(struct writer *w, const struct wire_pool_element *element);
void wire_put_policy(struct writer *w, const struct wire_policy *policy);
void wire_put_transport(struct writer *w, const struct wire_transport *transport);
void wire_put_server(struct writer *w, const struct wire_server *server);
void wire_put_checksum(struct writer *w, uint16_t checksum);
void wire_put_cookie(struct writer *w, struct octets cookie);
void wire_put_resolution_option(struct writer *w, uint32_t items);
/* An Operation Error with one cause; information may be empty. */
void wire_put_error(struct writer *w, uint16_t cause, struct octets information);
/* An Operation Error that answers what wire_parse found: one cause for each unrecognised parameter (RFC 5354, 3.12.2),
 * else one cause that quotes what offends. For an ASAP_ERROR or ENRP_ERROR when fault->report is set. */
void wire_put_fault(struct writer *w, const struct wire_fault *fault);
/* Appends address parameters to a buffer; for building wire_transport.addresses. */
void wire_put_address(struct writer *w, const struct address *a);
/* The hot path of ASAP_HANDLE_RESOLUTION_RESPONSE in one step: wire_begin, the pool handle, and the pool's policy with
 * all its fields 0. Pool elements follow by
 * wire_put_raw(), wire_end() closes it. */
void wire_begin_resolution_response(struct writer *w, uint8_t flags, struct octets handle, uint32_t policy);
/* The same for the responses to a registration and a deregistration; an error may follow. */
void wire_begin_registration_response(struct writer *w, uint8_t type, uint8_t flags, struct octets handle,
                                      uint32_t pe_identifier);
/* Octets that are already a run of parameters. */
void wire_put_raw(struct writer *w, struct octets run);

/* The Pool Element parameter as the handlespace keeps it: fields that change on their own are patched in place. */
void wire_patch_home_registrar(uint8_t *parameter, uint32_t home_registrar);

/* --- names -------------------------------------------------------------------------------------------------- */

/* Static strings for logs, CLI and SNMP: "ASAP_REGISTRATION", "Pool Handle", "RoundRobin", "Unknown Pool Handle"
 * (rsplib's causes 0x10 ... 0xf008 are named too); "unknown" otherwise. */
const char *wire_message_name(enum wire_protocol protocol, uint8_t type);
const char *wire_parameter_name(uint16_t type);
const char *wire_policy_name(uint32_t type);
const char *wire_policy_short_name(uint32_t type); /* "RR", "LU", "LU-DPF" ... */
/* The policy of a long or short name, upper or lower case; false when there is none. */
bool wire_policy_from_name(const char *name, uint32_t *type);
const char *wire_transport_name(uint16_t type); /* "SCTP", "TCP" ... */
const char *wire_cause_name(uint16_t cause);

/* --- checksum (RFC 5353, 3.6.2) ------------------------------------------------------------------------------- */

/* The plain sum of the 16-bit words of the PEs that a registrar owns, folded only when it is read: so adding and removing
 * are exact inverses in any order. 64 bits are enough for 2^46 PEs. Zero-initialise.
 * wire_checksum_value gives the 16 bits that go into the PE Checksum parameter; no PE: 0xffff. */
struct wire_checksum {
    uint64_t sum;
};
uint16_t wire_checksum_of_handle(struct octets pool_handle); /* the handle's share, computed once a pool */
void wire_checksum_add(struct wire_checksum *c, uint16_t handle_share, uint32_t pe_identifier);
void wire_checksum_remove(struct wire_checksum *c, uint16_t handle_share, uint32_t pe_identifier);
uint16_t wire_checksum_value(const struct wire_checksum *c);

#endif
