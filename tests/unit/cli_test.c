/* SPDX-License-Identifier: BSD-3-Clause */
/* The shell without a terminal and without daemons: graph, parser, help, completion, filters, over tables of
 * its own. */
#include "cli/complete.h"
#include "cli/filters.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/pattern.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run(struct cli *c, const struct parse *p)
{
    (void)c;
    (void)p;
    return 0;
}

enum { F = COMMAND_FILTERS };

static const struct command exec[] = {
    {"configure", 15, 0, "Change the configuration", NULL},
    {"configure terminal", 15, 0, "From this terminal", run},
    {"copy", 15, 0, "Copy", NULL},
    {"copy running-config", 15, 0, "In force", NULL},
    {"copy running-config startup-config", 15, 0, "Of the next start", run},
    {"exit", 1, 0, "Log out", run},
    {"show", 1, 0, "Show", NULL},
    {"show pools", 1, F, "All pools", run},
    {"show pools <pool>", 1, F, "One pool", run},
    {"show peers", 1, F, "All peers", run},
    {"terminal", 1, 0, "This session", NULL},
    {"terminal length", 1, 0, "Lines", NULL},
    {"terminal length <0-512>", 1, 0, "Lines of a page", run},
    {0},
};
static const struct command config[] = {
    {"default", 15, COMMAND_DEFAULT, "Put back", NULL},
    {"do", 15, COMMAND_EXEC, "Run", NULL},
    {"end", 15, 0, "Leave", run},
    {"exit", 15, 0, "Leave one", run},
    {"no", 15, COMMAND_NO, "Take back", NULL},
    {0},
};
static const struct word_help words[] = {{"ip", "Internet Protocol"}, {0}};
static const char *const levels[] = {"1", "15", NULL};
static const char *const colours[] = {"red", "green", "grey", NULL};
static const struct setting settings[] = {
    {"hostname", SETTING_HOSTNAME, 0, APPLY_SYSTEM, 1, 64, 0, "box", "hostname", "Name of this box", "reg1"},
    {"colour", SETTING_CHOICE, 0, APPLY_SYSTEM, 0, 0, colours, "red", "colour", "Of the lamp", "red"},
    {"motto", SETTING_STRING, 0, APPLY_SYSTEM, 1, 64, 0, NULL, "motto", "Text", "hello"},
    {"users.*.level", SETTING_CHOICE, 0, APPLY_USERS, 0, 0, levels, "1", "privilege", "Level", "15"},
    {"users.*.password", SETTING_STRING, SETTING_SECRET, APPLY_USERS, 8, 64, 0, NULL, "password", "Password",
     "x"},
    {"interfaces.*.addresses", SETTING_PREFIX, SETTING_LIST, APPLY_NETWORK, 0, 0, 0, NULL, "ip address",
     "Address and length", "10.1.0.1/24"},
    {"interfaces.*.dhcp", SETTING_BOOLEAN, 0, APPLY_NETWORK, 0, 0, 0, "false", "ip address dhcp", "By DHCP",
     NULL},
    {"interfaces.*.mtu", SETTING_UNSIGNED, 0, APPLY_NETWORK, 68, 9216, 0, "1500", "mtu", "Octets", "1500"},
    {"interfaces.*.shutdown", SETTING_BOOLEAN, 0, APPLY_NETWORK, 0, 0, 0, "false", "shutdown", "Down", NULL},
    {"registrar.asap.port", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 65535, 0, "3863", "asap port", "Port",
     "3863"},
};
static const struct config_mode modes[] = {
    {"", "", "config", "Global", NULL, SETTING_WORD, 0, NULL},
    {"users.*", "username", "config-user", "Operators", "Name of the account", SETTING_WORD, 32, "admin"},
    {"interfaces.*", "interface", "config-if", "Interfaces", "Name of the interface", SETTING_WORD, 15,
     "eth1"},
    {"registrar", "registrar", "config-registrar", "The registrar", NULL, SETTING_WORD, 0, NULL},
};
static const struct graph graph = {.exec = exec,
                                   .config = config,
                                   .filters = filter_commands,
                                   .words = words,
                                   .settings = settings,
                                   .setting_rows = sizeof settings / sizeof settings[0],
                                   .modes = modes,
                                   .mode_rows = sizeof modes / sizeof modes[0]};
