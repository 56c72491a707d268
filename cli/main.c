/* SPDX-License-Identifier: BSD-3-Clause */
/* The operator's shell: interactive, `-c COMMAND` as sshd calls a login shell, commands from a pipe, serial
 * console. */
#include "cli/cli.h"

#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BANNER_FILE   "/usr/lib/poolward/banner"
#define LOGIN_PROGRAM "/bin/login"

static const char usage[] =
    "Usage: cli [-c COMMAND] [--registrard SOCKET] [--configd SOCKET]\n"
    "       cli --console\n"
    "The shell of the registrar's operators. Without -c: interactive on a terminal, else commands from the "
    "input.\n"
    "  -c COMMAND            run COMMAND, as 'show pools | json'; exit status 1 when it fails\n"
    "  --registrard SOCKET   control socket of registrard [" CONTROL_REGISTRARD "]\n"
    "  --configd SOCKET      control socket of configd [" CONTROL_CONFIGD "]\n"
    "  --console             set up the first operator if there is none, then log in\n"
    "  --banner FILE         shown first on the console [" BANNER_FILE "]\n"
    "  --login PROGRAM       run after that [" LOGIN_PROGRAM "]\n"
    "  --version, --help\n";

struct options {
    const char *command, *registrard, *configd, *banner, *login;
    bool console;
};

/* -1, or the exit status when there is nothing more to do. */
static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option names[] = {
        {"registrard", required_argument, NULL, 'r'},
        {"configd", required_argument, NULL, 'd'},
        {"console", no_argument, NULL, 's'},
        {"banner", required_argument, NULL, 'b'},
        {"login", required_argument, NULL, 'p'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };

    for (int option; (option = getopt_long(argc, argv, "c:l", names, NULL)) != -1;) {
        switch (option) {
        case 'c':
            o->command = optarg;
            break;
        case 'r':
            o->registrard = optarg;
            break;
        case 'd':
            o->configd = optarg;
            break;
        case 's':
            o->console = true;
            break;
        case 'b':
            o->banner = optarg;
            break;
        case 'p':
            o->login = optarg;
            break;
        case 'l': /* "I am a login shell", as su says it */
            break;
        case 'v':
            puts("cli " POOLWARD_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc)
        fprintf(stderr, "cli: '%s' is not an option; commands go after -c\n", argv[optind]);
    return optind < argc ? 2 : -1;
}

static int run(struct cli *c, const struct options *o)
{
    bool terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);

    if (o->console)
        return console_run(c, o->banner, o->login);
    if (!o->command && terminal)
        return editor_run(c);
    signal(SIGPIPE, SIG_IGN);   /* a reader that has seen enough ends the output, not the command */
    c->level = CLI_LEVEL_ADMIN; /* what a script may do is the daemons' decision */
    if (isatty(STDIN_FILENO))
        c->answer_fd = STDIN_FILENO;
    return o->command ? batch_text(c, o->command) : batch_run(c, STDIN_FILENO);
}

int main(int argc, char **argv)
{
    struct options o = {.registrard = CONTROL_REGISTRARD,
                        .configd = CONTROL_CONFIGD,
                        .banner = BANNER_FILE,
                        .login = LOGIN_PROGRAM};
    int status = read_options(argc, argv, &o);
    struct cli *c;

    if (status >= 0)
        return status;
    setlocale(LC_CTYPE, "C.UTF-8");
    c = malloc(sizeof *c);
    if (!c) {
        fputs("cli: out of memory\n", stderr);
        return 1;
    }
    cli_init(c, o.registrard, o.configd);
    status = run(c, &o);
    cli_free(c);
    free(c);
    return status;
}
