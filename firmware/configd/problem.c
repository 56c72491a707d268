/* SPDX-License-Identifier: BSD-3-Clause */
/* What is wrong with the box, kept until it is right again, and said at once where an operator looks. */
#include "base/log.h"
#include "configd/configd.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct problem *find(struct configd *d, const char *key)
{
    for (size_t i = 0; i < d->n_problems; i++)
        if (strcmp(d->problems[i].key, key) == 0)
            return &d->problems[i];
    return NULL;
}

void problem_set(struct configd *d, const char *key, const char *text)
{
    struct problem *p = find(d, key);

    if (!p && d->n_problems < PROBLEMS_MAX) {
        p = &d->problems[d->n_problems++];
        snprintf(p->key, sizeof p->key, "%s", key);
    }
    if (p)
        snprintf(p->text, sizeof p->text, "%s", text);
}

void problem_clear(struct configd *d, const char *key)
{
    struct problem *p = find(d, key);

    if (!p)
        return;
    memmove(p, p + 1, (size_t)(d->problems + d->n_problems - (p + 1)) * sizeof *p);
    d->n_problems--;
}

static void write_console(const struct system *s, const char *text)
{
    char path[SYSTEM_PATH_MAX], line[2 * CONFIG_MESSAGE_MAX + 32];
    int n = snprintf(line, sizeof line, "\r\nconfiguration: %s\r\n", text);
    int fd =
        open(system_path(s, "/dev/console", path), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC | O_APPEND);

    if (fd < 0)
        return;
    if (write(fd, line, (size_t)n) != n)
        log_debug("the console takes no more");
    close(fd);
}

void tell_operator(struct configd *d, const char *key, const char *text)
{
    log_err("%s: %s", key, text);
    write_console(&d->system, text);
    problem_set(d, key, text);
}