static const struct standing user = {.level = 1}, admin = {.level = 15};
static const struct standing global = {.level = 15, .mode = &modes[0]},
                             in_interface = {.level = 15, .mode = &modes[2]};

static struct parse parsed;

static enum parse_result parse(const struct standing *s, const char *line)
{
    parse_line(&graph, s, line, strlen(line), &parsed);
    return parsed.result;
}

static const char *command(const struct standing *s, const char *line)
{
    return parse(s, line) == PARSE_OK && parsed.command ? parsed.command->words : "";
}

/* --- parser
 * ----------------------------------------------------------------------------------------------------- */

static void test_abbreviations(void)
{
    CU_ASSERT_STRING_EQUAL(command(&user, "show pools"), "show pools");
    CU_ASSERT_STRING_EQUAL(command(&user, "  sh  po  "), "show pools");
    CU_ASSERT_STRING_EQUAL(command(&user, "SH POOLS"), "show pools");
    CU_ASSERT_STRING_EQUAL(command(&admin, "conf t"), "configure terminal");
    CU_ASSERT_STRING_EQUAL(command(&admin, "cop r s"), "copy running-config startup-config");
}

static void test_ambiguous(void)
{
    CU_ASSERT_EQUAL(parse(&user, "show p"), PARSE_AMBIGUOUS);
    CU_ASSERT_EQUAL(parsed.at_end, 6);
    CU_ASSERT_EQUAL(parse(&admin, "co t"), PARSE_AMBIGUOUS);
    CU_ASSERT_EQUAL(parse(&global, "colour gre"), PARSE_AMBIGUOUS);
}

static void test_incomplete(void)
{
    CU_ASSERT_EQUAL(parse(&user, "show"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&user, "terminal length"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&user, "show pools |"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&user, "show pools | include"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&global, "interface"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&global, "no"), PARSE_INCOMPLETE);
    CU_ASSERT_EQUAL(parse(&global, "hostname"), PARSE_INCOMPLETE);
}

