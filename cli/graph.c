/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/graph.h"

#include "base/address.h"

#include <stdlib.h>
#include <string.h>

/* One row of whatever table a place looks at. */
struct row {
    const char *words;
    const char *help;
    const struct command *command;
    const struct setting *setting;
    const struct config_mode *mode;
};

/* --- modes
 * ------------------------------------------------------------------------------------------------------ */

/* Is `path` below `prefix`, at the border of a part? */
static bool is_below(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);
    return n == 0 ? *path != '\0' : strncmp(path, prefix, n) == 0 && path[n] == '.';
}

static const struct config_mode *nearest_mode(const struct graph *g, const char *path)
{
    const struct config_mode *best = NULL;

    for (size_t i = 0; i < g->mode_rows; i++) {
        const struct config_mode *m = &g->modes[i];
        if (is_below(path, m->path) && (!best || strlen(m->path) > strlen(best->path)))
            best = m;
    }
    return best;
}

const struct config_mode *graph_parent(const struct graph *g, const struct config_mode *mode)
{
    return nearest_mode(g, mode->path);
}

const struct config_mode *graph_root(const struct graph *g)
{
    for (size_t i = 0; i < g->mode_rows; i++)
        if (g->modes[i].path[0] == '\0')
            return &g->modes[i];
    return NULL;
}

/* --- rows
 * ------------------------------------------------------------------------------------------------------- */

static struct row command_row(const struct command *c)
{
    return (struct row){.words = c->words, .help = c->help, .command = c};
}

static const struct command *commands_of(const struct graph *g, const struct place *p)
{
    static const struct command none[] = {{0}};

    switch (p->space) {
    case SPACE_EXEC:
        return g->exec;
    case SPACE_FILTERS:
        return g->filters;
    default:
        return p->entry || p->form != FORM_SET ? none : g->config;
    }
}

struct row_cursor {
    const struct command *command;
    size_t mode, setting;
};

/* The next row of the tables that a place looks at; rows without words (of a higher level, of another mode)
 * are left out. */
static bool next_row(const struct graph *g, const struct place *p, struct row_cursor *at, struct row *out)
{
    while (at->command->words) {
        *out = command_row(at->command++);
        if (out->command->level <= p->level)
            return true;
    }
    if (p->space != SPACE_CONFIG)
        return false;
    while (!p->entry && at->mode < g->mode_rows) {
        const struct config_mode *m = &g->modes[at->mode++];
        *out = (struct row){.words = m->command, .help = m->help, .mode = m};
        if (m->command && *m->command && graph_parent(g, m) == p->mode)
            return true;
    }
    while (at->setting < g->setting_rows) {
        const struct setting *s = &g->settings[at->setting++];
        *out = (struct row){.words = s->command, .help = s->help, .setting = s};
        if (s->command && nearest_mode(g, s->path) == p->mode)
            return true;
    }
    return false;
}

static struct row_cursor first_row(const struct graph *g, const struct place *p)
{
    return (struct row_cursor){.command = commands_of(g, p)};
}

static bool row_has_prefix(const struct row *r, const struct place *p)
{
    return p->used == 0 || (strncmp(r->words, p->words, p->used) == 0 &&
                            (r->words[p->used] == '\0' || r->words[p->used] == ' '));
}

static const char *word_help(const struct graph *g, const char *words, size_t used)
{
    for (const struct word_help *w = g->words; w && w->words; w++)
        if (strlen(w->words) == used && strncmp(w->words, words, used) == 0)
            return w->help;
    return "";
}

/* --- choices
 * ---------------------------------------------------------------------------------------------------- */

struct choices {
    struct choice *out;
    size_t n, max;
};

static struct choice *add(struct choices *c, const struct choice *choice)
{
    if (c->n == c->max)
        return NULL;
    c->out[c->n] = *choice;
    return &c->out[c->n++];
}

static struct place place_after_words(const struct place *p, const struct row *r, size_t used)
{
    struct place next = *p;

    next.words = r->words;
    next.used = used;
    next.complete = false;
    return next;
}

static struct place place_final(const struct place *p)
{
    struct place next = *p;

    next.complete = next.final = true;
    return next;
}

/* The settings of an entry or a branch, on the line that names it. */
static struct place place_in_entry(const struct place *p, const struct config_mode *mode)
{
    return (struct place){.space = SPACE_CONFIG,
                          .form = p->form,
                          .level = p->level,
                          .entry = true,
                          .complete = true,
                          .mode = mode};
}

