/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The room's own header: walking over parameters, refusing them, opening and closing them for writing, and
 * the readers of those parameters that stand inside others. Not for other rooms.
 */
#ifndef WIRE_TLV_H
#define WIRE_TLV_H

#include "base/error.h"
#include "wire/message.h"

enum { TLV_HEADER = 4 };

/* One type-length-value: a parameter (RFC 5354, 3) or an error cause (RFC 5354, 3.12), which share their
 * layout. */
struct tlv {
    uint16_t type;
    struct octets value;
    struct octets whole; /* with its header, without final padding */
};

/* Takes the first TLV off the run: 1, 0 at the end, -1 when it does not fit. Padding that is missing at the
 * very end is not missed, as nested parameters and messages leave it out (RFC 5354, 2 and 4). */
static inline int tlv_next(struct octets *run, struct tlv *out)
{
    if (run->length == 0)
        return 0;
    if (run->length < TLV_HEADER)
        return -1;
    size_t length = octets_load16(run->data + 2);
    if (length < TLV_HEADER || length > run->length)
        return -1;
    out->type = octets_load16(run->data);
    out->value = octets_of(run->data + TLV_HEADER, length - TLV_HEADER);
    out->whole = octets_of(run->data, length);
    size_t padded = (length + 3) & ~(size_t)3;
    if (padded > run->length)
        padded = run->length;
    run->data += padded;
    run->length -= padded;
    return 1;
}

/* Where a parse stands: the message, for offsets, and what is to be reported. fault is NULL when an iterator
 * reads again what wire_parse had checked. */
struct parse {
    const uint8_t *start;
    struct wire_fault *fault;
};

/* Both return ERR_MALFORMED. A broken frame is not answered; a bad value is, quoting its parameter (RFC
 * 5354, 3.12.4). */
int parse_broken(struct parse *p, struct octets where, const char *reason);
int parse_invalid(struct parse *p, const struct tlv *t, const char *reason);
/* What the top bits of an unknown parameter's type ask for: 0 = skip it, ERR_UNRECOGNIZED = drop the message.
 */
int parse_unknown(struct parse *p, const struct tlv *t);
/* A parameter that stands where it can't: as above for types that carry such bits, else ERR_MALFORMED. */
int parse_misplaced(struct parse *p, const struct tlv *t);

bool tlv_is_transport(uint16_t type);
int transport_read(struct parse *p, const struct tlv *t, struct wire_transport *out);
int policy_read(struct parse *p, const struct tlv *t, struct wire_policy *out);
int element_read(struct parse *p, const struct tlv *t, struct wire_pool_element *out);
int server_read(struct parse *p, const struct tlv *t, struct wire_server *out);

/* A message that begins with a pool handle, for the hot paths: its header (the length is wire_end's), the
 * handle, and room for `more` octets, to which the result points. NULL: it does not fit, the writer failed.
 */
uint8_t *message_open(struct writer *w, uint8_t type, uint8_t flags, struct octets handle, size_t more);

static inline void tlv_align(struct writer *w)
{
    size_t padding = -writer_used(w) & 3;
    uint8_t *at = padding ? writer_reserve(w, padding) : NULL;
    if (at)
        memset(at, 0, padding);
}

/* Pads what stands before, writes the header; close sets the length. NULL, or over 65,535 octets: the writer
 * failed. */
static inline uint8_t *tlv_open(struct writer *w, uint16_t type)
{
    tlv_align(w);
    uint8_t *opened = writer_reserve(w, TLV_HEADER);
    if (opened)
        octets_store16(opened, type);
    return opened;
}

static inline void tlv_close(struct writer *w, uint8_t *opened)
{
    if (w->failed || !opened)
        return;
    size_t length = (size_t)(w->at - opened);
    if (length > UINT16_MAX)
        w->failed = true;
    else
        octets_store16(opened + 2, (uint16_t)length);
}

#endif
