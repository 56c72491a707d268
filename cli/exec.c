/* SPDX-License-Identifier: BSD-3-Clause */
/* One line: parsed, run, its errors told as IOS tells them. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

void cli_init(struct cli *c, const char *registrard, const char *configd)
{
    memset(c, 0, sizeof *c);
    c->graph = (struct graph){
        .exec = cli_exec_commands,
        .config = cli_config_commands,
        .filters = filter_commands,
        .words = cli_config_words,
        .settings = config_schema,
        .setting_rows = config_schema_rows,
        .modes = config_modes,
        .mode_rows = config_mode_rows,
    };
    c->registrard = (struct daemon){.name = "registrard", .path = registrard};
    c->configd = (struct daemon){.name = "configd", .path = configd};
    c->answer_fd = -1;
    c->level = CLI_LEVEL_USER;
    c->terminal_length = -1;
    snprintf(c->hostname, sizeof c->hostname, "registrar");
    live_init(c);
}

void cli_free(struct cli *c)
{
    daemon_close(&c->registrard);
    daemon_close(&c->configd);
}

struct standing cli_standing(const struct cli *c)
{
    return (struct standing){.mode = c->mode, .level = c->level};
}

void cli_prompt(const struct cli *c, char *out, size_t capacity)
{
    if (c->mode)
        snprintf(out, capacity, "%s(%s)#", c->hostname, c->mode->prompt);
    else
        snprintf(out, capacity, "%s%c", c->hostname, c->level >= CLI_LEVEL_ADMIN ? '#' : '>');
}

void cli_leave_configuration(struct cli *c)
{
    c->mode = NULL;
    c->path[0] = '\0';
}

void cli_leave_mode(struct cli *c)
{
    if (!c->mode)
        c->leaving = true;
    else if (c->path[0])
        c->mode = graph_root(&c->graph);
    else
        c->mode = NULL;
    c->path[0] = '\0';
}

void cli_refresh_hostname(struct cli *c)
{
    json_t *result = NULL;
    const char *name;

    if (daemon_ask(&c->configd, "system.get", NULL, &result) == 0) {
        name = json_string_value(json_object_get(result, "hostname"));
        if (name && *name &&
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == strlen(name))
            snprintf(c->hostname, sizeof c->hostname, "%.64s", name);
    }
    json_decref(result);
}

void cli_terminal_size(int fd, int *rows, int *columns)
{
    struct winsize w = {0};

    ioctl(fd, TIOCGWINSZ, &w);
    *rows = w.ws_row > 0 ? w.ws_row : 24;
    *columns = w.ws_col > 0 ? w.ws_col : 80;
}

/* --- errors
 * ----------------------------------------------------------------------------------------------------- */

int cli_error(struct cli *c, const char *format, ...)
{
    struct output *o = &c->out;
    char *text = NULL;
    va_list ap;

    va_start(ap, format);
    if (vasprintf(&text, format, ap) < 0)
        text = NULL;
    va_end(ap);
    c->failed = true;
    o->filters.counts = false; /* a number would pass for a result */
    output_close(o);           /* what came before stands before it */
    output_open(o, c->editor ? STDOUT_FILENO : STDERR_FILENO, -1, 0, 0, NULL);
    if (c->line_number)
        output_text(o, "%% line %u: %s\n", c->line_number, text ? text : format);
    else
        output_text(o, "%% %s\n", text ? text : format);
    output_close(o);
    free(text);
    return -1;
}

