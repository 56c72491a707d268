/* SPDX-License-Identifier: BSD-3-Clause */
/* Net-SNMP's headers, in the one order that works. */
#ifndef SNMP_AGENT_NETSNMP_H
#define SNMP_AGENT_NETSNMP_H

#include <net-snmp/net-snmp-config.h>
/* first: all others need it */
#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <net-snmp/agent/agent_sysORTable.h>
#include <net-snmp/library/large_fd_set.h>
#undef AGENTX_SOCKET

#endif
