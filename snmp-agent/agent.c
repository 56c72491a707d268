/* SPDX-License-Identifier: BSD-3-Clause */
/* Set-up of Net-SNMP's agent library. */
#include "snmp-agent/agent.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "snmp-agent/loop.h"
#include "snmp-agent/rserpool.h"

#include <stdio.h>
#include <stdlib.h>

#define AGENT_NAME "poolward-snmp-agent"

/* A master that hangs is noticed after PING_S + TIMEOUT_S, one that comes back is found within PING_S: under
 * 5 s in all. */
enum { PING_S = 2, TIMEOUT_S = 1, RETRIES = 0, LOG_INTERVAL_MS = 60000, REPEATED_MAX = 8 };

struct agent {
    struct description description;
    struct table_binding bindings[]; /* one for each of rserpool_tables */
};

/* What Net-SNMP says again every two seconds while there is no master is logged once a minute. */
static bool log_allowed(const char *text, uint32_t *suppressed)
{
    static struct {
        uint32_t hash;
        struct log_limit limit;
    } said[REPEATED_MAX];
    uint32_t hash = 2166136261u;

    for (const char *p = text; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    unsigned slot = hash % REPEATED_MAX;
    if (said[slot].hash != hash) {
        said[slot].hash = hash;
        said[slot].limit = (struct log_limit){0};
    }
    return log_limit_allows(&said[slot].limit, clock_ms(), LOG_INTERVAL_MS, suppressed);
}

static int on_log(int major, int minor, void *server_argument, void *client_argument)
{
    const struct snmp_log_message *m = server_argument;
    int length = (int)strcspn(m->msg, "\n");
    uint32_t suppressed;

    (void)major;
    (void)minor;
    (void)client_argument;
    if (length > 0 && log_allowed(m->msg, &suppressed))
        log_write(m->priority, NULL, "snmp: %.*s", length, m->msg);
    return 0;
}

static void set_up_library(const struct agent_options *o)
{
    static const int truths[] = {
        NETSNMP_DS_LIB_DONT_READ_CONFIGS,       NETSNMP_DS_LIB_DONT_PERSIST_STATE,
        NETSNMP_DS_LIB_DISABLE_PERSISTENT_LOAD, NETSNMP_DS_LIB_DISABLE_PERSISTENT_SAVE,
        NETSNMP_DS_LIB_DONT_LOAD_HOST_FILES,    NETSNMP_DS_LIB_ALARM_DONT_USE_SIG};
    char address[128];

    snmp_disable_log();
    snmp_enable_calllog();
    snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING, on_log, NULL);
    setenv("MIBS", "", 1); /* the agent needs no names: no MIB file is read */
    for (unsigned i = 0; i < sizeof truths / sizeof truths[0]; i++)
        netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, truths[i], 1);
    netsnmp_enable_subagent();
    snprintf(address, sizeof address, "unix:%s", o->agentx);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, address);
}

/* After init_agent(), which puts its defaults there: a ping each 15 s. */
static void set_up_session(void)
{
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, PING_S);
    netsnmp_ds_set_int(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_TIMEOUT, TIMEOUT_S);
    netsnmp_ds_set_int(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_RETRIES, RETRIES);
}

static void start_session(void *context)
{
    (void)context;
    init_snmp(AGENT_NAME);
}

static int register_tables(struct agent *a, const struct agent_options *o)
{
    oid module[RSERPOOL_MIB_LENGTH];
    int rc = 0;

    for (size_t i = 0; i < rserpool_tables_count && rc == 0; i++) {
        a->bindings[i] = (struct table_binding){.table = &rserpool_tables[i],
                                                .mirror = o->mirror,
                                                .clock = clock_ms,
                                                .setter_context = &a->description};
        rc = table_register(&a->bindings[i]);
    }
    memcpy(module, rserpool_mib, sizeof module);
    register_sysORTable(module, RSERPOOL_MIB_LENGTH, "RSERPOOL-MIB (RFC 5525): the registrar's branch");
    return rc;
}

struct agent *agent_new(const struct agent_options *o, int *error)
{
    struct agent *a = calloc(1, sizeof *a + rserpool_tables_count * sizeof a->bindings[0]);

    *error = a ? 0 : ERR_MEMORY;
    if (!a)
        return NULL;
    a->description = (struct description){.configd = o->configd, .mirror = o->mirror};
    set_up_library(o);
    if (init_agent(AGENT_NAME) != 0)
        *error = ERR_WRONG_STATE;
    set_up_session();
    if (*error == 0)
        *error = register_tables(a, o);
    if (*error != 0) {
        free(a);
        return NULL;
    }
    loop_guarded(start_session, NULL);
    return a;
}

static void end_session(void *context)
{
    (void)context;
    snmp_shutdown(AGENT_NAME);
    shutdown_agent();
}

void agent_free(struct agent *a)
{
    if (!a)
        return;
    loop_guarded(end_session, NULL);
    description_setter.release(&a->description);
    free(a);
}
