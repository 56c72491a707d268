/* SPDX-License-Identifier: BSD-3-Clause */
/* From a line of octets to a command: words with quotes, unique abbreviations, and the place of what is
 * wrong. */
#ifndef CLI_PARSE_H
#define CLI_PARSE_H

#include "cli/graph.h"

enum {
    PARSE_LINE_MAX = 4096, /* octets of a line */
    PARSE_VALUES_MAX = 4,
    PARSE_SETTINGS_MAX = 8,
    PARSE_FILTERS_MAX = 8,
};

enum parse_result {
    PARSE_OK,
    PARSE_EMPTY,      /* nothing but blanks or a ! comment */
    PARSE_AMBIGUOUS,  /* an abbreviation of several words */
    PARSE_INCOMPLETE, /* right so far */
    PARSE_INVALID,    /* the word at `at` fits nothing */
    PARSE_TOO_LONG,
};

struct word {
    size_t start, end; /* octets of the line */
    const char *text;  /* without quotes; NUL-terminated */
    bool quoted;
    bool open; /* a quote without its end */
};

struct parse {
    enum parse_result result;
    size_t at, at_end; /* the word that is wrong, octets of the line */
    enum graph_form form;
    const struct command *command;   /* what to run; NULL for configuration rows */
    const struct config_mode *scope; /* the mode whose command this is */
    const struct config_mode *entered;
    const char *key; /* of the entered mode, when it has one */
    struct {
        const struct setting *setting;
        const char *value; /* NULL: none given */
        size_t at;         /* where the value, or the line, ends: history leaves secrets out */
    } settings[PARSE_SETTINGS_MAX];
    size_t setting_count;
    const char *values[PARSE_VALUES_MAX];
    size_t value_count;
    struct {
        const char *name; /* the filter's first word, as in its table */
        size_t name_length;
        const char *pattern; /* NULL: none */
    } filters[PARSE_FILTERS_MAX];
    size_t filter_count;
    char text[4 * PARSE_LINE_MAX]; /* words without quotes; what the pointers above point to */
    size_t text_used;
};

/* Where a shell stands: in EXEC mode (mode NULL) or in a configuration mode, with a privilege level. */
struct standing {
    const struct config_mode *mode;
    uint8_t level;
};

/* Reads one line. In a sub-mode, a command of a mode around it is found as well, as on IOS. Any octets are
 * allowed. */
void parse_line(const struct graph *g, const struct standing *s, const char *line, size_t length,
                struct parse *out);

/* The words before the one that ends at the end of the line (completion, help). The walk ends at *place;
 * *last is that word (empty after a blank). PARSE_OK, PARSE_AMBIGUOUS or PARSE_INVALID. */
enum parse_result parse_until_last(const struct graph *g, const struct standing *s, const char *line,
                                   size_t length, struct place *place, struct word *last,
                                   struct parse *scratch);

/* Could the word, as far as it is typed, become this choice? Always true for values. */
bool parse_word_begins(const struct choice *c, const struct word *w);

/* The text of the three errors, as IOS words them: "% Incomplete command." */
const char *parse_error_text(enum parse_result r);

#endif