static void test_marks_the_wrong_word(void)
{
    CU_ASSERT_EQUAL(parse(&user, "show polls"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 5);
    CU_ASSERT_EQUAL(parse(&user, "terminal length 513"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 16);
    CU_ASSERT_EQUAL(parse(&user, "show peers 1"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 11);
    CU_ASSERT_EQUAL(parse(&in_interface, "ip adress 10.1.0.1/24"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 3);
    CU_ASSERT_EQUAL(parse(&in_interface, "mtu 67"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 4);
}

static void test_level_hides_commands(void)
{
    CU_ASSERT_EQUAL(parse(&user, "configure terminal"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 0);
    CU_ASSERT_EQUAL(parse(&admin, "configure terminal"), PARSE_OK);
}

static void test_nothing_to_do(void)
{
    CU_ASSERT_EQUAL(parse(&user, ""), PARSE_EMPTY);
    CU_ASSERT_EQUAL(parse(&user, " \t "), PARSE_EMPTY);
    CU_ASSERT_EQUAL(parse(&global, "! hostname x"), PARSE_EMPTY);
}

static void test_quotes(void)
{
    CU_ASSERT_STRING_EQUAL(command(&user, "show pools \"My \\\"big\\\" Pool\""), "show pools <pool>");
    CU_ASSERT_STRING_EQUAL(parsed.values[0], "My \"big\" Pool");
    CU_ASSERT_EQUAL(parse(&user, "show pools a\\x41"), PARSE_OK);
    CU_ASSERT_STRING_EQUAL(parsed.values[0], "a\\x41");
    CU_ASSERT_EQUAL(parse(&user, "\"show\" pools"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parse(&user, "show pools \"open"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 11);
}

static void test_hostile_lines(void)
{
    char line[2 * PARSE_LINE_MAX];

    parse_line(&graph, &user, "show\0pools", 10, &parsed);
    CU_ASSERT_EQUAL(parsed.result, PARSE_INVALID);
    memset(line, 'a', sizeof line);
    parse_line(&graph, &user, line, sizeof line, &parsed);
    CU_ASSERT_EQUAL(parsed.result, PARSE_TOO_LONG);
    parse_line(&graph, &user, line, PARSE_LINE_MAX - 1, &parsed);
    CU_ASSERT_EQUAL(parsed.result, PARSE_INVALID);
    memset(line, '"', sizeof line);
    parse_line(&graph, &user, line, PARSE_LINE_MAX - 1, &parsed);
    CU_ASSERT_EQUAL(parsed.result, PARSE_INVALID);
    for (size_t i = 0; i < sizeof line; i++)
        line[i] = i % 2 ? ' ' : '|';
    memcpy(line, "show pools ", 11);
    parse_line(&graph, &user, line, PARSE_LINE_MAX - 1, &parsed);
    CU_ASSERT_EQUAL(parsed.result, PARSE_INVALID);
}

static void test_filters_are_parsed(void)
{
    CU_ASSERT_STRING_EQUAL(command(&user, "sh po | inc Echo|Ping pong | exc \"a | b\" | cou"), "show pools");
    CU_ASSERT_EQUAL_FATAL(parsed.filter_count, 3);
    CU_ASSERT_STRING_EQUAL(parsed.filters[0].pattern, "Echo|Ping pong");
    CU_ASSERT_STRING_EQUAL(parsed.filters[1].pattern, "a | b");
    CU_ASSERT_PTR_NULL(parsed.filters[2].pattern);
    CU_ASSERT_EQUAL(parse(&user, "exit | count"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parse(&user, "show pools | nonsense"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parsed.at, 13);
}

/* --- configuration
 * ---------------------------------------------------------------------------------------------- */

static void test_settings(void)
{
    CU_ASSERT_EQUAL(parse(&global, "host reg1"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.settings[0].setting, &settings[0]);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "reg1");
    CU_ASSERT_EQUAL(parse(&global, "colour gree"), PARSE_OK);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "green");
    CU_ASSERT_EQUAL(parse(&global, "motto  two \"words\" | here "), PARSE_OK);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "two \"words\" | here");
    CU_ASSERT_EQUAL(parse(&in_interface, "shutdown"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.settings[0].setting, &settings[8]);
    CU_ASSERT_PTR_NULL(parsed.settings[0].value);
    CU_ASSERT_EQUAL(parse(&in_interface, "ip address 10.1.0.1 255.255.255.0"), PARSE_OK);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "10.1.0.1 255.255.255.0");
    CU_ASSERT_EQUAL(parse(&in_interface, "ip addr d"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.settings[0].setting, &settings[6]);
}

static void test_no_and_default(void)
{
    CU_ASSERT_EQUAL(parse(&global, "no hostname"), PARSE_OK);
    CU_ASSERT_EQUAL(parsed.form, FORM_NO);
    CU_ASSERT_PTR_EQUAL(parsed.settings[0].setting, &settings[0]);
    CU_ASSERT_EQUAL(parse(&in_interface, "no ip address 10.1.0.1/24"), PARSE_OK);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "10.1.0.1/24");
    CU_ASSERT_EQUAL(parse(&in_interface, "default mtu"), PARSE_OK);
    CU_ASSERT_EQUAL(parsed.form, FORM_DEFAULT);
    CU_ASSERT_EQUAL(parse(&global, "no interface eth1"), PARSE_OK);
    CU_ASSERT_EQUAL(parsed.form, FORM_NO);
    CU_ASSERT_STRING_EQUAL(parsed.key, "eth1");
    CU_ASSERT_EQUAL(parse(&global, "no no hostname"), PARSE_INVALID);
    CU_ASSERT_EQUAL(parse(&global, "no exit"), PARSE_INVALID);
}

static void test_modes(void)
{
    CU_ASSERT_EQUAL(parse(&global, "interface eth1"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.entered, &modes[2]);
    CU_ASSERT_STRING_EQUAL(parsed.key, "eth1");
    CU_ASSERT_EQUAL(parsed.setting_count, 0);
    CU_ASSERT_EQUAL(parse(&global, "registrar"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.entered, &modes[3]);
    CU_ASSERT_PTR_NULL(parsed.key);
    CU_ASSERT_EQUAL(parse(&in_interface, "hostname x"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.scope, &modes[0]);
    CU_ASSERT_EQUAL(parse(&in_interface, "mtu 1400"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.scope, &modes[2]);
}

static void test_settings_on_the_line_of_their_entry(void)
{
    CU_ASSERT_EQUAL(parse(&global, "username ann privilege 15 password \"long secret\""), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.entered, &modes[1]);
    CU_ASSERT_STRING_EQUAL(parsed.key, "ann");
    CU_ASSERT_EQUAL_FATAL(parsed.setting_count, 2);
    CU_ASSERT_STRING_EQUAL(parsed.settings[0].value, "15");
    CU_ASSERT_STRING_EQUAL(parsed.settings[1].value, "long secret");
    CU_ASSERT_EQUAL(parsed.settings[1].at, 35);
    CU_ASSERT_EQUAL(parse(&global, "username ann password"), PARSE_OK);
    CU_ASSERT_PTR_NULL(parsed.settings[0].value);
    CU_ASSERT_EQUAL(parse(&global, "registrar asap port 4000"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.entered, &modes[3]);
    CU_ASSERT_PTR_EQUAL(parsed.settings[0].setting, &settings[9]);
    CU_ASSERT_EQUAL(parse(&global, "no registrar asap port"), PARSE_OK);
    CU_ASSERT_PTR_EQUAL(parsed.entered, &modes[3]);
}

static void test_do(void)
{
    CU_ASSERT_STRING_EQUAL(command(&in_interface, "do show pools | json"), "show pools");
    CU_ASSERT_EQUAL(parsed.filter_count, 1);
    CU_ASSERT_EQUAL(parse(&global, "show pools"), PARSE_INVALID);
}

/* --- help and completion
 * ---------------------------------------------------------------------------------------- */

static const char *help(const struct standing *s, const char *line)
{
    static char text[4096];
    FILE *f = fmemopen(text, sizeof text, "w");

    help_line(&graph, s, line, strlen(line), f);
    fclose(f);
    return text;
}

static void test_help(void)
{
    CU_ASSERT_STRING_EQUAL(help(&user, ""),
                           "  exit      Log out\n  show      Show\n  terminal  This session\n");
    CU_ASSERT_STRING_EQUAL(help(&user, "sh p"), "  peers  All peers\n  pools  All pools\n");
    CU_ASSERT_STRING_EQUAL(help(&user, "show pools "),
                           "  POOL  One pool\n  |     Filter the output\n  <cr>\n");
    CU_ASSERT_STRING_EQUAL(help(&user, "term len "), "  <0-512>  Lines of a page\n");
    CU_ASSERT_STRING_EQUAL(help(&in_interface, "ip"), "  ip  Internet Protocol\n");
    CU_ASSERT_STRING_EQUAL(help(&in_interface, "mtu "), "  <68-9216>  Octets, as 1500 [1500]\n");
    CU_ASSERT_STRING_EQUAL(help(&in_interface, "no mtu "), "  <68-9216>  Octets, as 1500 [1500]\n  <cr>\n");
    CU_ASSERT_STRING_EQUAL(help(&in_interface, "host"), "  hostname  Name of this box\n");
    CU_ASSERT_STRING_EQUAL(help(&global, "interface "), "  NAME  Name of the interface, as eth1\n");
    CU_ASSERT_STRING_EQUAL(help(&user, "nonsense "), "% Unrecognized command\n");
    CU_ASSERT_STRING_EQUAL(help(&user, "show p "), "% Ambiguous command\n");
}

static void names(void *context, enum word_kind kind, const char *path, const char *prefix,
                  bool (*each)(void *argument, const char *name), void *argument)
{
    static const char *const pools[] = {"EchoPool", "Echo Two", "Calc", NULL}, *const interfaces[] = {
                                                                                   "eth0", "eth1", NULL};
    const char *const *all = kind == WORD_POOL                 ? pools
                             : strcmp(path, "interfaces") == 0 ? interfaces
                                                               : pools + 3;

    (void)context;
    for (; *all; all++)
        if (strncmp(*all, prefix, strlen(prefix)) == 0 && !each(argument, *all))
            return;
}

static const char *complete(const struct standing *s, const char *line, size_t *count)
{
    static char text[COMPLETION_TEXT_MAX];
    struct live_names live = {.list = names};
    struct completion c;

    complete_line(&graph, s, &live, line, strlen(line), &c);
    strcpy(text, c.text);
    *count = c.count;
    completion_free(&c);
    return text;
}

static void test_completion(void)
{
    size_t n;

    CU_ASSERT_STRING_EQUAL(complete(&user, "sh", &n), "show ");
    CU_ASSERT_STRING_EQUAL(complete(&user, "show p", &n), "");
    CU_ASSERT_EQUAL(n, 2);
    CU_ASSERT_STRING_EQUAL(complete(&user, "show pools C", &n), "Calc ");
    CU_ASSERT_STRING_EQUAL(complete(&user, "show pools E", &n), "\"Echo");
    CU_ASSERT_EQUAL(n, 2);
    CU_ASSERT_STRING_EQUAL(complete(&user, "show pools \"Echo T", &n), "\"Echo Two\" ");
    CU_ASSERT_STRING_EQUAL(complete(&user, "show pools | inc", &n), "include ");
    CU_ASSERT_STRING_EQUAL(complete(&global, "interface e", &n), "eth");
    CU_ASSERT_STRING_EQUAL(complete(&in_interface, "host", &n), "hostname ");
    CU_ASSERT_STRING_EQUAL(complete(&global, "colour g", &n), "gre");
    complete(&user, "bogus x", &n);
    CU_ASSERT_EQUAL(n, 0);
}

/* --- patterns, filters, output
 * ---------------------------------------------------------------------------------- */

static bool matches(const char *expression, const char *line)
{
    const char *error;
    struct pattern *p = pattern_new(expression, &error);
    bool yes;

    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    yes = pattern_matches(p, line, strlen(line));
    pattern_free(p);
    return yes;
}

static bool is_wrong(const char *expression)
{
    const char *error = NULL;
    struct pattern *p = pattern_new(expression, &error);
    bool wrong = !p && error;

    pattern_free(p);
    return wrong;
}

static void test_patterns(void)
{
    CU_ASSERT_TRUE(matches("cho", "EchoPool"));
    CU_ASSERT_FALSE(matches("^cho", "EchoPool"));
    CU_ASSERT_TRUE(matches("^E.*l$", "EchoPool"));
    CU_ASSERT_TRUE(matches("Ping|Echo", "EchoPool"));
    CU_ASSERT_TRUE(matches("a|b|c|d", "xdx"));
    CU_ASSERT_FALSE(matches("^(a|b|c)$", "ab"));
    CU_ASSERT_TRUE(matches("^(ab|c)*d$", "ababcabd"));
    CU_ASSERT_FALSE(matches("^(ab|c)+d$", "d"));
    CU_ASSERT_TRUE(matches("^x?(yz)?$", ""));
    CU_ASSERT_TRUE(matches("^x?(yz)?$", "xyz"));
    CU_ASSERT_TRUE(matches("^[0-9a-f]+$", "5562e917"));
    CU_ASSERT_FALSE(matches("^[^0-9]+$", "a1"));
    CU_ASSERT_TRUE(matches("[]x]", "]"));
    CU_ASSERT_TRUE(matches("10\\.1", "10.1"));
    CU_ASSERT_FALSE(matches("10\\.1", "1011"));
    CU_ASSERT_TRUE(matches("", "anything"));
    CU_ASSERT_TRUE(matches("(^|,)b($|,)", "a,b"));
    CU_ASSERT_TRUE(is_wrong("a("));
    CU_ASSERT_TRUE(is_wrong("a)"));
    CU_ASSERT_TRUE(is_wrong("[a"));
    CU_ASSERT_TRUE(is_wrong("*a"));
}

/* regcomp() would take gigabytes for the first, a backtracking matcher for ever for the second. */
static void test_patterns_stay_cheap(void)
{
    char nested[PATTERN_MAX + 1] = "", line[4001];

    memset(nested, '(', 30);
    strcat(nested, "a");
    for (int i = 0; i < 30; i++)
        strcat(nested, "+)");
    memset(line, 'a', sizeof line - 1);
    line[sizeof line - 1] = '\0';
    CU_ASSERT_TRUE(matches(nested, line));
    CU_ASSERT_FALSE(matches("^(a*)*(a*)*(a*)*b", line));
}

static const char *filtered(const char *filters_text, const char *text)
{
    static char shown[1024];
    static struct output o;
    char line[256], message[160] = "";
    struct filters f;
    int ends[2];

    snprintf(line, sizeof line, "show pools %s", filters_text);
    CU_ASSERT_EQUAL_FATAL(parse(&user, line), PARSE_OK);
    CU_ASSERT_EQUAL_FATAL(filters_of(&f, &parsed, message, sizeof message), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    output_open(&o, ends[1], -1, 0, 0, &f);
    output_text(&o, "%s", text);
    output_close(&o);
    close(ends[1]);
    ssize_t n = read(ends[0], shown, sizeof shown - 1);
    shown[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return shown;
}

static void test_filters(void)
{
    static const char text[] = "one\n two\n three\nfour\n two\nfive\n";

    CU_ASSERT_STRING_EQUAL(filtered("", text), text);
    CU_ASSERT_STRING_EQUAL(filtered("| include two", text), " two\n two\n");
    CU_ASSERT_STRING_EQUAL(filtered("| exclude two|three", text), "one\nfour\nfive\n");
    CU_ASSERT_STRING_EQUAL(filtered("| begin four", text), "four\n two\nfive\n");
    CU_ASSERT_STRING_EQUAL(filtered("| section one", text), "one\n two\n three\n");
    CU_ASSERT_STRING_EQUAL(filtered("| count", text), "6\n");
    CU_ASSERT_STRING_EQUAL(filtered("| count two", text), "2\n");
    CU_ASSERT_STRING_EQUAL(filtered("| section four | include two | count", text), "1\n");
    CU_ASSERT_STRING_EQUAL(filtered("| include nothing", text), "");
}

static void test_wrong_expression_is_told(void)
{
    struct filters f;
    char message[160] = "";

    CU_ASSERT_EQUAL_FATAL(parse(&user, "show pools | include a("), PARSE_OK);
    CU_ASSERT_EQUAL(filters_of(&f, &parsed, message, sizeof message), -1);
    CU_ASSERT_STRING_EQUAL(message, "Regular expression of | include: a ( without its )");
    filters_free(&f);
}

static void test_output_cannot_steer_the_terminal(void)
{
    CU_ASSERT_STRING_EQUAL(filtered("", "a\x1b[2Jb\rc\x7f\n"), "a\\x1b[2Jb\\x0dc\\x7f\n");
    CU_ASSERT_STRING_EQUAL(filtered("", "\xc2\x9b"
                                        "2J \xc3\xa9\n"),
                           "\\x9b2J \xc3\xa9\n");
}

static void test_overlong_output_line_is_broken(void)
{
    static char text[OUTPUT_LINE_MAX + 100];

    memset(text, 'x', sizeof text - 1);
    CU_ASSERT_STRING_EQUAL(filtered("| count", text), "2\n");
}

static const struct unit_test tests[] = {
    {"unique abbreviations find their command", test_abbreviations},
    {"an abbreviation of two commands is ambiguous", test_ambiguous},
    {"a command without its end is incomplete", test_incomplete},
    {"the wrong word is marked", test_marks_the_wrong_word},
    {"commands above the level are not there", test_level_hides_commands},
    {"blank lines and comments do nothing", test_nothing_to_do},
    {"quotes hold blanks and quotes", test_quotes},
    {"any octets are parsed or refused", test_hostile_lines},
    {"filters chain, their patterns may hold |", test_filters_are_parsed},
    {"settings take the values of their types", test_settings},
    {"no and default need no value", test_no_and_default},
    {"modes are entered; commands of the modes around are found", test_modes},
    {"settings may follow their entry on one line", test_settings_on_the_line_of_their_entry},
    {"do runs EXEC commands in configuration mode", test_do},
    {"? lists what may come next, within a word too", test_help},
    {"Tab completes keywords and live names", test_completion},
    {"patterns match as on IOS", test_patterns},
    {"no pattern takes long", test_patterns_stay_cheap},
    {"filters pass the right lines", test_filters},
    {"a wrong expression is told", test_wrong_expression_is_told},
    {"control characters of the network are shown, not obeyed", test_output_cannot_steer_the_terminal},
    {"an overlong line of output is broken", test_overlong_output_line_is_broken},
};

UNIT_MAIN("cli", tests)
