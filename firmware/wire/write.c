/* SPDX-License-Identifier: BSD-3-Clause */
/* Writing piece by piece: the frame of a message, and the parameters that have no file of their own. */
#include "wire/tlv.h"

void wire_begin(struct writer *w, enum wire_protocol protocol, uint8_t type, uint8_t flags)
{
    (void)protocol; /* not on the wire: the payload protocol identifier or the port says it */
    writer_u8(w, type);
    writer_u8(w, flags);
    writer_u16(w, WIRE_HEADER);
}

uint8_t *message_open(struct writer *w, uint8_t type, uint8_t flags, struct octets handle, size_t more)
{
    size_t handle_room = (TLV_HEADER + handle.length + 3) & ~(size_t)3;
    uint8_t *at = NULL;

    if (handle.length <= UINT16_MAX - TLV_HEADER)
        at = writer_reserve(w, WIRE_HEADER + handle_room + more);
    if (!at) {
        w->failed = true;
        return NULL;
    }
    octets_store32(at, (uint32_t)type << 24 | (uint32_t)flags << 16 | WIRE_HEADER);
    octets_store32(at + WIRE_HEADER + handle_room - 4,
                   0); /* the padding; what follows covers the rest of it */
    octets_store32(at + WIRE_HEADER,
                   (uint32_t)WIRE_POOL_HANDLE << 16 | (uint32_t)(TLV_HEADER + handle.length));
    memcpy(at + WIRE_HEADER + TLV_HEADER, handle.data, handle.length);
    return at + WIRE_HEADER + handle_room;
}

void wire_begin_registration_response(struct writer *w, uint8_t type, uint8_t flags, struct octets handle,
                                      uint32_t pe_identifier)
{
    uint8_t *at = message_open(w, type, flags, handle, TLV_HEADER + 4);

    if (!at)
        return;
    octets_store32(at, (uint32_t)WIRE_PE_IDENTIFIER << 16 | (TLV_HEADER + 4));
    octets_store32(at + TLV_HEADER, pe_identifier);
}

int wire_end(struct writer *w)
{
    size_t length = writer_used(w);
    if (w->failed || length > WIRE_MESSAGE_MAX)
        return ERR_NO_SPACE;
    octets_store16(w->start + 2, (uint16_t)length);
    tlv_align(w);
    return w->failed ? ERR_NO_SPACE : (int)writer_used(w);
}

static void put_octets(struct writer *w, uint16_t type, struct octets value)
{
    uint8_t *at = tlv_open(w, type);
    writer_put(w, value.data, value.length);
    tlv_close(w, at);
}

static void put_u32(struct writer *w, uint16_t type, uint32_t value)
{
    uint8_t *at = tlv_open(w, type);
    writer_u32(w, value);
    tlv_close(w, at);
}

void wire_put_pool_handle(struct writer *w, struct octets handle)
{
    put_octets(w, WIRE_POOL_HANDLE, handle);
}

void wire_put_pe_identifier(struct writer *w, uint32_t identifier)
{
    put_u32(w, WIRE_PE_IDENTIFIER, identifier);
}

void wire_put_checksum(struct writer *w, uint16_t checksum)
{
    uint8_t *at = tlv_open(w, WIRE_PE_CHECKSUM);
    writer_u16(w, checksum);
    tlv_close(w, at);
}

void wire_put_cookie(struct writer *w, struct octets cookie)
{
    put_octets(w, WIRE_COOKIE, cookie);
}

void wire_put_resolution_option(struct writer *w, uint32_t items)
{
    put_u32(w, WIRE_HANDLE_RESOLUTION_OPTION, items);
}

void wire_put_error(struct writer *w, uint16_t cause, struct octets information)
{
    uint8_t *at = tlv_open(w, WIRE_OPERATION_ERROR);
    put_octets(w, cause, information);
    tlv_close(w, at);
}

void wire_put_fault(struct writer *w, const struct wire_fault *fault)
{
    uint8_t *at = tlv_open(w, WIRE_OPERATION_ERROR);
    for (unsigned i = 0; i < fault->n_unrecognized; i++)
        put_octets(w, WIRE_CAUSE_UNRECOGNIZED_PARAMETER, fault->unrecognized[i]);
    if (fault->n_unrecognized == 0)
        put_octets(w, fault->cause, fault->offending);
    tlv_close(w, at);
}

void wire_put_raw(struct writer *w, struct octets run)
{
    tlv_align(w);
    writer_put(w, run.data, run.length);
}