/* "no", "default" and "do" put the rest of the line into another part of the graph. */
static struct place place_after_switch(const struct place *p, const struct command *c)
{
    struct place next = {.space = SPACE_CONFIG, .level = p->level, .mode = p->mode};

    if (c->flags & COMMAND_EXEC)
        next.space = SPACE_EXEC;
    else
        next.form = c->flags & COMMAND_NO ? FORM_NO : FORM_DEFAULT;
    return next;
}

/* <pool>, <word>, <line>, <0-512> */
static void describe_value(const char *word, struct choice *c)
{
    char *end;

    if (strncmp(word, "<pool>", 6) == 0)
        c->kind = WORD_POOL;
    else if (strncmp(word, "<line>", 6) == 0)
        c->kind = WORD_LINE;
    else if (word[1] >= '0' && word[1] <= '9') {
        c->kind = WORD_NUMBER;
        c->min = (uint32_t)strtoul(word + 1, &end, 10);
        c->max = *end == '-' ? (uint32_t)strtoul(end + 1, NULL, 10) : c->min;
    } else
        c->kind = WORD_TEXT;
}

static struct choice *find_word(const struct choices *c, const char *word, size_t length)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->out[i].word && c->out[i].length == length && strncmp(c->out[i].word, word, length) == 0)
            return &c->out[i];
    return NULL;
}

/* The word of a row behind the place's prefix. */
static void add_next_word(const struct graph *g, const struct place *p, const struct row *r,
                          struct choices *c)
{
    const char *word = r->words + p->used + (p->used > 0);
    size_t length = strcspn(word, " ");
    bool last = word[length] == '\0';
    struct choice *known = find_word(c, word, length);
    struct choice choice = {.kind = WORD_KEYWORD, .word = word, .length = length};

    if (known) {
        if (last)
            known->help = r->help;
        return;
    }
    choice.next = place_after_words(p, r, (size_t)(word + length - r->words));
    choice.help = last ? r->help : word_help(g, r->words, choice.next.used);
    if (last && r->command && r->command->flags & (COMMAND_NO | COMMAND_DEFAULT | COMMAND_EXEC))
        choice.next = place_after_switch(p, r->command);
    if (*word == '<')
        describe_value(word, &choice);
    add(c, &choice);
}

static enum word_kind kind_of_setting(enum setting_type type, bool in_entry)
{
    switch (type) {
    case SETTING_STRING:
        return in_entry ? WORD_TEXT : WORD_LINE;
    case SETTING_ROUTE:
    case SETTING_SSH_KEY:
        return WORD_LINE;
    case SETTING_UNSIGNED:
        return WORD_NUMBER;
    case SETTING_ADDRESS:
    case SETTING_MULTICAST:
        return WORD_ADDRESS;
    case SETTING_PREFIX:
        return WORD_PREFIX;
    case SETTING_HOSTNAME:
        return WORD_HOSTNAME;
    case SETTING_CHOICE:
        return WORD_CHOICE;
    default:
        return WORD_TEXT;
    }
}

/* The value behind the words of a setting. Inside an entry's line the next setting can follow it. */
static void add_value(const struct place *p, const struct setting *s, struct choices *c)
{
    struct choice choice = {.kind = kind_of_setting(s->type, p->entry),
                            .help = s->help,
                            .min = s->min,
                            .max = s->max,
                            .setting = s};

    if (s->type == SETTING_BOOLEAN)
        return;
    choice.next = p->entry && p->form == FORM_SET ? place_in_entry(p, p->mode) : place_final(p);
    if (choice.kind != WORD_CHOICE) {
        add(c, &choice);
        return;
    }
    for (const char *const *word = s->choices; word && *word; word++) {
        choice.word = *word;
        choice.length = strlen(*word);
        add(c, &choice);
    }
}

static void add_settings_of_branch(const struct graph *g, const struct place *p, const struct config_mode *m,
                                   struct choices *c)
{
    struct place in_branch = place_in_entry(p, m);
    c->n += graph_choices(g, &in_branch, c->out + c->n, c->max - c->n);
}

static bool runnable(const struct place *p, const struct command *c)
{
    return c->run || (p->space == SPACE_FILTERS && c->flags & COMMAND_FILTERS);
}

