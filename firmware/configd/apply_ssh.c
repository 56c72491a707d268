/* SPDX-License-Identifier: BSD-3-Clause */
/* SSH: what sshd_config includes, and whether the service runs. Who may log in is the appliers' of users. */
#include "base/error.h"
#include "configd/configd.h"

#include <stdio.h>

#define FRAGMENT "/run/poolward/sshd.conf"

enum { SYSTEMCTL_MS = 30000 };

static int systemctl(const struct system *s, const char *verb, char *message)
{
    return system_run(s, SYSTEMCTL_MS, message,
                      s->starting
                          ? (const char *const[]){"systemctl", "--no-block", verb, "ssh.service", NULL}
                          : (const char *const[]){"systemctl", verb, "ssh.service", NULL});
}

/* The fragment is there as long as SSH is open: a start of this daemon that finds none has nothing to close.
 */
int apply_ssh(const struct system *s, const struct config *from, const struct config *to, char *message)
{
    bool changed = false;
    char text[128];
    int rc;

    if (!config_boolean(to, "ssh.enabled")) {
        rc = system_exists(s, FRAGMENT) ? systemctl(s, "stop", message) : 0;
        return rc == 0 ? system_remove(s, FRAGMENT, NULL, message) : rc;
    }
    snprintf(text, sizeof text, "# Written by configd.\nPort %u\n", config_unsigned(to, "ssh.port"));
    rc = system_write(s, FRAGMENT, 0644, text, false, &changed, message);
    if (rc != 0 || (from && !changed && config_boolean(from, "ssh.enabled")))
        return rc;
    /* A restart ends no session: KillMode=process of the unit. */
    return systemctl(s, changed ? "restart" : "start", message);
}
