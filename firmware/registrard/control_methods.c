/* SPDX-License-Identifier: BSD-3-Clause */
/* The methods of registrard's control socket (control/METHODS.md). */
#include "base/error.h"
#include "base/log.h"
#include "registrard/registrard.h"

#include <stdlib.h>

enum { LIST_LIMIT = 1000, LIST_LIMIT_MAX = 10000, HANDLE_MAX = 65536 };

/* An unsigned parameter of the request or its default; false (and answered) when it is something else. */
static bool get_unsigned(struct control_request *q, const json_t *params, const char *key, uint32_t fallback,
                         uint32_t max, uint32_t *out)
{
    const json_t *value = json_object_get(params, key);

    *out = fallback;
    if (!value)
        return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max) {
        control_fail(q, ERR_RANGE, "%s must be a number from 0 to %u", key, max);
        return false;
    }
    *out = (uint32_t)json_integer_value(value);
    return true;
}

static void registrar_get(void *context, struct control_request *q, const json_t *params)
{
    (void)params;
    control_reply(q, json_registrar(context));
}

static void pools_list(void *context, struct control_request *q, const json_t *params)
{
    struct registrard *r = context;
    uint32_t after, limit, n = 0;
    json_t *result, *list;
    struct pool *p;

    if (!get_unsigned(q, params, "after", 0, UINT32_MAX, &after) ||
        !get_unsigned(q, params, "limit", LIST_LIMIT, LIST_LIMIT_MAX, &limit))
        return;
    result = json_object();
    list = json_array();
    for (p = handlespace_pool_after(r->handlespace, after); p && n < limit;
         p = handlespace_pool_next(r->handlespace, p), n++)
        json_array_append_new(list, json_pool(p));
    json_object_set_new(result, "pools", list);
    json_object_set_new(result, "more", json_boolean(p != NULL));
    control_reply(q, result);
}

static struct pool *pool_of(struct registrard *r, struct control_request *q, const json_t *params)
{
    uint8_t *handle = malloc(HANDLE_MAX);
    int length = handle ? control_get_handle(params, handle, HANDLE_MAX) : ERR_MEMORY;
    struct pool *p =
        length < 0 ? NULL : handlespace_find_pool(r->handlespace, octets_of(handle, (size_t)length));

    free(handle);
    if (length < 0)
        control_fail(q, length, "handle or handle_hex names the pool");
    else if (!p)
        control_fail(q, ERR_NOT_FOUND, "no such pool");
    return p;
}

static void pool_get(void *context, struct control_request *q, const json_t *params)
{
    struct registrard *r = context;
    uint32_t after, limit, n = 0;
    bool first = !json_object_get(params, "after");
    struct pool_element *e;
    struct pool *p;

    if (!get_unsigned(q, params, "after", 0, UINT32_MAX, &after) ||
        !get_unsigned(q, params, "limit", LIST_LIMIT, LIST_LIMIT_MAX, &limit))
        return;
    p = pool_of(r, q, params);
    if (!p)
        return;
    json_t *result = json_object(), *list = json_array();
    e = first ? handlespace_element_next(p, NULL) : handlespace_element_after(p, after);
    for (; e && n < limit; e = handlespace_element_next(p, e), n++)
        json_array_append_new(list, json_element(e));
    json_object_set_new(result, "pool", json_pool(p));
    json_object_set_new(result, "elements", list);
    json_object_set_new(result, "more", json_boolean(e != NULL));
    control_reply(q, result);
}

static void peers_list(void *context, struct control_request *q, const json_t *params)
{
    struct registrard *r = context;
    json_t *result = json_object(), *list = json_array();
    const struct enrp_peer *peer = NULL;

    (void)params;
    while (r->enrp && (peer = enrp_peer_next(r->enrp, peer)))
        json_array_append_new(list, json_peer(r, peer));
    json_object_set_new(result, "peers", list);
    control_reply(q, result);
}

static void statistics_get(void *context, struct control_request *q, const json_t *params)
{
    (void)params;
    control_reply(q, json_statistics(context));
}

static void subscribe(void *context, struct control_request *q, const json_t *params)
{
    (void)params;
    feed_subscribe(context, q);
}

/* The object of path -> text as a configuration; the settings of other daemons are refused. */
static int config_of(const json_t *settings, struct config *c, char *message)
{
    const char *path;
    json_t *value;
    int rc;

    json_object_foreach((json_t *)settings, path, value)
    {
        const struct setting *row = config_setting(path);
        if (!json_is_string(value) || !row || row->applier != APPLY_REGISTRARD) {
            snprintf(message, CONFIG_MESSAGE_MAX, "%.128s: %s", path,
                     json_is_string(value) ? "not a setting of the registrar" : "the value must be text");
            return json_is_string(value) ? ERR_NOT_FOUND : ERR_SYNTAX;
        }
        rc = config_set(c, path, json_string_value(value), message);
        if (rc)
            return rc;
    }
    return config_validate(c, message);
}

static void config_apply(void *context, struct control_request *q, const json_t *params)
{
    struct registrard *r = context;
    const json_t *settings = json_object_get(params, "settings");
    char message[CONFIG_MESSAGE_MAX] = "";
    struct config *c;
    struct settings s;
    int rc;

    if (!json_is_object(settings)) {
        control_fail(q, ERR_ARGUMENT, "settings must be an object of path and text");
        return;
    }
    c = config_new();
    rc = c ? config_of(settings, c, message) : ERR_MEMORY;
    if (rc == 0)
        rc = settings_read(c, &s, message);
    if (rc == 0)
        rc = service_apply(r, &s, message);
    config_free(c);
    if (rc) {
        log_warning("a configuration was refused: %s", message[0] ? message : error_text(rc));
        control_fail(q, rc, "%s", message);
        return;
    }
    log_notice("configuration applied");
    control_reply(q, json_object());
}

static const struct control_method methods[] = {
    {"registrar.get", CONTROL_LEVEL_READ, registrar_get},
    {"pools.list", CONTROL_LEVEL_READ, pools_list},
    {"pool.get", CONTROL_LEVEL_READ, pool_get},
    {"peers.list", CONTROL_LEVEL_READ, peers_list},
    {"statistics.get", CONTROL_LEVEL_READ, statistics_get},
    {"feed.subscribe", CONTROL_LEVEL_READ, subscribe},
    {"config.apply", CONTROL_LEVEL_ADMIN, config_apply},
    {0},
};

int control_start(struct registrard *r, const char *path)
{
    /* Anyone may knock: what he may do is decided by who he is, not by the file's mode. */
    struct control_server_options o = {.path = path, .mode = 0666, .methods = methods, .context = r};
    int error = 0;

    LIST_INIT(&r->readers);
    r->control = control_server_new(r->base, &o, &error);
    return r->control ? 0 : error;
}

void control_stop(struct registrard *r)
{
    struct control_server *s = r->control;

    r->control = NULL;
    control_server_free(s);
}
