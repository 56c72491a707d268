/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool add_candidate(struct completion *c, const char *text, size_t length)
{
    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->candidates[i]) == length && strncmp(c->candidates[i], text, length) == 0)
            return true;
    if (c->count == COMPLETION_CANDIDATES_MAX) {
        c->more = true;
        return false;
    }
    c->candidates[c->count] = strndup(text, length);
    if (!c->candidates[c->count])
        return false;
    c->count++;
    return true;
}

static bool add_name(void *argument, const char *name)
{
    return add_candidate(argument, name, strlen(name));
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The longest beginning that all candidates share; keywords are compared without regard to case. */
static size_t shared_length(const struct completion *c)
{
    size_t shared = strlen(c->candidates[0]);

    for (size_t i = 1; i < c->count; i++) {
        size_t n = 0;
        while (n < shared && c->candidates[i][n] && c->candidates[i][n] == c->candidates[0][n])
            n++;
        shared = n;
    }
    while (shared > 0 && (c->candidates[0][shared] & 0xc0) == 0x80) /* not within a UTF-8 character */
        shared--;
    return shared;
}

static bool needs_quotes(const char *text)
{
    return *text == '\0' || *text == '|' || *text == '!' || strpbrk(text, " \t\"") != NULL;
}

static void append(struct completion *c, size_t *used, char octet)
{
    if (*used < COMPLETION_TEXT_MAX - 1)
        c->text[(*used)++] = octet;
}

static void write_text(struct completion *c, const struct word *last)
{
    size_t shared = shared_length(c), used = 0;
    bool quotes = last->quoted, whole = c->count == 1 && !c->more;

    for (size_t i = 0; i < c->count; i++)
        quotes = quotes || needs_quotes(c->candidates[i]);
    if (shared < strlen(last->text) || shared * 2 + 4 > COMPLETION_TEXT_MAX)
        return;
    if (shared == strlen(last->text) && !whole)
        return;
    if (quotes)
        append(c, &used, '"');
    for (size_t i = 0; i < shared; i++) {
        if (c->candidates[0][i] == '"')
            append(c, &used, '\\');
        append(c, &used, c->candidates[0][i]);
    }
    if (quotes && whole)
        append(c, &used, '"');
    if (whole)
        append(c, &used, ' ');
    c->text[used] = '\0';
}

/* "interfaces" for the mode "interfaces.*" */
static void branch_of(const struct config_mode *mode, char *out, size_t capacity)
{
    size_t n = strlen(mode->path);

    if (n > 2 && strcmp(mode->path + n - 2, ".*") == 0)
        n -= 2;
    if (n >= capacity)
        n = 0;
    memcpy(out, mode->path, n);
    out[n] = '\0';
}

static void add_choice(struct completion *c, const struct live_names *live, const struct choice *choice,
                       const struct word *last)
{
    char branch[128] = "";

    if (choice->kind == WORD_KEYWORD || choice->kind == WORD_CHOICE) {
        if (parse_word_begins(choice, last))
            add_candidate(c, choice->word, choice->length);
    } else if (live && (choice->kind == WORD_POOL || choice->kind == WORD_KEY)) {
        if (choice->mode)
            branch_of(choice->mode, branch, sizeof branch);
        live->list(live->context, choice->kind, branch, last->text, add_name, c);
    }
}

void complete_line(const struct graph *g, const struct standing *s, const struct live_names *live,
                   const char *line, size_t length, struct completion *out)
{
    struct choice choices[GRAPH_CHOICES_MAX];
    struct parse scratch;
    struct place place;
    struct word last;

    memset(out, 0, sizeof *out);
    if (parse_until_last(g, s, line, length, &place, &last, &scratch) != PARSE_OK)
        return;
    out->replace_from = last.start;
    size_t n = graph_choices(g, &place, choices, GRAPH_CHOICES_MAX);
    for (size_t i = 0; i < n; i++)
        add_choice(out, live, &choices[i], &last);
    if (out->count == 0)
        return;
    qsort(out->candidates, out->count, sizeof out->candidates[0], by_text);
    write_text(out, &last);
}

void completion_free(struct completion *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->candidates[i]);
    c->count = 0;
}
