/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of parameters and error causes for people. The names of messages, policies and transports stand in
 * the tables of their own files. */
#include "wire/message.h"

struct name_row {
    uint16_t number;
    const char *name;
};

static const struct name_row parameters[] = {
    {WIRE_IPV4, "IPv4 Address"},
    {WIRE_IPV6, "IPv6 Address"},
    {WIRE_DCCP, "DCCP Transport"},
    {WIRE_SCTP, "SCTP Transport"},
    {WIRE_TCP, "TCP Transport"},
    {WIRE_UDP, "UDP Transport"},
    {WIRE_UDP_LITE, "UDP-Lite Transport"},
    {WIRE_POLICY, "Pool Member Selection Policy"},
    {WIRE_POOL_HANDLE, "Pool Handle"},
    {WIRE_POOL_ELEMENT, "Pool Element"},
    {WIRE_SERVER_INFORMATION, "Server Information"},
    {WIRE_OPERATION_ERROR, "Operation Error"},
    {WIRE_COOKIE, "Cookie"},
    {WIRE_PE_IDENTIFIER, "PE Identifier"},
    {WIRE_PE_CHECKSUM, "PE Checksum"},
    {WIRE_OPAQUE, "Opaque Transport"},
    {WIRE_HANDLE_RESOLUTION_OPTION, "Handle Resolution Option"},
};

static const struct name_row causes[] = {
    {WIRE_CAUSE_UNSPECIFIED, "Unspecified Error"},
    {WIRE_CAUSE_UNRECOGNIZED_PARAMETER, "Unrecognized Parameter"},
    {WIRE_CAUSE_UNRECOGNIZED_MESSAGE, "Unrecognized Message"},
    {WIRE_CAUSE_INVALID_VALUES, "Invalid Values"},
    {WIRE_CAUSE_NON_UNIQUE_PE_IDENTIFIER, "Non-Unique PE Identifier"},
    {WIRE_CAUSE_INCONSISTENT_POLICY, "Inconsistent Pooling Policy"},
    {WIRE_CAUSE_LACK_OF_RESOURCES, "Lack of Resources"},
    {WIRE_CAUSE_INCONSISTENT_TRANSPORT, "Inconsistent Transport Type"},
    {WIRE_CAUSE_INCONSISTENT_DATA_CONTROL, "Inconsistent Data/Control Configuration"},
    {WIRE_CAUSE_UNKNOWN_POOL_HANDLE, "Unknown Pool Handle"},
    {WIRE_CAUSE_SECURITY, "Rejected Due to Security Considerations"},
    /* rsplib's own */
    {0x10, "Invalid Message"},
    {0x11, "Invalid Value"},
    {0x100a, "Wrong Protocol"},
    {0x100b, "Unsupported Pool Policy"},
    {0xf000, "Invalid Identifier"},
    {0xf001, "Identifier of the Registrar Itself"},
    {0xf002, "Duplicate Identifier"},
    {0xf003, "Invalid Pool Policy"},
    {0xf004, "Invalid Pool Handle"},
    {0xf005, "Invalid Addresses"},
    {0xf006, "Invalid Registrar"},
    {0xf007, "No Usable ASAP Address"},
    {0xf008, "No Usable User Address"},
};

static const char *name_of(const struct name_row *rows, size_t n, uint16_t number)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].number == number)
            return rows[i].name;
    return "unknown";
}

const char *wire_parameter_name(uint16_t type)
{
    return name_of(parameters, sizeof parameters / sizeof *parameters, type);
}

const char *wire_cause_name(uint16_t cause)
{
    return name_of(causes, sizeof causes / sizeof *causes, cause);
}
