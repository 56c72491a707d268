/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A configuration file of any octets: it is refused with a message, or what is loaded can be stored and
 * loaded again, and rendered as commands and pasted, into the same configuration. Input that begins with '>'
 * is a text of commands.
 */
#include "config/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libconfig 1.5 forgets the buffer of a string that the end of the file cuts off: 128 octets for a file that
 * is refused. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:strbuf_append\n";
}

/* Hashing takes its tens of milliseconds on purpose: a plain password would make the fuzzer crawl. */
static bool has_plain_password(const uint8_t *data, size_t size)
{
    return memmem(data, size, "password", 8) && !memmem(data, size, "$y$", 3);
}

static void differs(void *context, const char *path, const char *from, const char *to,
                    const struct setting *row)
{
    (void)context;
    (void)row;
    fprintf(stderr, "%s: %s -> %s\n", path, from ? from : "(none)", to ? to : "(none)");
    abort();
}

static void paste(struct config *c, char *text, bool must_succeed)
{
    struct config_place place = config_root();
    char message[CONFIG_MESSAGE_MAX], *line;

    while ((line = strsep(&text, "\n")))
        if (config_command(c, &place, line, message) != 0 && must_succeed) {
            fprintf(stderr, "%s: %s\n", line, message);
            abort();
        }
}

static void check_paste(const struct config *c)
{
    struct config *pasted = config_new();
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    config_render(c, CONFIG_RENDER_SECRETS, f);
    fclose(f);
    paste(pasted, text, true);
    config_diff(c, pasted, NULL, differs);
    config_free(pasted);
    free(text);
}

static void check_store(const struct config *c)
{
    static char file[64];
    struct config *again = config_new();
    char message[CONFIG_MESSAGE_MAX];

    snprintf(file, sizeof file, "/dev/shm/config_fuzz.%d", (int)getpid());
    for (int secrets = 0; secrets < 2; secrets++)
        if (config_store(c, file, secrets, message) != 0 || config_load(again, file, message) != 0) {
            fprintf(stderr, "%s\n", message);
            abort();
        }
    unlink(file);
    config_diff(c, again, NULL, differs);
    if (config_archive(c) != config_archive(again))
        abort();
    config_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config *c = config_new();
    char message[CONFIG_MESSAGE_MAX];
    bool good = true;

    if (!has_plain_password(data, size)) {
        if (size > 0 && data[0] == '>') {
            char *text = strndup((const char *)data + 1, size - 1);
            paste(c, text, false);
            free(text);
        } else {
            good = config_load_text(c, (const char *)data, size, "fuzz.conf", message) == 0;
        }
        if (good) {
            check_paste(c);
            check_store(c);
        }
    }
    config_free(c);
    return 0;
}