/* What follows the words of a row once they are all there. */
static void add_after_row(const struct graph *g, const struct place *p, const struct row *r,
                          struct choices *c)
{
    if (r->setting) {
        add_value(p, r->setting, c);
    } else if (r->mode && r->mode->key_help) {
        struct choice key = {
            .kind = WORD_KEY, .help = r->mode->key_help, .mode = r->mode, .next = place_in_entry(p, r->mode)};
        add(c, &key);
    } else if (r->mode) {
        add_settings_of_branch(g, p, r->mode, c);
    } else if (runnable(p, r->command) && r->command->flags & COMMAND_FILTERS) {
        struct choice pipe = {.kind = WORD_KEYWORD, .word = "|", .length = 1, .help = "Filter the output"};
        pipe.next = (struct place){.space = SPACE_FILTERS, .level = p->level, .before = r->command};
        if (p->space == SPACE_FILTERS)
            pipe.next.before = p->before;
        add(c, &pipe);
    }
}

size_t graph_choices(const struct graph *g, const struct place *p, struct choice *out, size_t max)
{
    struct choices c = {.out = out, .max = max};
    struct row_cursor at = first_row(g, p);
    struct row r;

    if (p->final)
        return 0;
    while (next_row(g, p, &at, &r)) {
        if (!row_has_prefix(&r, p))
            continue;
        if (p->used > 0 && r.words[p->used] == '\0')
            add_after_row(g, p, &r, &c);
        else
            add_next_word(g, p, &r, &c);
    }
    return c.n;
}

/* --- endings
 * ---------------------------------------------------------------------------------------------------- */

static bool row_can_end(const struct place *p, const struct row *r)
{
    if (r->setting)
        return r->setting->type == SETTING_BOOLEAN || p->form != FORM_SET ||
               r->setting->flags & SETTING_SECRET;
    return r->mode ? !r->mode->key_help : runnable(p, r->command);
}

bool graph_end(const struct graph *g, const struct place *p, struct graph_ending *ending)
{
    struct row_cursor at = first_row(g, p);
    struct row r;

    if (ending)
        *ending = (struct graph_ending){0};
    if (p->complete)
        return true;
    while (p->used > 0 && next_row(g, p, &at, &r)) {
        if (!row_has_prefix(&r, p) || r.words[p->used] != '\0' || !row_can_end(p, &r))
            continue;
        if (ending)
            *ending = (struct graph_ending){.command = r.command, .setting = r.setting, .mode = r.mode};
        return true;
    }
    return false;
}

/* --- values
 * ----------------------------------------------------------------------------------------------------- */

static bool is_number(const char *word, uint32_t min, uint32_t max)
{
    char *end;
    int base = word[0] == '0' && (word[1] == 'x' || word[1] == 'X') ? 16 : 10;
    unsigned long long n;

    if (word[0] < '0' || word[0] > '9' || strlen(word) > 12)
        return false;
    n = strtoull(word, &end, base);
    return *end == '\0' && n >= min && n <= max;
}

static bool is_address(const char *word)
{
    struct address a;
    return address_parse(word, &a);
}

/* "10.1.0.1/24", or the address of "10.1.0.1 255.255.255.0" */
static bool is_prefix(const char *word)
{
    char text[ADDRESS_TEXT_MAX];
    const char *slash = strchr(word, '/');
    struct address a;

    if (!slash)
        return address_parse(word, &a) && a.family == 4;
    if ((size_t)(slash - word) >= sizeof text)
        return false;
    memcpy(text, word, (size_t)(slash - word));
    text[slash - word] = '\0';
    return address_parse(text, &a) && is_number(slash + 1, 0, a.family == 4 ? 32 : 128);
}

static bool is_hostname(const char *word)
{
    size_t n = strlen(word);
    return n > 0 && n < 254 &&
           strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") == n;
}

bool graph_value_fits(const struct choice *c, const char *word)
{
    switch (c->kind) {
    case WORD_KEYWORD:
    case WORD_CHOICE:
        return false;
    case WORD_NUMBER:
        return is_number(word, c->min, c->max);
    case WORD_ADDRESS:
        return is_address(word);
    case WORD_PREFIX:
        return is_prefix(word);
    case WORD_HOSTNAME:
        return is_hostname(word);
    case WORD_KEY:
        return *word != '\0';
    default:
        return true;
    }
}

struct place graph_start(const struct config_mode *mode, uint8_t level)
{
    return (struct place){.space = mode ? SPACE_CONFIG : SPACE_EXEC, .level = level, .mode = mode};
}
