/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The serial console before anybody is logged in. The box has no built-in password: as long as there is no
 * operator, whoever is at the console makes the first one. Then the system's login program takes over.
 */
#include "base/error.h"
#include "cli/cli.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    WAIT_STEP_MS = 500,
    WAIT_STEPS = 240,
    NAME_MAX_OCTETS = 33,
    PASSWORD_MIN = 8,
    PASSWORD_MAX = 129,
    TRIES_MAX = 10,
    BANNER_MAX = 4096
};

static void say(const char *text)
{
    fputs(text, stdout);
    fflush(stdout);
}

static void show_banner(const char *file)
{
    char text[BANNER_MAX + 1];
    FILE *f = file ? fopen(file, "re") : NULL;

    if (!f)
        return;
    text[fread(text, 1, BANNER_MAX, f)] = '\0';
    fclose(f);
    say(text);
}

/* 1: needed, 0: not needed, -1: configd stayed silent. */
static int setup_needed(struct cli *c)
{
    for (int i = 0; i < WAIT_STEPS; i++) {
        json_t *result = NULL;
        int rc = daemon_ask(&c->configd, "setup.get", NULL, &result);
        int needed = json_is_true(json_object_get(result, "needed"));
        json_decref(result);
        if (rc == 0) {
            if (i > 0)
                say("\n");
            return needed;
        }
        say(i == 0 ? "Waiting for the configuration service" : i % 2 ? "" : ".");
        poll(NULL, 0, WAIT_STEP_MS);
    }
    say("\n% The configuration service (configd) does not answer. Its log says why: journalctl -u configd\n");
    return -1;
}

/* One line with echo. False at the end of the input; Ctrl-C gives an empty line. */
static bool read_line(char *out, size_t capacity)
{
    size_t n = 0;
    char octet;
    ssize_t got;

    output_clear_interrupt();
    while ((got = read(STDIN_FILENO, &octet, 1)) != 0) {
        if (got < 0 && errno == EINTR && output_interrupted()) {
            n = 0;
            break;
        }
        if (got < 0 && errno != EINTR)
            return false;
        if (got == 1 && octet == '\n')
            break;
        if (got == 1 && octet != '\r' && n < capacity - 1)
            out[n++] = octet;
    }
    out[n] = '\0';
    return got != 0;
}

static bool is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

    return *name && strchr(letters, *name) && strlen(name) < NAME_MAX_OCTETS &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name);
}

static bool ask_name(char *name, size_t capacity)
{
    for (;;) {
        say("Operator name [admin]: ");
        if (!read_line(name, capacity))
            return false;
        if (output_interrupted()) {
            say("\n");
            continue;
        }
        if (!*name)
            snprintf(name, capacity, "admin");
        if (is_name(name))
            return true;
        say("% A name begins with a small letter; small letters, digits, '.', '_' and '-' follow, 32 at "
            "most.\n");
    }
}

/* False after too many tries: on a dead line every one of them fails at once. */
static bool ask_password(struct cli *c, char *password, size_t capacity)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        output_clear_interrupt();
        if (!secret_ask(c, "New password", true, password, capacity))
            continue;
        if (strlen(password) >= PASSWORD_MIN)
            return true;
        say("% The password must have at least 8 characters.\n");
    }
    return false;
}

static int create_operator(struct cli *c)
{
    char name[NAME_MAX_OCTETS + 8], password[PASSWORD_MAX] = "";
    json_t *params = NULL, *result = NULL;
    int rc = -1;

    if (ask_name(name, sizeof name) && ask_password(c, password, sizeof password)) {
        params = json_pack("{s:s, s:s}", "name", name, "password", password);
        rc = params ? daemon_call(c, &c->configd, "setup.operator", params, &result)
                    : cli_error(c, "The password is not UTF-8 text.");
        json_decref(result);
        if (rc == 0)
            fprintf(stdout, "\nOperator %s is set up and saved. Log in now.\n\n", name);
    }
    explicit_bzero(password, sizeof password);
    return rc;
}

static int first_login(struct cli *c)
{
    say("\nWelcome to Poolward. Nobody can log in yet: set up the first operator.\n"
        "SSH and SNMP stay closed until they are configured.\n\n");
    return create_operator(c);
}

int console_run(struct cli *c, const char *banner_file, const char *login_program)
{
    struct sigaction interrupt = {.sa_handler = output_interrupt}, ignore = {.sa_handler = SIG_IGN},
                     usual = {.sa_handler = SIG_DFL};

    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
    sigaction(SIGTSTP, &ignore, NULL);
    c->answer_fd = STDIN_FILENO;
    output_open(&c->out, STDOUT_FILENO, -1, 0, 0, NULL);
    show_banner(banner_file);
    if (setup_needed(c) == 1 && first_login(c) != 0)
        return 1; /* the unit starts this program again */
    cli_free(c);
    fflush(stdout);
    sigaction(SIGINT, &usual, NULL);
    sigaction(SIGQUIT, &usual, NULL);
    sigaction(SIGTSTP, &usual, NULL);
    execl(login_program, login_program, (char *)NULL);
    fprintf(stderr, "%% %s does not start: %s\n", login_program, strerror(errno));
    return 1;
}
