/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

enum { TEXT_MAX = 1024, FIELDS_MAX = 16, FIELD_MAX = 256 };

/* The process has one log, as it has one stderr. */
static struct {
    const char *ident;
    bool journal;
    int level;
} target = {"poolward", false, LOG_INFO};

void log_open(const char *ident, bool foreground, int level)
{
    target.ident = ident;
    target.level = level;
    target.journal = !foreground && getenv("JOURNAL_STREAM") != NULL;
}

void log_set_level(int level)
{
    target.level = level;
}

bool log_wants(int level)
{
    return level <= target.level;
}

/* Beyond ASCII there are controls, too: 0x85 and 0x9b, alone or as UTF-8, are a new line and the begin of an
 * escape sequence on many terminals. */
static void escape_controls(char *text)
{
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
}

static void write_journal(int level, const struct log_field *fields, const char *text)
{
    char buffers[FIELDS_MAX][FIELD_MAX], message[TEXT_MAX + 16], priority[16], identifier[64];
    struct iovec iov[FIELDS_MAX + 3];
    int n = 0;

    snprintf(message, sizeof message, "MESSAGE=%s", text);
    snprintf(priority, sizeof priority, "PRIORITY=%d", level);
    snprintf(identifier, sizeof identifier, "SYSLOG_IDENTIFIER=%s", target.ident);
    iov[n++] = (struct iovec){message, strlen(message)};
    iov[n++] = (struct iovec){priority, strlen(priority)};
    iov[n++] = (struct iovec){identifier, strlen(identifier)};
    for (int i = 0; fields && fields[i].key && i < FIELDS_MAX; i++) {
        snprintf(buffers[i], FIELD_MAX, "%s=%s", fields[i].key, fields[i].value);
        iov[n++] = (struct iovec){buffers[i], strlen(buffers[i])};
    }
    sd_journal_sendv(iov, n);
}

void log_write(int level, const struct log_field *fields, const char *format, ...)
{
    static const char *const names[] = {"emerg",   "alert",  "crit", "error",
                                        "warning", "notice", "info", "debug"};
    char text[TEXT_MAX];
    va_list ap;

    if (level > target.level)
        return;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    escape_controls(text);
    if (target.journal)
        write_journal(level, fields, text);
    else
        fprintf(stderr, "%s: %s: %s\n", target.ident, names[level & 7], text);
}

bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t interval_ms, uint32_t *suppressed)
{
    if (now_ms < limit->next_ms) {
        limit->suppressed++;
        return false;
    }
    limit->next_ms = now_ms + interval_ms;
    *suppressed = limit->suppressed;
    limit->suppressed = 0;
    return true;
}
