/* SPDX-License-Identifier: BSD-3-Clause */
/* Passwords: typed without echo, never kept longer than needed. */
#include "cli/cli.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static void say(struct cli *c, const char *text)
{
    output_octets(&c->out, text, strlen(text));
    output_flush(&c->out);
}

/* One line without echo; false at Ctrl-C, at the end of the input, and when it is longer than the buffer. The
 * echo is off before the question is shown: whoever answers at once, as a script does, is neither shown nor
 * cut short. */
static bool ask_once(struct cli *c, const char *before, const char *what, char *out, size_t capacity)
{
    struct termios saved, hidden;
    size_t n = 0;
    char octet = 0;
    ssize_t got;
    int fd = c->answer_fd;

    if (tcgetattr(fd, &saved) != 0)
        return false;
    hidden = saved;
    hidden.c_lflag = (hidden.c_lflag | ICANON | ISIG) & ~(tcflag_t)(ECHO | ECHONL);
    tcsetattr(fd, TCSAFLUSH, &hidden);
    say(c, before);
    say(c, what);
    say(c, ": ");
    for (;;) {
        got = read(fd, &octet, 1);
        if (got < 0 && errno == EINTR && !output_interrupted())
            continue;
        if (got != 1 || octet == '\n')
            break;
        if (n < capacity)
            out[n++] = octet;
    }
    tcsetattr(fd, TCSADRAIN, &saved);
    say(c, "\n");
    if (n < capacity)
        out[n] = '\0';
    return got == 1 && n < capacity && memchr(out, '\0', n) == NULL;
}

bool secret_ask(struct cli *c, const char *what, bool confirm, char *out, size_t capacity)
{
    char again[512];
    bool same;

    if (c->answer_fd < 0)
        return false;
    if (!ask_once(c, "", what, out, capacity)) {
        output_clear_interrupt();
        cli_error(c, "Nothing was changed.");
        return false;
    }
    if (!confirm)
        return true;
    same = ask_once(c, "Once more: ", what, again, sizeof again) && strcmp(out, again) == 0;
    explicit_bzero(again, sizeof again);
    output_clear_interrupt();
    if (!same)
        cli_error(c, "The two differ: nothing was changed.");
    return same;
}
