/* SPDX-License-Identifier: BSD-3-Clause */
/* | include, exclude, begin, section, count: line by line, in the order in which they were typed. */
#ifndef CLI_FILTERS_H
#define CLI_FILTERS_H

#include "cli/parse.h"

struct pattern;

enum filter_kind { FILTER_INCLUDE, FILTER_EXCLUDE, FILTER_BEGIN, FILTER_SECTION, FILTER_COUNT };

struct filters {
    struct {
        enum filter_kind kind;
        struct pattern *pattern; /* NULL: every line */
        bool open;               /* begin: has begun; section: in one */
    } item[PARSE_FILTERS_MAX];
    size_t n;
    size_t counted; /* lines that reached `count` */
    bool counts;    /* nothing is shown but their number */
    bool json;
    bool no_more;
};

/* The rows of the graph behind a |. */
extern const struct command filter_commands[];

/* 0, or -1 and a message: what is wrong with which expression. Free by filters_free in both cases. */
int filters_of(struct filters *f, const struct parse *p, char *message, size_t capacity);
void filters_free(struct filters *f);
/* Shall this line (without its newline) be shown? */
bool filters_pass(struct filters *f, const char *line, size_t length);

#endif
