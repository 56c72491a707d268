/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/parse.h"

#include <string.h>
#include <strings.h>

/* --- words
 * ------------------------------------------------------------------------------------------------------ */

struct lexer {
    const char *line;
    size_t length, at;
    struct parse *out; /* owns the words' texts */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct lexer *x)
{
    while (x->at < x->length && is_blank(x->line[x->at]))
        x->at++;
}

static void put(struct parse *out, char c)
{
    if (out->text_used < sizeof out->text - 1)
        out->text[out->text_used++] = c;
}

static const char *finish_text(struct parse *out, size_t start)
{
    out->text[out->text_used++] = '\0';
    if (out->text_used >= sizeof out->text)
        out->text_used = sizeof out->text - 1;
    return out->text + start;
}

/* One octet of a word, or none at its end. In quotes, \" and \\ stand for the second of the two. */
static bool lex_octet(struct lexer *x, struct word *w)
{
    char c = x->line[x->at];

    if (!w->open && is_blank(c))
        return false;
    x->at++;
    if (c == '"') {
        w->open = !w->open;
        w->quoted = true;
        return true;
    }
    if (w->open && c == '\\' && x->at < x->length && (x->line[x->at] == '"' || x->line[x->at] == '\\'))
        c = x->line[x->at++];
    put(x->out, c);
    return true;
}

/* The next word; false at the end of the line. A | at the start of a word is a word. */
static bool next_word(struct lexer *x, struct word *w)
{
    size_t text = x->out->text_used;

    skip_blanks(x);
    *w = (struct word){.start = x->at, .end = x->at, .text = ""};
    if (x->at == x->length)
        return false;
    if (x->line[x->at] == '|') {
        put(x->out, '|');
        x->at++;
    } else {
        while (x->at < x->length && lex_octet(x, w))
            ;
    }
    w->end = x->at;
    w->text = finish_text(x->out, text);
    return true;
}

/* The rest of the command, from a word on. In configuration mode this is the rest of the line as it was
 * typed, quotes and all, as on IOS. Elsewhere it ends before the next | that stands at the start of a word,
 * and one quoted word alone stands for its content. */
static void extend_to_line(struct lexer *x, bool until_pipe, struct word *w)
{
    size_t end = w->end, text = x->out->text_used;
    struct word next;

    for (size_t at = end; next_word(x, &next); at = x->at) {
        if (until_pipe && x->line[next.start] == '|') {
            x->at = at;
            break;
        }
        end = next.end;
    }
    x->out->text_used = text;
    if (until_pipe && end == w->end)
        return;
    for (size_t i = w->start; i < end; i++)
        put(x->out, x->line[i]);
    w->end = end;
    w->quoted = w->open = false;
    w->text = finish_text(x->out, text);
}

/* --- the walk
 * --------------------------------------------------------------------------------------------------- */

static bool is_keyword(const struct choice *c)
{
    return c->kind == WORD_KEYWORD || c->kind == WORD_CHOICE;
}

/* Which choice does a word mean? Exact keyword, unique abbreviation, value: in this order. */
static enum parse_result choose(const struct choice *choices, size_t n, const struct word *w,
                                const struct choice **out)
{
    size_t length = strlen(w->text), found = 0;
    const struct choice *value = NULL, *keyword = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct choice *c = &choices[i];
        if (!is_keyword(c)) {
            if (!value && graph_value_fits(c, w->text))
                value = c;
        } else if (!w->quoted && length > 0 && length <= c->length &&
                   strncasecmp(c->word, w->text, length) == 0) {
            *out = c;
            if (length == c->length)
                return PARSE_OK;
            keyword = c;
            found++;
        }
    }
    *out = found == 1 || !value ? keyword : value;
    return *out == NULL ? PARSE_INVALID : found > 1 && *out == keyword ? PARSE_AMBIGUOUS : PARSE_OK;
}

