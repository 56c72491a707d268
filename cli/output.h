/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one way out of a command: text or JSON, through the line's filters, page by page on a terminal. What
 * comes from the network cannot steer the terminal: control characters are written as \xNN.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli/filters.h"

#include <jansson.h>

enum { OUTPUT_LINE_MAX = 16384 }; /* a longer line is broken */

struct output {
    int fd;
    int key_fd;   /* keys for the pager; -1: no paging */
    int length;   /* lines of a page; 0: no paging */
    int width;    /* columns of the terminal; 0: lines do not wrap */
    bool stopped; /* q, Ctrl-C or a reader that went away: what follows is dropped */
    struct filters filters;
    size_t line_length, buffered;
    int rows; /* shown since the last stop */
    bool first_item;
    char line[OUTPUT_LINE_MAX];
    char buffer[65536];
};

/* For one command. filters may be NULL; it is taken over. Ends with output_close, which also prints the
 * count. */
void output_open(struct output *o, int fd, int key_fd, int length, int width, const struct filters *filters);
void output_close(struct output *o);

/* JSON was asked for: the renderer hands over the data instead of text. */
bool output_wants_json(const struct output *o);
/* True when the rest need not be made. */
bool output_stopped(const struct output *o);

void output_text(struct output *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output_octets(struct output *o, const char *text, size_t length);
/* Shows a question at once, though its line has no end yet. */
void output_flush(struct output *o);
/* A whole value, indented. */
void output_json(struct output *o, const json_t *value);
/* {"NAME": [ one item a line ]}: for lists too long to hold. */
void output_array_begin(struct output *o, const char *name);
/* {"KEY": value, "NAME": [ ... */
void output_array_after(struct output *o, const char *key, const json_t *value, const char *name);
void output_array_item(struct output *o, const json_t *item);
void output_array_end(struct output *o);

/* Ctrl-C while a command runs: set by a signal handler, seen by output_stopped. */
void output_interrupt(int signal);
bool output_interrupted(void);
void output_clear_interrupt(void);

#endif
