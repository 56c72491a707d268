/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command graph: what may come next at any place of a command line. Nothing is built at start-up: the
 * tables (EXEC commands, filters, and the rows of config/schema.c) are the graph, and a place in it is a few
 * words long. Parser, completion and help all ask the same two questions, graph_choices and graph_end, so
 * they can't disagree.
 */
#ifndef CLI_GRAPH_H
#define CLI_GRAPH_H

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct parse;

enum command_flag {
    COMMAND_FILTERS = 1 << 0, /* its output goes through | filters */
    COMMAND_NO = 1 << 1,      /* the rest of the line is a setting to take back */
    COMMAND_DEFAULT = 1 << 2, /* ... or to put back to its default */
    COMMAND_EXEC = 1 << 3,    /* the rest of the line is an EXEC command */
};

/*
 * A row is a path through the graph and describes its last word; a row without `run` only gives that word's
 * help. Words in <> are values: <pool>, <word>, <line> (the rest of the command), <MIN-MAX>.
 */
struct command {
    const char *words; /* "show pools <pool>" */
    uint8_t level;     /* seen from this privilege level on */
    uint8_t flags;
    const char *help;
    int (*run)(struct cli *c, const struct parse *p); /* 0, or -1 when a message has been written */
};

/* Help of words that no row of the schema ends with: "ip" of "ip address". */
struct word_help {
    const char *words;
    const char *help;
};

struct graph {
    const struct command *exec;    /* ended by {0} */
    const struct command *config;  /* what every configuration mode has: exit, no ...; ended by {0} */
    const struct command *filters; /* ended by {0} */
    const struct word_help *words; /* ended by {0} */
    const struct setting *settings;
    size_t setting_rows;
    const struct config_mode *modes;
    size_t mode_rows;
};

enum word_kind {
    WORD_KEYWORD, /* may be abbreviated */
    WORD_CHOICE,  /* a value out of a few, may be abbreviated */
    WORD_TEXT,
    WORD_LINE, /* the rest of the command */
    WORD_NUMBER,
    WORD_ADDRESS,
    WORD_PREFIX,
    WORD_HOSTNAME,
    WORD_POOL, /* a pool handle */
    WORD_KEY,  /* key of an entry: an interface, a user */
};

enum graph_space { SPACE_EXEC, SPACE_CONFIG, SPACE_FILTERS };
enum graph_form { FORM_SET, FORM_NO, FORM_DEFAULT };

/* A place in the graph: plain data, copied freely, points into the tables only. */
struct place {
    enum graph_space space;
    enum graph_form form;
    uint8_t level;
    bool entry;                     /* after "interface eth1": only the settings of that entry */
    bool complete;                  /* a command could end here whatever `words` says */
    bool final;                     /* nothing can follow */
    const struct config_mode *mode; /* whose commands are meant */
    const char *words;              /* the first `used` octets were walked */
    size_t used;
    const struct command *before; /* SPACE_FILTERS: the command whose output is filtered */
};

struct choice {
    enum word_kind kind;
    const char *word; /* keyword or choice: `length` octets, no NUL */
    size_t length;
    const char *help; /* never NULL */
    uint32_t min, max;
    const struct setting *setting;  /* whose value this is */
    const struct config_mode *mode; /* whose key this is */
    struct place next;
};

enum { GRAPH_CHOICES_MAX = 512 };

struct graph_ending {
    const struct command *command; /* NULL for a setting or a mode */
    const struct setting *setting; /* one that ends without a value: a boolean, a `no` form */
    const struct config_mode *mode;
};

/* Where a line begins: in EXEC mode (mode NULL) or in a configuration mode, as seen from a privilege level.
 */
struct place graph_start(const struct config_mode *mode, uint8_t level);
/* What can come next; returns the number, at most max. */
size_t graph_choices(const struct graph *g, const struct place *p, struct choice *out, size_t max);
/* True when a command may end here; *ending (may be NULL) says which. */
bool graph_end(const struct graph *g, const struct place *p, struct graph_ending *ending);

/* Does a word (NUL-terminated, unquoted) fit a choice that is a value? */
bool graph_value_fits(const struct choice *c, const char *word);

/* The mode around a mode, by path; NULL for the root. The root has path "". */
const struct config_mode *graph_parent(const struct graph *g, const struct config_mode *mode);
const struct config_mode *graph_root(const struct graph *g);

#endif
