/* SPDX-License-Identifier: BSD-3-Clause */
/* Names that Tab completes: pools from registrard, keys of entries from configd, interfaces from the kernel.
 */
#include "cli/cli.h"

#include <net/if.h>
#include <string.h>

enum { POOL_PAGES_MAX = 20 };

struct wanted {
    const char *prefix;
    bool (*each)(void *argument, const char *name);
    void *argument;
};

static bool offer(const struct wanted *w, const char *name)
{
    return strncmp(name, w->prefix, strlen(w->prefix)) != 0 || w->each(w->argument, name);
}

static bool offer_pools(const json_t *pools, const struct wanted *w, json_int_t *after)
{
    const json_t *pool;
    size_t i;

    json_array_foreach(pools, i, pool)
    {
        const char *handle = json_string_value(json_object_get(pool, "handle"));
        *after = json_integer_value(json_object_get(pool, "index"));
        if (handle && !offer(w, handle))
            return false;
    }
    return true;
}

static void list_pools(struct cli *c, const struct wanted *w)
{
    json_int_t after = 0;
    bool more = true;

    for (int page = 0; more && page < POOL_PAGES_MAX; page++) {
        json_t *result = NULL;
        if (daemon_ask(&c->registrard, "pools.list", json_pack("{s:I}", "after", after), &result) != 0)
            return;
        more = offer_pools(json_object_get(result, "pools"), w, &after) &&
               json_is_true(json_object_get(result, "more"));
        json_decref(result);
    }
}

static void list_entries(struct cli *c, const char *branch, const struct wanted *w)
{
    json_t *result = NULL, *value;
    const char *path;
    char part[CONFIG_PATH_MAX], key[CONFIG_PATH_MAX];

    if (daemon_ask(&c->configd, "config.get", json_pack("{s:s}", "path", branch), &result) != 0)
        return;
    json_object_foreach(json_object_get(result, "settings"), path, value)
    {
        size_t n = strlen(branch);
        if (strncmp(path, branch, n) != 0 || path[n] != '.')
            continue;
        snprintf(part, sizeof part, "%.*s", (int)strcspn(path + n + 1, "."), path + n + 1);
        if (config_key_decode(part, key) == 0 && !offer(w, key))
            break;
    }
    json_decref(result);
}

static void list_interfaces(const struct wanted *w)
{
    struct if_nameindex *all = if_nameindex();

    for (struct if_nameindex *i = all; i && i->if_index; i++)
        if (strcmp(i->if_name, "lo") != 0 && !offer(w, i->if_name))
            break;
    if (all)
        if_freenameindex(all);
}

static void list(void *context, enum word_kind kind, const char *path, const char *prefix,
                 bool (*each)(void *argument, const char *name), void *argument)
{
    struct wanted w = {.prefix = prefix, .each = each, .argument = argument};

    if (kind == WORD_POOL) {
        list_pools(context, &w);
        return;
    }
    list_entries(context, path, &w);
    if (strcmp(path, "interfaces") == 0)
        list_interfaces(&w);
}

void live_init(struct cli *c)
{
    c->live = (struct live_names){.context = c, .list = list};
}
