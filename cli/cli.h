/* SPDX-License-Identifier: BSD-3-Clause */
/* The shell's own state, and what its parts offer each other. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/complete.h"
#include "cli/output.h"
#include "config/config.h"
#include "control/control.h"

enum { CLI_LEVEL_USER = 1, CLI_LEVEL_ADMIN = 15 };

/* One daemon that answers questions. */
struct daemon {
    const char *name;
    const char *path;
    struct control_client *client; /* NULL until the first call, and after a failure */
};

struct editor;

struct cli {
    struct graph graph;
    struct daemon registrard, configd;
    struct live_names live;
    struct output out;
    struct editor *editor; /* NULL when nobody types: -c, commands from a pipe */
    int answer_fd;         /* a terminal to ask questions on, or -1 */

    uint8_t level;                  /* CLI_LEVEL_ADMIN after enable */
    const struct config_mode *mode; /* NULL outside configuration mode */
    char path[CONFIG_PATH_MAX];     /* of the entry or branch: "interfaces.eth1" */
    char hostname[80];
    int terminal_length; /* -1: as the terminal says */

    unsigned line_number; /* of commands from a pipe; 0 otherwise */
    bool failed;          /* a command failed */
    bool leaving;
};

void cli_init(struct cli *c, const char *registrard, const char *configd);
void cli_free(struct cli *c);

/* Runs one line: what it prints goes to stdout, errors too when somebody types, else to stderr. 0, or -1. */
int cli_execute(struct cli *c, const char *line, size_t length);
/* "% text": the way to tell that a command failed. Returns -1. */
int cli_error(struct cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct standing cli_standing(const struct cli *c);
/* "registrar#", "registrar(config-if)#" */
void cli_prompt(const struct cli *c, char *out, size_t capacity);
/* Ctrl-Z, Ctrl-C: back from configuration mode to EXEC mode. */
void cli_leave_configuration(struct cli *c);
/* Ctrl-D, exit: one mode up; from EXEC mode out of the shell. */
void cli_leave_mode(struct cli *c);
/* Asks configd for the host name that the prompt shows; quiet when it does not answer. */
void cli_refresh_hostname(struct cli *c);
/* Rows and columns of the terminal, 24 by 80 where it does not say. */
void cli_terminal_size(int fd, int *rows, int *columns);

/* One call. Steals params. 0 and *result (a new reference), or -1 after a message that says which daemon,
 * what is wrong and what to do. */
int daemon_call(struct cli *c, struct daemon *d, const char *method, json_t *params, json_t **result);
/* The same without a message: a code of base/error.h. */
int daemon_ask(struct daemon *d, const char *method, json_t *params, json_t **result);
void daemon_close(struct daemon *d);

/* Names for Tab. */
void live_init(struct cli *c);

/* Reads a secret without echo, twice when `confirm`; false when there is nobody to ask, at Ctrl-C and when
 * the two differ (a message says so). The caller clears the buffer. */
bool secret_ask(struct cli *c, const char *what, bool confirm, char *out, size_t capacity);

/* Carries out the settings of a parsed configuration line. */
int configure_run(struct cli *c, const struct parse *p);

/* Interactive, until the end. */
int editor_run(struct cli *c);
void editor_history(struct editor *e, void (*each)(void *context, const char *line), void *context);
/* Commands from a text or a file, one a line. The exit status: 1 when one failed. */
int batch_text(struct cli *c, const char *text);
int batch_run(struct cli *c, int fd);

/* The serial console: banner, first operator, then the system's login program. */
int console_run(struct cli *c, const char *banner_file, const char *login_program);

/* The tables of the product. */
extern const struct command cli_exec_commands[];
extern const struct command cli_config_commands[];
extern const struct word_help cli_config_words[];

int show_version(struct cli *c, const struct parse *p);
int show_pools(struct cli *c, const struct parse *p);
int show_pool(struct cli *c, const struct parse *p);
int show_registrar(struct cli *c, const struct parse *p);
int show_peers(struct cli *c, const struct parse *p);
int show_configuration(struct cli *c, const struct parse *p);
int show_history(struct cli *c, const struct parse *p);

#endif
