/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The terminal: libedit with the keys of IOS. Apart because libedit's state, the signals and the terminal's
 * modes meet here. While a line is typed Ctrl-C and Ctrl-Z are keys; while a command runs Ctrl-C is a signal.
 */
#include "cli/cli.h"
#include "cli/help.h"
#include "cli/render.h"

#include <errno.h>
#include <histedit.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

enum { LINE_CHARACTERS_MAX = 1000, HISTORY_LINES = 100 };

enum pressed { PRESSED_NOTHING, PRESSED_CTRL_C, PRESSED_CTRL_D, PRESSED_CTRL_Z };

struct editor {
    struct cli *cli;
    EditLine *el;
    History *history;
    enum pressed pressed;
    bool overlong; /* characters of this line were dropped: it must not run */
    char prompt[160];
};

static volatile sig_atomic_t resized; /* a signal handler has no other way to tell */

static void on_resize(int signal)
{
    (void)signal;
    resized = 1;
}

static struct editor *editor_of(EditLine *el)
{
    void *data = NULL;

    el_get(el, EL_CLIENTDATA, &data);
    return data;
}

static char *prompt(EditLine *el)
{
    return editor_of(el)->prompt;
}

/* --- keys
 * ------------------------------------------------------------------------------------------------------- */

static void follow_resize(EditLine *el)
{
    if (!resized)
        return;
    resized = 0;
    el_resize(el);
    el_set(el, EL_REFRESH);
}

/* One octet: 1, or 0 at the end of the input. */
static int read_octet(EditLine *el, char *octet)
{
    for (;;) {
        follow_resize(el);
        ssize_t n = read(STDIN_FILENO, octet, 1);
        if (n >= 0)
            return (int)n;
        if (errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, -1);
        else if (errno != EINTR)
            return 0;
    }
}

/* A line that has grown long enough takes no more characters: libedit would let it grow without end. */
static bool is_full(EditLine *el, wchar_t character)
{
    const LineInfoW *line = el_wline(el);

    return line->lastchar - line->buffer >= LINE_CHARACTERS_MAX && character >= L' ' && character != 0x7f;
}

/* One character of UTF-8; octets that are none are dropped, and so are NULs. */
static int read_character(EditLine *el, wchar_t *out)
{
    mbstate_t state = {0};
    char octet;

    for (;;) {
        if (read_octet(el, &octet) == 0)
            return 0;
        size_t n = mbrtowc(out, &octet, 1, &state);
        if (n == (size_t)-2)
            continue;
        if (n == (size_t)-1 || n == 0) {
            memset(&state, 0, sizeof state);
            continue;
        }
        if (!is_full(el, *out))
            return 1;
        editor_of(el)->overlong = true;
    }
}

static unsigned char give_up_line(EditLine *el, enum pressed key, const char *shown)
{
    editor_of(el)->pressed = key;
    fprintf(stdout, "%s\n", shown);
    fflush(stdout);
    return CC_EOF;
}

static unsigned char on_ctrl_c(EditLine *el, int ch)
{
    (void)ch;
    return give_up_line(el, PRESSED_CTRL_C, "^C");
}

static unsigned char on_ctrl_z(EditLine *el, int ch)
{
    (void)ch;
    return give_up_line(el, PRESSED_CTRL_Z, "^Z");
}

static unsigned char on_ctrl_d(EditLine *el, int ch)
{
    const LineInfoW *line = el_wline(el);

    (void)ch;
    if (line->lastchar == line->buffer)
        return give_up_line(el, PRESSED_CTRL_D, "");
    if (line->cursor == line->lastchar)
        return CC_NORM;
    el_cursor(el, 1);
    el_deletestr(el, 1);
    return CC_REFRESH;
}

static size_t octets_before_cursor(const LineInfo *line)
{
    return (size_t)(line->cursor - line->buffer);
}

static bool is_in_quotes(const char *line, size_t length)
{
    bool open = false;

    for (size_t i = 0; i < length; i++)
        open ^= line[i] == '"';
    return open;
}

/* Prompt and line below what was printed. Not CC_REDISPLAY: it would first wipe as many rows as the line
 * took. */
static unsigned char show_line_again(EditLine *el)
{
    fflush(stdout);
    el_set(el, EL_REFRESH);
    return CC_NORM;
}

