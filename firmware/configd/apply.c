/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of appliers, and how several of them succeed or fail as one. registrard has a link instead
 * (registrard.c). */
#include "base/error.h"
#include "base/log.h"
#include "configd/configd.h"

const struct applier appliers[] = {
    {APPLY_SYSTEM, "hostname", apply_hostname}, {APPLY_USERS, "users", apply_users},
    {APPLY_NETWORK, "network", apply_network},  {APPLY_SSH, "ssh", apply_ssh},
    {APPLY_SNMP, "snmp", apply_snmp},
};
const size_t appliers_count = sizeof appliers / sizeof appliers[0];

static void touch(void *context, const char *path, const char *from, const char *to,
                  const struct setting *row)
{
    unsigned *mask = context;

    (void)from;
    (void)to;
    if (row) {
        *mask |= 1u << row->applier;
        if (row->applier == APPLY_SYSTEM) /* sysName follows the host name */
            *mask |= 1u << APPLY_SNMP;
        return;
    }
    /* An entry that came or went concerns whoever applies what is in it. */
    const struct config_mode *mode = config_mode_of(path);
    for (size_t i = 0; i < config_schema_rows; i++)
        if (config_setting_mode(&config_schema[i]) == mode)
            *mask |= 1u << config_schema[i].applier;
}

unsigned appliers_touched(const struct config *from, const struct config *to)
{
    unsigned mask = 0;
    config_diff(from, to, &mask, touch);
    return mask;
}

int appliers_run(const struct system *s, unsigned mask, const struct config *from, const struct config *to,
                 char *message)
{
    char ignored[CONFIG_MESSAGE_MAX];
    size_t i;
    int rc = 0;

    for (i = 0; i < appliers_count && rc == 0; i++)
        if (mask & 1u << appliers[i].id)
            rc = appliers[i].apply(s, from, to, message);
    if (rc == 0)
        return 0;
    while (i-- > 0)
        if (mask & 1u << appliers[i].id && appliers[i].apply(s, to, from, ignored) != 0)
            log_err("%s: cannot be taken back: %s", appliers[i].name, ignored);
    return rc;
}

void appliers_start(struct configd *d)
{
    char message[CONFIG_MESSAGE_MAX];

    for (size_t i = 0; i < appliers_count; i++)
        if (appliers[i].apply(&d->system, NULL, d->running, message) != 0)
            tell_operator(d, appliers[i].name, message);
}
