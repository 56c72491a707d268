/* SPDX-License-Identifier: BSD-3-Clause */
/* show pools, show pools NAME. Both come page by page, so that a large handlespace neither waits nor fills
 * memory. */
#include "base/error.h"
#include "cli/cli.h"
#include "cli/render.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { PAGE = 500 };

static void show_pool_row(struct output *o, const json_t *pool)
{
    output_text(o, "%-32s  %-22s  %-9s  %8" PRId64 "  %10" PRId64 "\n", render_text(pool, "handle"),
                render_text(pool, "policy_name"), render_text(pool, "transport"),
                render_number(pool, "elements"), render_number(pool, "selections"));
}

static void show_page_of_pools(struct output *o, const json_t *pools, json_int_t *last)
{
    const json_t *pool;
    size_t i;

    json_array_foreach(pools, i, pool)
    {
        *last = json_integer_value(json_object_get(pool, "index"));
        if (output_wants_json(o))
            output_array_item(o, pool);
        else
            show_pool_row(o, pool);
        if (output_stopped(o))
            return;
    }
}

static void begin_pools(struct output *o, const json_t *pools)
{
    if (output_wants_json(o))
        output_array_begin(o, "pools");
    else if (json_array_size(pools) == 0)
        output_text(o, "No pool is registered.\n");
    else
        output_text(o, "%-32s  %-22s  %-9s  %8s  %10s\n", "Pool", "Policy", "Transport", "Elements",
                    "Selections");
}

int show_pools(struct cli *c, const struct parse *p)
{
    json_int_t after = 0;
    bool more = true;

    (void)p;
    for (bool first = true; more && !output_stopped(&c->out); first = false) {
        json_t *result = NULL, *pools;
        json_int_t before = after;
        if (daemon_call(c, &c->registrard, "pools.list",
                        json_pack("{s:I, s:i}", "after", after, "limit", PAGE), &result) != 0)
            return -1;
        pools = json_object_get(result, "pools");
        if (first)
            begin_pools(&c->out, pools);
        show_page_of_pools(&c->out, pools, &after);
        more = json_is_true(json_object_get(result, "more")) && after != before;
        json_decref(result);
    }
    if (output_wants_json(&c->out))
        output_array_end(&c->out);
    return 0;
}

/* --- one pool
 * --------------------------------------------------------------------------------------------------- */

/* RFC 5356: loads and their kin are fractions of 0xffffffff. */
static void show_policy(struct output *o, const json_t *e)
{
    static const struct {
        const char *key;
        bool fraction;
    } fields[] = {{"weight", false},     {"priority", false}, {"load", true},     {"degradation", true},
                  {"weight_dpf", false}, {"load_dpf", true},  {"distance", false}};

    output_text(o, "    Policy             %s", render_text(e, "policy_name"));
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (!json_object_get(e, fields[i].key))
            continue;
        int64_t n = render_number(e, fields[i].key);
        if (fields[i].fraction)
            output_text(o, ", %s %.2f %% (0x%08" PRIx64 ")", fields[i].key, (double)n * 100 / UINT32_MAX, n);
        else
            output_text(o, ", %s %" PRId64, fields[i].key, n);
    }
    output_text(o, "\n");
}

/* RFC 5354, 3.1: the transport use of a pool element. */
static const char *use_name(const json_t *object, const char *key)
{
    return render_number(object, key) == 0 ? "data only" : "data and control";
}

static void show_endpoint(struct output *o, const char *label, const json_t *t, bool with_use)
{
    char list[RENDER_LIST_MAX];

    output_text(o, "    %-18s %s port %" PRId64, label, render_text(t, "transport"),
                render_number(t, "port"));
    if (with_use)
        output_text(o, ", %s", use_name(t, "use"));
    output_text(o, "\n    %-18s %s\n", "  addresses",
                render_list(json_object_get(t, "addresses"), "-", list));
}

static void show_life(struct output *o, const json_t *e)
{
    int64_t life = render_number(e, "registration_life");

    if (life < 0)
        output_text(o, "    Registration life  for ever\n");
    else if (json_object_get(e, "remaining"))
        output_text(o, "    Registration life  %" PRId64 " s, %.1f s remain\n", life,
                    (double)render_number(e, "remaining") / 1000);
    else
        output_text(o, "    Registration life  %" PRId64 " s\n", life);
}

static void show_element(struct output *o, const json_t *e)
{
    const json_t *user = json_object_get(e, "user"), *asap = json_object_get(e, "asap");

    output_text(o, "  Pool element 0x%08" PRIx64 "\n", render_number(e, "identifier"));
    output_text(o, "    Home registrar     0x%08" PRIx64 "\n", render_number(e, "home_registrar"));
    show_policy(o, e);
    show_life(o, e);
    if (json_is_object(user))
        show_endpoint(o, "User transport", user, true);
    if (json_is_object(asap))
        show_endpoint(o, "ASAP transport", asap, false);
    output_text(o, "    Reports            %" PRId64 "\n", render_number(e, "reports"));
}

static void begin_pool(struct output *o, const json_t *pool)
{
    output_text(o, "Pool %s\n", render_text(pool, "handle"));
    output_text(o, "  Policy      %s (0x%08" PRIx64 ")\n", render_text(pool, "policy_name"),
                render_number(pool, "policy"));
    output_text(o, "  Transport   %s, %s\n", render_text(pool, "transport"), use_name(pool, "transport_use"));
    output_text(o, "  Elements    %" PRId64 "\n", render_number(pool, "elements"));
    output_text(o, "  Selections  %" PRId64 "\n", render_number(pool, "selections"));
}

static void show_page_of_elements(struct output *o, const json_t *elements, json_int_t *last)
{
    const json_t *e;
    size_t i;

    json_array_foreach(elements, i, e)
    {
        *last = json_integer_value(json_object_get(e, "identifier"));
        if (output_wants_json(o))
            output_array_item(o, e);
        else
            show_element(o, e);
        if (output_stopped(o))
            return;
    }
}

int show_pool(struct cli *c, const struct parse *p)
{
    json_int_t after = -1;
    bool more = true, first = true;

    while (more && !output_stopped(&c->out)) {
        json_t *params = json_pack("{s:s, s:i}", "handle", p->values[0], "limit", PAGE), *result = NULL;
        json_int_t before = after;
        if (!params)
            return cli_error(c, "The pool handle is not UTF-8 text: other octets are written as \\xNN.");
        if (!first)
            json_object_set_new(params, "after", json_integer(after));
        if (daemon_call(c, &c->registrard, "pool.get", params, &result) != 0)
            return -1;
        if (first && output_wants_json(&c->out))
            output_array_after(&c->out, "pool", json_object_get(result, "pool"), "elements");
        else if (first)
            begin_pool(&c->out, json_object_get(result, "pool"));
        show_page_of_elements(&c->out, json_object_get(result, "elements"), &after);
        more = json_is_true(json_object_get(result, "more")) && after != before;
        first = false;
        json_decref(result);
    }
    if (output_wants_json(&c->out))
        output_array_end(&c->out);
    return 0;
}