static unsigned char on_question_mark(EditLine *el, int ch)
{
    const LineInfo *line = el_line(el);
    struct editor *e = editor_of(el);
    struct standing s = cli_standing(e->cli);

    (void)ch;
    if (is_in_quotes(line->buffer, octets_before_cursor(line)))
        return el_insertstr(el, "?") == 0 ? CC_REFRESH : CC_ERROR;
    fprintf(stdout, "?\n");
    help_line(&e->cli->graph, &s, line->buffer, octets_before_cursor(line), stdout);
    return show_line_again(el);
}

static void show_candidates(const struct completion *c)
{
    size_t width = 0;
    int rows, columns;

    for (size_t i = 0; i < c->count; i++)
        width = strlen(c->candidates[i]) > width ? strlen(c->candidates[i]) : width;
    cli_terminal_size(STDOUT_FILENO, &rows, &columns);
    size_t in_row = (size_t)columns / (width + 2);
    fputc('\n', stdout);
    for (size_t i = 0; i < c->count; i++)
        fprintf(stdout, "%-*s%s", (int)width, c->candidates[i],
                i + 1 == c->count || in_row < 2 || (i + 1) % in_row == 0 ? "\n" : "  ");
    if (c->more)
        fprintf(stdout, "... and more\n");
}

static int characters_of(const char *text, size_t octets)
{
    int n = 0;

    for (size_t i = 0; i < octets; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static unsigned char on_tab(EditLine *el, int ch)
{
    const LineInfo *line = el_line(el);
    struct editor *e = editor_of(el);
    struct standing s = cli_standing(e->cli);
    struct completion c;
    size_t length = octets_before_cursor(line);
    unsigned char what = CC_REFRESH_BEEP;

    (void)ch;
    complete_line(&e->cli->graph, &s, &e->cli->live, line->buffer, length, &c);
    if (c.text[0]) {
        el_deletestr(el, characters_of(line->buffer + c.replace_from, length - c.replace_from));
        el_insertstr(el, c.text);
        what = CC_REFRESH;
    } else if (c.count > 0) {
        show_candidates(&c);
        what = show_line_again(el);
    }
    completion_free(&c);
    return what;
}

/* --- set-up
 * ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *key, *name, *help;
    unsigned char (*run)(EditLine *el, int ch);
} keys[] = {
    {"^C", "cli-drop", "Drop the line", on_ctrl_c},
    {"^D", "cli-leave", "Delete, or leave the mode", on_ctrl_d},
    {"^Z", "cli-end", "End configuration", on_ctrl_z},
    {"?", "cli-help", "List what may come next", on_question_mark},
    {"^I", "cli-complete", "Complete the word", on_tab},
};

/* libedit's own commands can write files and, by way of vi mode, start an editor: not from this shell. Nor
 * may a repeat count make one key a line of a million characters. */
static void forbid_escapes(EditLine *el)
{
    char digit[] = "^[0";

    for (; digit[2] <= '9'; digit[2]++)
        el_set(el, EL_BIND, digit, "ed-unassigned", NULL);
    el_set(el, EL_BIND, "^[x", "ed-unassigned", NULL);
    el_set(el, EL_BIND, "^[X", "ed-unassigned", NULL);
    el_set(el, EL_BIND, "M-x", "ed-unassigned", NULL);
    el_set(el, EL_BIND, "M-X", "ed-unassigned", NULL);
}

static bool editor_open(struct editor *e, struct cli *c)
{
    HistEvent event;

    e->cli = c;
    e->el = el_init("registrar", stdin, stdout, stderr);
    e->history = history_init();
    if (!e->el || !e->history)
        return false;
    history(e->history, &event, H_SETSIZE, HISTORY_LINES);
    history(e->history, &event, H_SETUNIQUE, 1);
    el_set(e->el, EL_CLIENTDATA, e);
    el_set(e->el, EL_PROMPT, prompt);
    el_set(e->el, EL_HIST, history, e->history);
    el_set(e->el, EL_EDITOR, "emacs");
    el_set(e->el, EL_SIGNAL, 0);
    el_set(e->el, EL_GETCFN, read_character);
    el_set(e->el, EL_SETTY, "-d", "-isig", NULL);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        el_set(e->el, EL_ADDFN, keys[i].name, keys[i].help, keys[i].run);
        el_set(e->el, EL_BIND, keys[i].key, keys[i].name, NULL);
    }
    el_set(e->el, EL_BIND, "^W", "ed-delete-prev-word", NULL);
    forbid_escapes(e->el);
    return true;
}

static void editor_close(struct editor *e)
{
    if (e->el)
        el_end(e->el);
    if (e->history)
        history_end(e->history);
}

void editor_history(struct editor *e, void (*each)(void *context, const char *line), void *context)
{
    HistEvent event;

    for (int rc = history(e->history, &event, H_LAST); rc == 0; rc = history(e->history, &event, H_PREV))
        each(context, event.str);
}

/* --- lines
 * ------------------------------------------------------------------------------------------------------ */

/* What a line may leave in the history: not its secrets, nor what follows them. */
static void remember(struct editor *e, const char *line, size_t length)
{
    struct standing s = cli_standing(e->cli);
    struct parse p;
    HistEvent event;
    char *kept;

    parse_line(&e->cli->graph, &s, line, length, &p);
    if (p.result == PARSE_EMPTY)
        return;
    for (size_t i = 0; i < p.setting_count; i++)
        if (p.settings[i].setting->flags & SETTING_SECRET && p.settings[i].at < length)
            length = p.settings[i].at;
    explicit_bzero(p.text, p.text_used);
    kept = strndup(line, length);
    if (kept)
        history(e->history, &event, H_ENTER, kept);
    free(kept);
}

static void run_line(struct editor *e, const char *line, size_t length)
{
    sigset_t resize, before;

    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    if (e->overlong || length >= PARSE_LINE_MAX) {
        cli_error(e->cli, "%s", parse_error_text(PARSE_TOO_LONG) + 2);
        return;
    }
    remember(e, line, length);
    sigemptyset(&resize);
    sigaddset(&resize, SIGWINCH); /* it would end a wait for a daemon */
    sigprocmask(SIG_BLOCK, &resize, &before);
    cli_execute(e->cli, line, length);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

/* False at the end of the input: a hang-up. */
static bool run_key(struct editor *e)
{
    switch (e->pressed) {
    case PRESSED_CTRL_D:
        cli_leave_mode(e->cli);
        return true;
    case PRESSED_CTRL_Z:
        cli_leave_configuration(e->cli);
        return true;
    case PRESSED_CTRL_C:
        return true;
    default:
        return false;
    }
}

static void greet(struct cli *c)
{
    json_t *system = NULL;

    cli_refresh_hostname(c);
    if (daemon_ask(&c->configd, "system.get", NULL, &system) == 0) {
        output_open(&c->out, STDOUT_FILENO, -1, 0, 0, NULL);
        render_problems(&c->out, system);
        output_close(&c->out);
    }
    json_decref(system);
}

static void watch_signals(void)
{
    struct sigaction resize = {.sa_handler = on_resize}, interrupt = {.sa_handler = output_interrupt},
                     ignore = {.sa_handler = SIG_IGN};

    sigaction(SIGWINCH, &resize, NULL);
    sigaction(SIGINT, &interrupt, NULL);
    sigaction(SIGQUIT, &ignore, NULL);
    sigaction(SIGTSTP, &ignore, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

int editor_run(struct cli *c)
{
    struct editor e = {0};
    const char *line;
    int count;

    watch_signals();
    if (!editor_open(&e, c)) {
        editor_close(&e);
        fprintf(stderr, "%% The line editor does not start: out of memory, or the terminal is gone.\n");
        return 1;
    }
    c->editor = &e;
    c->answer_fd = STDIN_FILENO;
    greet(c);
    while (!c->leaving) {
        e.pressed = PRESSED_NOTHING;
        e.overlong = false;
        cli_prompt(c, e.prompt, sizeof e.prompt);
        el_set(e.el, EL_PREP_TERM, 1); /* before the prompt, or the first keys are echoed twice */
        line = el_gets(e.el, &count);
        if (line && count > 0)
            run_line(&e, line, strlen(line));
        else if (!run_key(&e))
            break;
    }
    c->editor = NULL;
    editor_close(&e);
    return 0;
}
