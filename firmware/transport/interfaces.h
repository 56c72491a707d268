/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's addresses and the interfaces that hold them, read anew by each call. */
#ifndef TRANSPORT_INTERFACES_H
#define TRANSPORT_INTERFACES_H

#include "base/address.h"

#include <stddef.h>

struct interface_address {
    struct address address;
    unsigned interface; /* its index */
    bool up, multicast, loopback;
};

/* All addresses of the host in the kernel's order; *count of them. To be freed by the caller; NULL when there
 * is none or no memory. */
struct interface_address *interface_addresses(size_t *count);

#endif
