/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *render_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : "-";
}

int64_t render_number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_real(value) ? (int64_t)json_real_value(value) : (int64_t)json_integer_value(value);
}

const char *render_duration(int64_t ms, char *out, size_t capacity)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"day", 86400000}, {"hour", 3600000}, {"minute", 60000}, {"second", 1000}};
    size_t used = 0, shown = 0;

    out[0] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof units[0] && shown < 3 && used < capacity; i++) {
        int64_t n = ms / units[i].ms;
        ms %= units[i].ms;
        if (n <= 0)
            continue;
        used += (size_t)snprintf(out + used, capacity - used, "%s%" PRId64 " %s%s", shown ? ", " : "", n,
                                 units[i].name, n == 1 ? "" : "s");
        shown++;
    }
    if (!shown)
        snprintf(out, capacity, "less than a second");
    return out;
}

const char *render_list(const json_t *array, const char *none, char out[RENDER_LIST_MAX])
{
    size_t used = 0, i;
    const json_t *item;

    out[0] = '\0';
    json_array_foreach(array, i, item)
    {
        const char *text = json_string_value(item);
        if (!text || used >= RENDER_LIST_MAX)
            continue;
        used += (size_t)snprintf(out + used, RENDER_LIST_MAX - used, "%s%s", used ? ", " : "", text);
    }
    if (used == 0)
        snprintf(out, RENDER_LIST_MAX, "%s", none);
    return out;
}

void render_problems(struct output *o, const json_t *system)
{
    const json_t *problem;
    size_t i;

    json_array_foreach(json_object_get(system, "problems"), i, problem)
    {
        if (json_is_string(problem))
            output_text(o, "%% Startup configuration: %s\n", json_string_value(problem));
    }
}
