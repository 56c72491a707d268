/* SPDX-License-Identifier: BSD-3-Clause */
/* The name of the box: the kernel's, /etc/hostname, and a line in /etc/hosts so that it resolves without a
 * name server. */
#include "base/error.h"
#include "configd/configd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTS_ADDRESS "127.0.1.1"

/* The text of /etc/hosts with our line in the place of the old one; to be freed. */
static char *hosts_with(const char *old, const char *name)
{
    char *text = NULL;
    size_t size, n = strcspn(name, ".");
    FILE *f = open_memstream(&text, &size);

    if (!f)
        return NULL;
    if (!old)
        fputs("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n", f);
    for (const char *line = old; line && *line;) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, HOSTS_ADDRESS, strlen(HOSTS_ADDRESS)) != 0)
            fprintf(f, "%.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
    fprintf(f, HOSTS_ADDRESS "\t%s", name);
    if (name[n])
        fprintf(f, " %.*s", (int)n, name);
    fputc('\n', f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

int apply_hostname(const struct system *s, const struct config *from, const struct config *to, char *message)
{
    const char *name = config_get(to, "hostname");
    char line[128];
    char *old = system_read(s, "/etc/hosts"), *hosts = hosts_with(old, name);

    (void)from;
    free(old);
    snprintf(line, sizeof line, "%s\n", name);
    int rc = system_write(s, "/etc/hostname", 0644, line, false, NULL, message);
    if (rc == 0 && hosts)
        rc = system_write(s, "/etc/hosts", 0644, hosts, false, NULL, message);
    free(hosts);
    if (rc == 0 && s->real && sethostname(name, strlen(name)) != 0) {
        snprintf(message, CONFIG_MESSAGE_MAX, "hostname: %s", strerror(errno));
        rc = error_from_errno(errno);
    }
    return rc;
}
