/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The system that configd changes, behind one seam: files under a root folder, and commands that are run, or,
 * when the system is not to be touched (--no-system: tests, a build host), only logged. No applier opens a
 * file by itself.
 */
#ifndef CONFIGD_SYSTEM_H
#define CONFIGD_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { SYSTEM_PATH_MAX = 512, SYSTEM_FILE_MAX = 1 << 20 };

struct system {
    const char *root; /* before each absolute path; "" on the appliance */
    bool real;        /* commands are run, names of hosts and owners of files are set */
    bool
        starting; /* configd is not yet ready: a command must not wait for a service that waits for configd */
};

/* root and path, in out. */
const char *system_path(const struct system *s, const char *path, char out[SYSTEM_PATH_MAX]);

bool system_exists(const struct system *s, const char *path);
/* The text of a file, to be freed; NULL when there is none, it is a link, is larger than SYSTEM_FILE_MAX or
 * memory is short. */
char *system_read(const struct system *s, const char *path);
/* Makes the folders of a path, mode 0755. */
int system_make_folders(const struct system *s, const char *path, char *message);
/* Replaces a file at once (temporary file and rename) when its text differs; *changed (may be NULL) is set to
 * true then and else left alone. A file that exists keeps its owner and mode. durable: also onto the disk. 0
 * or an error of base/error.h with message (CONFIG_MESSAGE_MAX octets). */
int system_write(const struct system *s, const char *path, mode_t mode, const char *text, bool durable,
                 bool *changed, char *message);
/* Removes a file; one that is not there is no error. */
int system_remove(const struct system *s, const char *path, bool *changed, char *message);

/* Runs a program, found by PATH, and waits at most timeout_ms; then it is killed. 0 when it exits with 0,
 * else ERR_TIMEOUT or ERR_WRONG_STATE and a message with the last line that it wrote. argv ends with NULL.
 * Without `real` it is logged only. */
int system_run(const struct system *s, int timeout_ms, char *message, const char *const argv[]);

#endif