static bool note_setting(struct parse *out, const struct setting *s, const char *value, size_t at)
{
    if (out->setting_count == PARSE_SETTINGS_MAX)
        return false;
    out->settings[out->setting_count].setting = s;
    out->settings[out->setting_count].value = value;
    out->settings[out->setting_count++].at = at;
    return true;
}

static const char *canonical(struct parse *out, const struct choice *c)
{
    size_t start = out->text_used;

    for (size_t i = 0; i < c->length; i++)
        put(out, c->word[i]);
    return finish_text(out, start);
}

static bool note_filter(struct parse *out, const struct choice *c)
{
    if (out->filter_count == PARSE_FILTERS_MAX)
        return false;
    out->filters[out->filter_count].name = c->word;
    out->filters[out->filter_count].name_length = c->length;
    out->filters[out->filter_count++].pattern = NULL;
    return true;
}

/* Keeps what a chosen word means for the command; false when a line holds too much of it. */
static bool note(struct parse *out, const struct place *from, const struct choice *c, const struct word *w)
{
    if (c->setting)
        return note_setting(out, c->setting, c->kind == WORD_CHOICE ? canonical(out, c) : w->text, w->start);
    if (c->mode) {
        out->entered = c->mode;
        out->key = w->text;
        return true;
    }
    if (c->next.form != FORM_SET)
        out->form = c->next.form;
    if (c->next.entry && !from->entry)
        out->entered = c->next.mode;
    if (from->space == SPACE_FILTERS && from->used == 0)
        return note_filter(out, c);
    if (from->space == SPACE_FILTERS && c->kind != WORD_KEYWORD) {
        out->filters[out->filter_count - 1].pattern = w->text;
        return true;
    }
    if (c->kind == WORD_KEYWORD)
        return true;
    if (out->value_count == PARSE_VALUES_MAX)
        return false;
    out->values[out->value_count++] = w->text;
    return true;
}

/* One word further. */
static enum parse_result step(const struct graph *g, struct lexer *x, struct place *p, struct word *w)
{
    struct choice choices[GRAPH_CHOICES_MAX];
    const struct choice *c = NULL;
    size_t n = graph_choices(g, p, choices, GRAPH_CHOICES_MAX);
    enum parse_result r =
        memchr(x->line + w->start, '\0', w->end - w->start) ? PARSE_INVALID : choose(choices, n, w, &c);

    if (r != PARSE_OK)
        return r;
    if (c->kind == WORD_LINE || (c->kind == WORD_PREFIX && !strchr(w->text, '/')))
        extend_to_line(x, p->space != SPACE_CONFIG, w);
    else if (w->open && !is_keyword(c))
        return PARSE_INVALID;
    if (!note(x->out, p, c, w))
        return PARSE_INVALID;
    *p = c->next;
    return PARSE_OK;
}

static void finish(const struct graph *g, const struct place *p, struct parse *out, size_t length)
{
    struct graph_ending ending;

    if (!graph_end(g, p, &ending)) {
        out->result = PARSE_INCOMPLETE;
        return;
    }
    out->result = PARSE_OK;
    out->command = p->space == SPACE_FILTERS ? p->before : ending.command;
    if (ending.mode)
        out->entered = ending.mode;
    if (ending.setting && !note_setting(out, ending.setting, NULL, length)) {
        out->result = PARSE_INVALID;
        out->at = out->at_end = length;
    }
}

static void parse_in_mode(const struct graph *g, const struct config_mode *mode, uint8_t level,
                          const char *line, size_t length, struct parse *out)
{
    struct lexer x = {.line = line, .length = length, .out = out};
    struct place p = graph_start(mode, level);
    struct word w;

    memset(out, 0, offsetof(struct parse, text));
    out->text_used = 0;
    out->scope = mode;
    while (next_word(&x, &w)) {
        out->result = step(g, &x, &p, &w);
        if (out->result != PARSE_OK) {
            out->at = w.start;
            out->at_end = w.end;
            return;
        }
    }
    finish(g, &p, out, length);
}

