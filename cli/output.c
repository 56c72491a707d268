/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/output.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted; /* a signal handler has no other way to tell */

void output_interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

bool output_interrupted(void)
{
    return interrupted;
}

void output_clear_interrupt(void)
{
    interrupted = 0;
}

void output_open(struct output *o, int fd, int key_fd, int length, int width, const struct filters *filters)
{
    static const struct filters none;

    o->fd = fd;
    o->key_fd = key_fd;
    o->length = length;
    o->width = width;
    o->stopped = false;
    o->filters = filters ? *filters : none;
    o->line_length = o->buffered = 0;
    o->rows = 0;
}

bool output_wants_json(const struct output *o)
{
    return o->filters.json;
}

bool output_stopped(const struct output *o)
{
    return o->stopped || interrupted;
}

static void flush(struct output *o)
{
    size_t at = 0;

    while (at < o->buffered && !output_stopped(o)) {
        ssize_t n = write(o->fd, o->buffer + at, o->buffered - at);
        if (n > 0)
            at += (size_t)n;
        else if (n < 0 && errno == EAGAIN)
            poll(&(struct pollfd){.fd = o->fd, .events = POLLOUT}, 1, 1000);
        else if (n < 0 && errno != EINTR)
            o->stopped = true;
    }
    o->buffered = 0;
}

static void buffer_octets(struct output *o, const char *text, size_t length)
{
    while (length > 0) {
        size_t room = sizeof o->buffer - o->buffered, n = length < room ? length : room;
        memcpy(o->buffer + o->buffered, text, n);
        o->buffered += n;
        text += n;
        length -= n;
        if (o->buffered == sizeof o->buffer)
            flush(o);
    }
}

/* --- pages
 * ------------------------------------------------------------------------------------------------------ */

static int read_key(int fd)
{
    struct termios saved, raw;
    unsigned char key = 0;
    ssize_t n;

    if (tcgetattr(fd, &saved) != 0)
        return -1;
    raw = saved;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(fd, TCSADRAIN, &raw);
    do
        n = read(fd, &key, 1);
    while (n < 0 && errno == EINTR && !interrupted);
    tcsetattr(fd, TCSADRAIN, &saved);
    return n == 1 ? key : -1;
}

/* Space: a page more. Enter: a line more. q, Ctrl-C, end of input: enough. */
static void ask_for_more(struct output *o)
{
    static const char question[] = " --More-- ", wipe[] = "\r          \r";
    int key;

    buffer_octets(o, question, sizeof question - 1);
    flush(o);
    key = read_key(o->key_fd);
    buffer_octets(o, wipe, sizeof wipe - 1);
    flush(o);
    if (key == 'q' || key == 'Q' || key == 3 || key < 0)
        o->stopped = true;
    o->rows = key == '\r' || key == '\n' ? o->length - 2 : 0;
}

static int rows_of(const struct output *o, const char *line, size_t length)
{
    int columns = 0;

    for (size_t i = 0; i < length; i++)
        columns += ((unsigned char)line[i] & 0xc0) != 0x80;
    return o->width > 0 && columns > o->width ? (columns + o->width - 1) / o->width : 1;
}

static void show_line(struct output *o, const char *line, size_t length)
{
    if (o->key_fd >= 0 && o->length > 1 && !o->filters.no_more) {
        int rows = rows_of(o, line, length);
        if (o->rows > 0 && o->rows + rows > o->length - 1)
            ask_for_more(o);
        if (o->stopped)
            return;
        o->rows += rows;
    }
    buffer_octets(o, line, length);
    buffer_octets(o, "\n", 1);
}

/* --- lines
 * ------------------------------------------------------------------------------------------------------ */

static void end_line(struct output *o)
{
    size_t length = o->line_length;

    o->line_length = 0;
    if (!output_stopped(o) && filters_pass(&o->filters, o->line, length))
        show_line(o, o->line, length);
}

static void put(struct output *o, const char *text, size_t length)
{
    if (o->line_length + length > sizeof o->line)
        end_line(o);
    memcpy(o->line + o->line_length, text, length);
    o->line_length += length;
}

/* C0, DEL, and C1 in UTF-8 (c2 80 to c2 9f): what a terminal would obey. */
static bool steers(const char *text, size_t left, size_t *length)
{
    unsigned char c = (unsigned char)text[0];

    *length = c == 0xc2 && left > 1 && ((unsigned char)text[1] & 0xe0) == 0x80 ? 2 : 1;
    return *length == 2 || c < ' ' || c == 0x7f;
}

void output_octets(struct output *o, const char *text, size_t length)
{
    char escape[8];
    size_t step;

    for (size_t i = 0; i < length && !output_stopped(o); i += step) {
        if (text[i] == '\n') {
            end_line(o);
            step = 1;
        } else if (steers(text + i, length - i, &step)) {
            int n = snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)text[i + step - 1]);
            put(o, escape, (size_t)n);
        } else {
            while (i + step < length && (unsigned char)text[i + step] >= ' ' &&
                   (unsigned char)text[i + step] < 0x7f && step < 256)
                step++;
            put(o, text + i, step);
        }
    }
}

void output_flush(struct output *o)
{
    buffer_octets(o, o->line, o->line_length);
    o->line_length = 0;
    flush(o);
}

void output_text(struct output *o, const char *format, ...)
{
    char small[512], *text = small;
    va_list a, b;
    int n;

    va_start(a, format);
    va_copy(b, a);
    n = vsnprintf(small, sizeof small, format, a);
    if (n >= (int)sizeof small && vasprintf(&text, format, b) < 0)
        n = -1;
    va_end(b);
    va_end(a);
    if (n > 0)
        output_octets(o, text, (size_t)n);
    if (n > 0 && text != small)
        free(text);
}

/* --- JSON
 * ------------------------------------------------------------------------------------------------------- */

static int json_piece(const char *text, size_t length, void *context)
{
    struct output *o = context;
    output_octets(o, text, length);
    return output_stopped(o) ? -1 : 0;
}

void output_json(struct output *o, const json_t *value)
{
    json_dump_callback(value, json_piece, o, JSON_INDENT(2) | JSON_ENCODE_ANY);
    output_octets(o, "\n", 1);
}

void output_array_begin(struct output *o, const char *name)
{
    output_text(o, "{\"%s\": [", name);
    o->first_item = true;
}

void output_array_after(struct output *o, const char *key, const json_t *value, const char *name)
{
    output_text(o, "{\"%s\": ", key);
    json_dump_callback(value, json_piece, o, JSON_COMPACT | JSON_ENCODE_ANY);
    output_text(o, ",\n\"%s\": [", name);
    o->first_item = true;
}

void output_array_item(struct output *o, const json_t *item)
{
    output_text(o, "%s\n  ", o->first_item ? "" : ",");
    json_dump_callback(item, json_piece, o, JSON_COMPACT | JSON_ENCODE_ANY);
    o->first_item = false;
}

void output_array_end(struct output *o)
{
    output_text(o, "%s]}\n", o->first_item ? "" : "\n");
}

void output_close(struct output *o)
{
    char text[32];

    if (o->line_length > 0)
        end_line(o);
    if (o->filters.counts && !output_stopped(o)) {
        int n = snprintf(text, sizeof text, "%zu\n", o->filters.counted);
        buffer_octets(o, text, (size_t)n);
    }
    flush(o);
    filters_free(&o->filters);
}
