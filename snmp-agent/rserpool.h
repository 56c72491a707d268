/* SPDX-License-Identifier: BSD-3-Clause */
/* The registrar's branch of RSERPOOL-MIB (RFC 5525; mib/RSERPOOL-MIB.txt) as tables over the mirror. */
#ifndef SNMP_AGENT_RSERPOOL_H
#define SNMP_AGENT_RSERPOOL_H

#include "snmp-agent/table.h"

extern const struct table rserpool_tables[]; /* ascending by object identifier */
extern const size_t rserpool_tables_count;

/* The module's own identifier, for sysORTable. */
enum { RSERPOOL_MIB_LENGTH = 6 };
extern const oid rserpool_mib[RSERPOOL_MIB_LENGTH];

#endif
