/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/help.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 64, LABEL_COLUMN_MAX = 28 };

struct help_row {
    char label[LABEL_MAX];
    const struct choice *choice;
};

static const char *value_label(enum word_kind kind)
{
    static const char *const labels[] = {
        [WORD_TEXT] = "WORD",
        [WORD_LINE] = "LINE",
        [WORD_ADDRESS] = "A.B.C.D or X:X::X",
        [WORD_PREFIX] = "ADDRESS/LENGTH",
        [WORD_HOSTNAME] = "HOST",
        [WORD_POOL] = "POOL",
        [WORD_KEY] = "NAME",
    };
    return labels[kind];
}

static void write_label(const struct choice *c, char label[LABEL_MAX])
{
    if (c->kind == WORD_NUMBER)
        snprintf(label, LABEL_MAX, "<%" PRIu32 "-%" PRIu32 ">", c->min, c->max);
    else if (c->kind == WORD_KEYWORD || c->kind == WORD_CHOICE)
        snprintf(label, LABEL_MAX, "%.*s", (int)c->length, c->word);
    else
        snprintf(label, LABEL_MAX, "%s", value_label(c->kind));
}

static int by_label(const void *a, const void *b)
{
    return strcmp(((const struct help_row *)a)->label, ((const struct help_row *)b)->label);
}

static void write_row(const struct help_row *row, int width, FILE *out)
{
    const struct setting *s = row->choice->setting;
    const struct config_mode *m = row->choice->mode;
    const char *example = s ? s->example : m ? m->example : NULL;

    fprintf(out, "  %-*s  %s", width, row->label, row->choice->help);
    if (example)
        fprintf(out, ", as %s", example);
    if (s && s->fallback && *s->fallback)
        fprintf(out, " [%s]", s->fallback);
    fputc('\n', out);
}

static void write_rows(struct help_row *rows, size_t n, bool can_end, FILE *out)
{
    int width = can_end ? 4 : 0;

    qsort(rows, n, sizeof *rows, by_label);
    for (size_t i = 0; i < n; i++) {
        int length = (int)strlen(rows[i].label);
        if (length > width && length <= LABEL_COLUMN_MAX)
            width = length;
    }
    for (size_t i = 0; i < n; i++)
        write_row(&rows[i], width, out);
    if (can_end)
        fprintf(out, "  <cr>\n");
}

void help_line(const struct graph *g, const struct standing *s, const char *line, size_t length, FILE *out)
{
    struct choice choices[GRAPH_CHOICES_MAX];
    struct help_row rows[GRAPH_CHOICES_MAX];
    struct parse scratch;
    struct place place;
    struct word last;
    size_t n, fit = 0;
    enum parse_result r = parse_until_last(g, s, line, length, &place, &last, &scratch);

    if (r != PARSE_OK) {
        fprintf(out, "%s\n", r == PARSE_INVALID ? "% Unrecognized command" : parse_error_text(r));
        return;
    }
    n = graph_choices(g, &place, choices, GRAPH_CHOICES_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!parse_word_begins(&choices[i], &last))
            continue;
        write_label(&choices[i], rows[fit].label);
        rows[fit++].choice = &choices[i];
    }
    bool can_end = last.start == length && graph_end(g, &place, NULL);
    if (fit == 0 && !can_end)
        fprintf(out, "%% Unrecognized command\n");
    write_rows(rows, fit, can_end, out);
}