static bool is_comment(const char *line, size_t length)
{
    size_t i = 0;

    while (i < length && is_blank(line[i]))
        i++;
    return i == length || line[i] == '!';
}

void parse_line(const struct graph *g, const struct standing *s, const char *line, size_t length,
                struct parse *out)
{
    size_t furthest = 0, furthest_end = 0;

    memset(out, 0, offsetof(struct parse, text));
    out->text_used = 0;
    if (length >= PARSE_LINE_MAX || is_comment(line, length)) {
        out->result = length >= PARSE_LINE_MAX ? PARSE_TOO_LONG : PARSE_EMPTY;
        return;
    }
    for (const struct config_mode *mode = s->mode;; mode = graph_parent(g, mode)) {
        parse_in_mode(g, mode, s->level, line, length, out);
        if (out->result != PARSE_INVALID)
            return;
        if (out->at >= furthest) {
            furthest = out->at;
            furthest_end = out->at_end;
        }
        if (!mode || !graph_parent(g, mode))
            break;
    }
    out->at = furthest;
    out->at_end = furthest_end;
}

/* --- the walk up to the cursor
 * ---------------------------------------------------------------------------------- */

static enum parse_result walk_in_mode(const struct graph *g, const struct config_mode *mode, uint8_t level,
                                      const char *line, size_t length, struct place *place, struct word *last,
                                      struct parse *scratch)
{
    struct lexer x = {.line = line, .length = length, .out = scratch};
    struct place before;
    struct word w;

    memset(scratch, 0, offsetof(struct parse, text));
    scratch->text_used = 0;
    *place = graph_start(mode, level);
    *last = (struct word){.start = length, .end = length, .text = ""};
    while (next_word(&x, &w)) {
        before = *place;
        if (w.end == length) {
            *last = w;
            return PARSE_OK;
        }
        enum parse_result r = step(g, &x, place, &w);
        if (r != PARSE_OK) {
            *last = w;
            return r;
        }
        if (w.end == length && before.used != place->used) { /* a line value reaches to the cursor */
            *place = before;
            *last = w;
            return PARSE_OK;
        }
    }
    return PARSE_OK;
}

bool parse_word_begins(const struct choice *c, const struct word *w)
{
    size_t n = strlen(w->text);
    return !is_keyword(c) || (!w->quoted && n <= c->length && strncasecmp(c->word, w->text, n) == 0);
}

static bool leads_on(const struct graph *g, const struct place *p, const struct word *last)
{
    struct choice choices[GRAPH_CHOICES_MAX];
    size_t n = graph_choices(g, p, choices, GRAPH_CHOICES_MAX);

    for (size_t i = 0; i < n; i++)
        if (parse_word_begins(&choices[i], last))
            return true;
    return last->text[0] == '\0' && graph_end(g, p, NULL);
}

enum parse_result parse_until_last(const struct graph *g, const struct standing *s, const char *line,
                                   size_t length, struct place *place, struct word *last,
                                   struct parse *scratch)
{
    enum parse_result r;

    *place = graph_start(s->mode, s->level);
    *last = (struct word){.text = ""};
    if (length >= PARSE_LINE_MAX)
        return PARSE_TOO_LONG;
    for (const struct config_mode *mode = s->mode;; mode = graph_parent(g, mode)) {
        r = walk_in_mode(g, mode, s->level, line, length, place, last, scratch);
        if ((r == PARSE_OK && leads_on(g, place, last)) || r == PARSE_AMBIGUOUS || !mode ||
            !graph_parent(g, mode))
            return r;
    }
}

const char *parse_error_text(enum parse_result r)
{
    switch (r) {
    case PARSE_AMBIGUOUS:
        return "% Ambiguous command";
    case PARSE_INCOMPLETE:
        return "% Incomplete command.";
    case PARSE_INVALID:
        return "% Invalid input detected at '^' marker.";
    case PARSE_TOO_LONG:
        return "% The line is too long: it was ignored.";
    default:
        return "";
    }
}
