/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/filters.h"

#include "cli/pattern.h"

#include <stdio.h>
#include <string.h>

const struct command filter_commands[] = {
    {.words = "begin", .help = "Start with the first line that fits"},
    {.words = "begin <line>", .flags = COMMAND_FILTERS, .help = "Regular expression, as Echo.*"},
    {.words = "count", .flags = COMMAND_FILTERS, .help = "Count the lines instead of showing them"},
    {.words = "count <line>", .flags = COMMAND_FILTERS, .help = "Count those that fit a regular expression"},
    {.words = "exclude", .help = "Leave out the lines that fit"},
    {.words = "exclude <line>", .flags = COMMAND_FILTERS, .help = "Regular expression, as Echo.*"},
    {.words = "include", .help = "Show only the lines that fit"},
    {.words = "include <line>", .flags = COMMAND_FILTERS, .help = "Regular expression, as Echo.*"},
    {.words = "json", .flags = COMMAND_FILTERS, .help = "Show the data as JSON"},
    {.words = "no-more", .flags = COMMAND_FILTERS, .help = "Do not stop after each page"},
    {.words = "section", .help = "Show the lines that fit, each with what is indented below it"},
    {.words = "section <line>", .flags = COMMAND_FILTERS, .help = "Regular expression, as ^interface"},
    {0},
};

static const struct {
    const char *name;
    enum filter_kind kind;
} kinds[] = {
    {"include", FILTER_INCLUDE}, {"exclude", FILTER_EXCLUDE}, {"begin", FILTER_BEGIN},
    {"section", FILTER_SECTION}, {"count", FILTER_COUNT},
};

static bool is_named(const struct parse *p, size_t i, const char *name)
{
    return strlen(name) == p->filters[i].name_length &&
           strncmp(name, p->filters[i].name, p->filters[i].name_length) == 0;
}

static int add_filter(struct filters *f, const struct parse *p, size_t i, char *message, size_t capacity)
{
    const char *expression = p->filters[i].pattern, *error = NULL;

    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (!is_named(p, i, kinds[k].name))
            continue;
        f->item[f->n].kind = kinds[k].kind;
        f->item[f->n].pattern = expression ? pattern_new(expression, &error) : NULL;
        if (error) {
            snprintf(message, capacity, "Regular expression of | %s: %s", kinds[k].name, error);
            return -1;
        }
        f->n++;
        f->counts = f->counts || kinds[k].kind == FILTER_COUNT;
    }
    f->json = f->json || is_named(p, i, "json");
    f->no_more = f->no_more || is_named(p, i, "no-more");
    return 0;
}

int filters_of(struct filters *f, const struct parse *p, char *message, size_t capacity)
{
    memset(f, 0, sizeof *f);
    for (size_t i = 0; i < p->filter_count; i++)
        if (add_filter(f, p, i, message, capacity) != 0)
            return -1;
    return 0;
}

void filters_free(struct filters *f)
{
    for (size_t i = 0; i < f->n; i++)
        pattern_free(f->item[i].pattern);
    memset(f, 0, sizeof *f);
}

static bool fits(const struct filters *f, size_t i, const char *line, size_t length)
{
    return !f->item[i].pattern || pattern_matches(f->item[i].pattern, line, length);
}

static bool pass_one(struct filters *f, size_t i, const char *line, size_t length)
{
    switch (f->item[i].kind) {
    case FILTER_INCLUDE:
        return fits(f, i, line, length);
    case FILTER_EXCLUDE:
        return !fits(f, i, line, length);
    case FILTER_BEGIN:
        return f->item[i].open = f->item[i].open || fits(f, i, line, length);
    case FILTER_SECTION:
        if (length == 0 || (line[0] != ' ' && line[0] != '\t'))
            f->item[i].open = false;
        return f->item[i].open = f->item[i].open || fits(f, i, line, length);
    default:
        f->counted += fits(f, i, line, length);
        return false;
    }
}

bool filters_pass(struct filters *f, const char *line, size_t length)
{
    for (size_t i = 0; i < f->n; i++)
        if (!pass_one(f, i, line, length))
            return false;
    return true;
}
