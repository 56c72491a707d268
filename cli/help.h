/* SPDX-License-Identifier: BSD-3-Clause */
/* The ? key: each choice at the cursor with its help, and <cr> where the command may end. */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include "cli/parse.h"

#include <stdio.h>

/* `line` up to the cursor; the answer goes to out, one choice a line, widest words aligned. */
void help_line(const struct graph *g, const struct standing *s, const char *line, size_t length, FILE *out);

#endif