static size_t columns_of(const char *line, size_t octets)
{
    size_t columns = 0;

    for (size_t i = 0; i < octets; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return columns;
}

/* Somebody who types sees the ^ under the word on the line above; else the line is shown first. */
static int invalid(struct cli *c, const char *line, const struct parse *p)
{
    char prompt[160] = "";
    int rows, width;
    size_t column = columns_of(line, p->at);

    output_open(&c->out, c->editor ? STDOUT_FILENO : STDERR_FILENO, -1, 0, 0, NULL);
    if (c->editor) {
        cli_prompt(c, prompt, sizeof prompt);
        cli_terminal_size(STDOUT_FILENO, &rows, &width);
        column = (column + strlen(prompt)) % (size_t)width;
    } else {
        output_octets(&c->out, line, p->at_end); /* not the rest: it may be a secret */
        output_octets(&c->out, "\n", 1);
    }
    output_text(&c->out, "%*s^\n", (int)column, "");
    return cli_error(c, "%s", parse_error_text(PARSE_INVALID) + 2);
}

static int refuse(struct cli *c, const char *line, const struct parse *p)
{
    if (p->result == PARSE_INVALID)
        return invalid(c, line, p);
    if (p->result == PARSE_AMBIGUOUS)
        return cli_error(c, "%s:  \"%.*s\"", parse_error_text(p->result) + 2, (int)p->at_end, line);
    return cli_error(c, "%s", parse_error_text(p->result) + 2);
}

/* --- running
 * ---------------------------------------------------------------------------------------------------- */

static void open_output(struct cli *c, const struct filters *f)
{
    int rows = 0, columns = 0, key_fd = c->editor ? STDIN_FILENO : -1;

    if (c->editor)
        cli_terminal_size(STDOUT_FILENO, &rows, &columns);
    output_open(&c->out, STDOUT_FILENO, key_fd, c->terminal_length >= 0 ? c->terminal_length : rows, columns,
                f);
}

static int run(struct cli *c, const struct parse *p)
{
    struct filters f;
    char message[160];
    int rc;

    if (filters_of(&f, p, message, sizeof message) != 0) {
        filters_free(&f);
        return cli_error(c, "%s", message);
    }
    open_output(c, &f);
    if (p->command && p->command->run)
        rc = p->command->run(c, p);
    else
        rc = configure_run(c, p);
    output_close(&c->out);
    return rc;
}

int cli_execute(struct cli *c, const char *line, size_t length)
{
    struct standing s = cli_standing(c);
    struct parse p;
    int rc;

    output_clear_interrupt();
    parse_line(&c->graph, &s, line, length, &p);
    if (p.result == PARSE_EMPTY)
        return 0;
    rc = p.result == PARSE_OK ? run(c, &p) : refuse(c, line, &p);
    explicit_bzero(p.text, p.text_used); /* may hold a password */
    if (output_interrupted()) {
        output_clear_interrupt();
        output_open(&c->out, STDOUT_FILENO, -1, 0, 0, NULL);
        output_text(&c->out, "\n%% Interrupted.\n");
        output_close(&c->out);
    }
    return rc;
}

/* --- commands from a pipe
 * --------------------------------------------------------------------------------------- */

struct batch {
    char line[PARSE_LINE_MAX + 1];
    size_t length;
    bool overlong;
};

static void batch_line(struct cli *c, struct batch *b)
{
    c->line_number++;
    if (b->overlong)
        cli_error(c, "%s", parse_error_text(PARSE_TOO_LONG) + 2);
    else
        cli_execute(c, b->line, b->length);
    b->length = 0;
    b->overlong = false;
}

static void batch_octet(struct cli *c, struct batch *b, char octet)
{
    if (octet == '\n')
        batch_line(c, b);
    else if (b->length < PARSE_LINE_MAX)
        b->line[b->length++] = octet;
    else
        b->overlong = true;
}

int batch_text(struct cli *c, const char *text)
{
    const char *line = text, *end;

    while ((end = strchr(line, '\n')) && !c->leaving) {
        c->line_number++;
        cli_execute(c, line, (size_t)(end - line));
        line = end + 1;
    }
    c->line_number += c->line_number > 0; /* a command alone needs no number */
    if (!c->leaving)
        cli_execute(c, line, strlen(line));
    return c->failed ? 1 : 0;
}

int batch_run(struct cli *c, int fd)
{
    struct batch b = {0};
    char buffer[4096];
    ssize_t n;

    while (!c->leaving && (n = read(fd, buffer, sizeof buffer)) > 0)
        for (ssize_t i = 0; i < n && !c->leaving; i++)
            batch_octet(c, &b, buffer[i]);
    if (!c->leaving && (b.length > 0 || b.overlong))
        batch_line(c, &b);
    explicit_bzero(&b, sizeof b);
    return c->failed ? 1 : 0;
}
