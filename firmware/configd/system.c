/* SPDX-License-Identifier: BSD-3-Clause */
#include "configd/system.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const char *system_path(const struct system *s, const char *path, char out[SYSTEM_PATH_MAX])
{
    snprintf(out, SYSTEM_PATH_MAX, "%s%s", s->root, path);
    return out;
}

static int fail_at(char *message, const char *path, int err)
{
    snprintf(message, CONFIG_MESSAGE_MAX, "%.160s: %s", path, strerror(err));
    return error_from_errno(err);
}

bool system_exists(const struct system *s, const char *path)
{
    char full[SYSTEM_PATH_MAX];
    return access(system_path(s, path, full), F_OK) == 0;
}

char *system_read(const struct system *s, const char *path)
{
    char full[SYSTEM_PATH_MAX], *text = NULL;
    int fd = open(system_path(s, path, full), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
    struct stat st;
    size_t n = 0;
    ssize_t got = 0;

    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= SYSTEM_FILE_MAX &&
        (text = malloc((size_t)st.st_size + 1)))
        while (n < (size_t)st.st_size && (got = read(fd, text + n, (size_t)st.st_size - n)) > 0)
            n += (size_t)got;
    if (text)
        text[n] = '\0';
    if (got < 0) {
        free(text);
        text = NULL;
    }
    close(fd);
    return text;
}

int system_make_folders(const struct system *s, const char *path, char *message)
{
    char full[SYSTEM_PATH_MAX];

    system_path(s, path, full);
    for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int rc = mkdir(full, 0755);
        if (rc != 0 && errno != EEXIST)
            return fail_at(message, full, errno);
        *slash = '/';
    }
    return 0;
}

/* Writes the whole text and keeps the owner of the file that is replaced. Returns an errno. */
static int fill_file(const struct system *s, int fd, mode_t mode, const struct stat *old, const char *text,
                     bool durable)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t n = write(fd, text, left);
        if (n < 0)
            return errno;
        text += n;
        left -= (size_t)n;
    }
    if (old && s->real && fchown(fd, old->st_uid, old->st_gid) != 0)
        return errno;
    if (fchmod(fd, old ? old->st_mode & 07777 : mode) != 0)
        return errno;
    return durable && fsync(fd) != 0 ? errno : 0;
}

static int sync_folder(char *path)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = fd < 0 || fsync(fd) != 0 ? errno : 0;
    *slash = '/';
    if (fd >= 0)
        close(fd);
    return err;
}

int system_write(const struct system *s, const char *path, mode_t mode, const char *text, bool durable,
                 bool *changed, char *message)
{
    char full[SYSTEM_PATH_MAX], temporary[SYSTEM_PATH_MAX + 8];
    char *now = system_read(s, path);
    bool same = now && strcmp(now, text) == 0;
    struct stat st;

    free(now);
    if (same)
        return 0;
    int rc = system_make_folders(s, path, message);
    if (rc != 0)
        return rc;
    bool exists = lstat(system_path(s, path, full), &st) == 0 && S_ISREG(st.st_mode);
    snprintf(temporary, sizeof temporary, "%s.new", full);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600),
        err = fd < 0 ? errno : 0;
    if (fd >= 0) {
        err = fill_file(s, fd, mode, exists ? &st : NULL, text, durable);
        if (close(fd) != 0 && err == 0)
            err = errno;
        if (err == 0 && rename(temporary, full) != 0)
            err = errno;
        if (err != 0)
            unlink(temporary);
        else if (durable)
            err = sync_folder(full);
    }
    if (err != 0)
        return fail_at(message, path, err);
    if (changed)
        *changed = true;
    return 0;
}

int system_remove(const struct system *s, const char *path, bool *changed, char *message)
{
    char full[SYSTEM_PATH_MAX];

    if (unlink(system_path(s, path, full)) != 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail_at(message, path, errno);
    if (changed)
        *changed = true;
    return 0;
}

/* --- commands
 * ------------------------------------------------------------------------------------------------------ */

static void log_command(const char *const argv[], const char *verb)
{
    char line[512];
    size_t n = 0;

    line[0] = '\0';
    for (size_t i = 0; argv[i] && n < sizeof line; i++)
        n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", i ? " " : "", argv[i]);
    log_info("%s: %s", verb, line);
}

static int spawn(const char *const argv[], int output, pid_t *pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    posix_spawn_file_actions_adddup2(&files, output, 2);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int err = posix_spawnp(pid, argv[0], &files, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return err;
}

/* Collects what the program writes until it closes its output or the time is over; text keeps the last
 * octets. True when the output was closed. */
static bool collect(int fd, uint64_t deadline, char *text, size_t capacity)
{
    size_t n = 0;

    for (;;) {
        uint64_t now = clock_ms();
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (now >= deadline || poll(&p, 1, (int)(deadline - now)) <= 0)
            break;
        if (n >= capacity / 2) {
            memmove(text, text + n - capacity / 4, capacity / 4);
            n = capacity / 4;
        }
        ssize_t got = read(fd, text + n, capacity - 1 - n);
        if (got <= 0) {
            text[n] = '\0';
            return true;
        }
        n += (size_t)got;
    }
    text[n] = '\0';
    return false;
}

/* Waits for the end of the program until the deadline; it may have closed its output before. */
static bool reap(pid_t pid, uint64_t deadline, int *status)
{
    for (;;) {
        pid_t done = waitpid(pid, status, WNOHANG);
        if (done == pid || (done < 0 && errno != EINTR))
            return done == pid;
        if (clock_ms() >= deadline)
            return false;
        poll(NULL, 0, 5);
    }
}

static const char *last_line(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        text[--n] = '\0';
    const char *newline = strrchr(text, '\n');
    return newline ? newline + 1 : text;
}

int system_run(const struct system *s, int timeout_ms, char *message, const char *const argv[])
{
    uint64_t deadline = clock_ms() + (uint64_t)timeout_ms;
    char text[2048] = "";
    int pipes[2], status = 0;
    pid_t pid;

    log_command(argv, s->real ? "run" : "would run");
    if (!s->real)
        return 0;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return fail_at(message, argv[0], errno);
    int err = spawn(argv, pipes[1], &pid);
    close(pipes[1]);
    if (err != 0) {
        close(pipes[0]);
        return fail_at(message, argv[0], err);
    }
    bool in_time = collect(pipes[0], deadline, text, sizeof text) && reap(pid, deadline, &status);
    close(pipes[0]);
    if (!in_time) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        snprintf(message, CONFIG_MESSAGE_MAX, "%s %s did not end within %d ms", argv[0],
                 argv[1] ? argv[1] : "", timeout_ms);
        return ERR_TIMEOUT;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    snprintf(message, CONFIG_MESSAGE_MAX, "%s %s failed: %.160s", argv[0], argv[1] ? argv[1] : "",
             last_line(text));
    return ERR_WRONG_STATE;
}
