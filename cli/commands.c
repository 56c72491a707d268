/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables of the product's commands: adding one is a row here and a function. */
#include "base/error.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int run_enable(struct cli *c, const struct parse *p)
{
    json_t *result = NULL;
    int rc = daemon_ask(&c->configd, "setup.get", NULL, &result);

    (void)p;
    json_decref(result);
    if (rc == ERR_DENIED)
        return cli_error(
            c, "Access denied: this account may look, not change. An administrator can give it more: "
               "username NAME, privilege 15");
    c->level = CLI_LEVEL_ADMIN; /* only shows more commands: each right is checked by the daemons */
    return 0;
}

static int run_disable(struct cli *c, const struct parse *p)
{
    (void)p;
    c->level = CLI_LEVEL_USER;
    return 0;
}

static int run_configure(struct cli *c, const struct parse *p)
{
    (void)p;
    if (c->mode)
        return cli_error(c, "This is configuration mode already.");
    c->mode = graph_root(&c->graph);
    c->path[0] = '\0';
    if (c->editor)
        output_text(&c->out, "Enter configuration commands, one per line. End with Ctrl-Z or end.\n");
    return 0;
}

static int run_save(struct cli *c, const struct parse *p)
{
    json_t *result = NULL;

    (void)p;
    if (daemon_call(c, &c->configd, "config.save", NULL, &result) != 0)
        return -1;
    output_text(&c->out, "Saved as the startup configuration.\n[OK]\n");
    json_decref(result);
    return 0;
}

static int run_length(struct cli *c, const struct parse *p)
{
    c->terminal_length = atoi(p->values[0]);
    return 0;
}

static int run_exit(struct cli *c, const struct parse *p)
{
    (void)p;
    cli_leave_mode(c);
    return 0;
}

static int run_end(struct cli *c, const struct parse *p)
{
    (void)p;
    cli_leave_configuration(c);
    return 0;
}

static int run_logout(struct cli *c, const struct parse *p)
{
    (void)p;
    c->leaving = true;
    return 0;
}

static int run_help(struct cli *c, const struct parse *p)
{
    (void)p;
    output_text(&c->out,
                "?          lists what may come next at any place, also within a word: show po?\n"
                "Tab        completes a word, names of pools and interfaces too\n"
                "           A word may be abbreviated as long as it is unique: sh ver\n"
                "| include  filters what a show command prints; show pools | ? lists the filters\n"
                "no         before a configuration command takes it back; default restores the default\n"
                "Ctrl-Z     ends configuration, Ctrl-D leaves a mode, Ctrl-C drops the line\n"
                "Ctrl-V ?   types a question mark\n");
    return 0;
}

enum { U = CLI_LEVEL_USER, A = CLI_LEVEL_ADMIN, F = COMMAND_FILTERS };

/* words, level, flags, help, function */
const struct command cli_exec_commands[] = {
    {"configure", A, 0, "Change the configuration", NULL},
    {"configure terminal", A, 0, "From this terminal", run_configure},
    {"copy", A, 0, "Copy a configuration", NULL},
    {"copy running-config", A, 0, "The configuration in force", NULL},
    {"copy running-config startup-config", A, 0, "The configuration of the next start", run_save},
    {"disable", U, 0, "Leave privileged mode", run_disable},
    {"enable", U, 0, "Enter privileged mode", run_enable},
    {"exit", U, 0, "Log out", run_exit},
    {"help", U, 0, "How to use this shell", run_help},
    {"logout", U, 0, "Log out", run_logout},
    {"quit", U, 0, "Log out", run_logout},
    {"show", U, 0, "Show what the registrar knows and does", NULL},
    {"show history", U, F, "Commands of this session", show_history},
    {"show peers", U, F, "The other registrars of the operational scope", show_peers},
    {"show pools", U, F, "Pools of the handlespace", show_pools},
    {"show pools <pool>", U, F, "Pool handle: the pool and its elements", show_pool},
    {"show registrar", U, F, "This registrar: identifier, ports, counts", show_registrar},
    {"show running-config", U, F, "The configuration in force", show_configuration},
    {"show running-config all", U, F, "With the defaults", show_configuration},
    {"show startup-config", U, F, "The configuration of the next start", show_configuration},
    {"show version", U, F, "Software, board, time since the start", show_version},
    {"terminal", U, 0, "Settings of this session", NULL},
    {"terminal length", U, 0, "Lines of a page", NULL},
    {"terminal length <0-512>", U, 0, "Lines of a page; 0: do not stop", run_length},
    {"write", A, 0, "Save the running configuration", run_save},
    {"write memory", A, 0, "As the startup configuration", run_save},
    {0},
};

const struct command cli_config_commands[] = {
    {"default", A, COMMAND_DEFAULT, "Put a setting back to its default", NULL},
    {"do", A, COMMAND_EXEC, "Run a command of EXEC mode", NULL},
    {"end", A, 0, "Leave configuration mode (Ctrl-Z)", run_end},
    {"exit", A, 0, "Leave this mode", run_exit},
    {"help", A, 0, "How to use this shell", run_help},
    {"no", A, COMMAND_NO, "Take a setting back", NULL},
    {0},
};

const struct word_help cli_config_words[] = {
    {"asap", "Towards pool elements and pool users"},
    {"asap keep-alive", "Asking pool elements whether they are alive"},
    {"ip", "Internet Protocol"},
    {"limit", "Most of what is taken"},
    {"ssh", "Secure shell"},
    {0},
};
