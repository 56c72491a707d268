/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Regular expressions of the | filters: . * + ? [] () | ^ $ and \ before a special character. Own and small,
 * because the C library's regcomp takes memory and time without limit for patterns like ((((a+)+)+)+)+; this
 * one takes time in proportion to pattern times line, always.
 */
#ifndef CLI_PATTERN_H
#define CLI_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

enum { PATTERN_MAX = 256 }; /* octets of an expression */

struct pattern;

/* NULL and *error (static text) when the expression is wrong or too long. */
struct pattern *pattern_new(const char *expression, const char **error);
void pattern_free(struct pattern *p);
/* Does any part of the line fit? */
bool pattern_matches(const struct pattern *p, const char *line, size_t length);

#endif
