/* SPDX-License-Identifier: BSD-3-Clause */
/* PE checksum (RFC 5353, 3.6.2): the Internet checksum over the PEs of an owner, kept incrementally. */
#include "wire/message.h"

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint64_t share(uint16_t handle_share, uint32_t pe_identifier)
{
    return (uint64_t)handle_share + (pe_identifier >> 16) + (pe_identifier & 0xffff);
}

uint16_t wire_checksum_of_handle(struct octets pool_handle)
{
    uint64_t sum = 0;
    size_t i = 0;

    for (; i + 1 < pool_handle.length; i += 2)
        sum += octets_load16(pool_handle.data + i);
    if (i < pool_handle.length)
        sum += (uint64_t)pool_handle.data[i] << 8;
    return fold(sum);
}

void wire_checksum_add(struct wire_checksum *c, uint16_t handle_share, uint32_t pe_identifier)
{
    c->sum += share(handle_share, pe_identifier);
}

void wire_checksum_remove(struct wire_checksum *c, uint16_t handle_share, uint32_t pe_identifier)
{
    c->sum -= share(handle_share, pe_identifier);
}

uint16_t wire_checksum_value(const struct wire_checksum *c)
{
    return (uint16_t)~fold(c->sum);
}
