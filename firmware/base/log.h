/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Log of the daemons: journald with structured fields when started by systemd, plain text on a terminal.
 * The fields let an operator ask `journalctl POOL=EchoPool`.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

/* Chooses the target: journald if stderr is connected to it (JOURNAL_STREAM) and foreground is false, else
 * stderr. ident is kept by reference. level: LOG_ERR .. LOG_DEBUG of <syslog.h>; messages above it are
 * dropped. */
void log_open(const char *ident, bool foreground, int level);
void log_set_level(int level);
/* Would a message of this level be written? For those whose text costs something to make. */
bool log_wants(int level);

/* A field of a structured message: key in upper case ("POOL", "PE_ID", "PEER"), value as text. */
struct log_field {
    const char *key;
    const char *value;
};

/* Writes one message; fields may be NULL (ended by {0}). What is no printable ASCII becomes '?', so that
 * no peer can forge a line. printf's format rules. */
void log_write(int level, const struct log_field *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_err(...)     log_write(LOG_ERR, 0, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, 0, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_NOTICE, 0, __VA_ARGS__)
#define log_info(...)    log_write(LOG_INFO, 0, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_DEBUG, 0, __VA_ARGS__)

/* For messages that the network can provoke: true at most once in interval_ms; *suppressed then holds how
 * many were not logged since the last time. Zero-initialise the struct. */
struct log_limit {
    uint64_t next_ms;
    uint32_t suppressed;
};
bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t interval_ms, uint32_t *suppressed);

#endif
