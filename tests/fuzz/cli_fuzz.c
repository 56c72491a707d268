/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A line of any octets, typed by anybody in any mode: parsed, completed, helped; its filters run over it. The
 * first octet chooses the mode. The EXEC commands are a few of each kind, the configuration is the product's
 * own.
 */
#include "cli/complete.h"
#include "cli/filters.h"
#include "cli/help.h"
#include "cli/pattern.h"

#include <stdlib.h>
#include <string.h>

static int run(struct cli *c, const struct parse *p)
{
    (void)c;
    (void)p;
    return 0;
}

static const struct command exec[] = {
    {"configure", 15, 0, "Change the configuration", NULL},
    {"configure terminal", 15, 0, "From this terminal", run},
    {"copy running-config startup-config", 15, 0, "Save", run},
    {"exit", 1, 0, "Log out", run},
    {"show pools", 1, COMMAND_FILTERS, "All pools", run},
    {"show pools <pool>", 1, COMMAND_FILTERS, "One pool", run},
    {"show pools <pool> element <word>", 1, COMMAND_FILTERS, "One element", run},
    {"terminal length <0-512>", 1, 0, "Lines of a page", run},
    {0},
};
static const struct command config[] = {
    {"default", 15, COMMAND_DEFAULT, "Put back", NULL},
    {"do", 15, COMMAND_EXEC, "Run", NULL},
    {"exit", 15, 0, "Leave", run},
    {"no", 15, COMMAND_NO, "Take back", NULL},
    {0},
};

static void names(void *context, enum word_kind kind, const char *path, const char *prefix,
                  bool (*each)(void *argument, const char *name), void *argument)
{
    static const char *const all[] = {"Echo Pool",         "EchoPool", "\"quoted\"", "p\\x00", "eth1",
                                      "\xc3\xa9t\xc3\xa9", ""};

    (void)context;
    (void)kind;
    (void)path;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strncmp(all[i], prefix, strlen(prefix)) == 0 && !each(argument, all[i]))
            return;
}

static void check_parse(const struct parse *p, size_t length)
{
    if (p->at > p->at_end || p->at_end > length)
        abort();
    for (size_t i = 0; i < p->setting_count; i++)
        if (!p->settings[i].setting || p->settings[i].at > length)
            abort();
    for (size_t i = 0; i < p->value_count; i++)
        if (strlen(p->values[i]) > length)
            abort();
}

static void run_filters(const struct parse *p, const char *line, size_t length)
{
    struct filters f;
    char message[160];

    if (filters_of(&f, p, message, sizeof message) == 0)
        filters_pass(&f, line, length);
    filters_free(&f);
}

static void complete(const struct graph *g, const struct standing *s, const char *line, size_t length)
{
    struct live_names live = {.list = names};
    struct completion c;

    complete_line(g, s, &live, line, length, &c);
    if (c.replace_from > length || strlen(c.text) >= COMPLETION_TEXT_MAX)
        abort();
    completion_free(&c);
}

static void help(const struct graph *g, const struct standing *s, const char *line, size_t length)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    help_line(g, s, line, length, f);
    fclose(f);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct graph g = {.exec = exec, .config = config, .filters = filter_commands, .settings = config_schema};
    struct standing s = {.level = 15};
    static struct parse p;

    if (size < 1)
        return 0;
    g.setting_rows = config_schema_rows;
    g.modes = config_modes;
    g.mode_rows = config_mode_rows;
    size_t mode = data[0] % (config_mode_rows + 2);
    if (mode < config_mode_rows)
        s.mode = &config_modes[mode];
    else if (mode == config_mode_rows)
        s.level = 1;

    char *line = malloc(size); /* of the exact size, so that a read beyond shows */
    memcpy(line, data + 1, size - 1);
    parse_line(&g, &s, line, size - 1, &p);
    check_parse(&p, size - 1);
    run_filters(&p, line, size - 1);
    complete(&g, &s, line, size - 1);
    help(&g, &s, line, size - 1);
    free(line);
    return 0;
}
