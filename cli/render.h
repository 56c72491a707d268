/* SPDX-License-Identifier: BSD-3-Clause */
/* What the show commands share: fields of an answer as text. Absent or of the wrong type: "-" and 0. */
#ifndef CLI_RENDER_H
#define CLI_RENDER_H

#include "cli/output.h"

#include <stdint.h>

enum { RENDER_LIST_MAX = 1024 };

const char *render_text(const json_t *object, const char *key);
int64_t render_number(const json_t *object, const char *key);
/* Milliseconds as "2 days, 3 hours, 4 minutes"; two units below a day. Returns out. */
const char *render_duration(int64_t ms, char *out, size_t capacity);
/* An array of text: "10.1.0.1, 10.2.0.1"; "all" or what `none` says when empty. Returns out. */
const char *render_list(const json_t *array, const char *none, char out[RENDER_LIST_MAX]);
/* What was wrong with the startup configuration, one line each. */
void render_problems(struct output *o, const json_t *system);

#endif
