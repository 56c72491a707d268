/* SPDX-License-Identifier: BSD-3-Clause */
/* Tab: what the word before the cursor can become. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "cli/parse.h"

/* Names that live in the daemons: pools, interfaces, users. Calls each() for those that begin with prefix,
 * until it returns false. `path`: the branch of a WORD_KEY ("interfaces"). */
struct live_names {
    void *context;
    void (*list)(void *context, enum word_kind kind, const char *path, const char *prefix,
                 bool (*each)(void *argument, const char *name), void *argument);
};

enum { COMPLETION_CANDIDATES_MAX = 100, COMPLETION_TEXT_MAX = 512 };

struct completion {
    size_t replace_from;            /* octets from here to the cursor give way to `text` */
    char text[COMPLETION_TEXT_MAX]; /* what all candidates share, and a blank behind a single one; "" =
                                       nothing to do */
    size_t count;                   /* candidates found, at most COMPLETION_CANDIDATES_MAX */
    bool more;                      /* there were more than that */
    char *candidates[COMPLETION_CANDIDATES_MAX];
};

/* `line` up to the cursor. live may be NULL. Always fills out; free it by completion_free. */
void complete_line(const struct graph *g, const struct standing *s, const struct live_names *live,
                   const char *line, size_t length, struct completion *out);
void completion_free(struct completion *c);

#endif
