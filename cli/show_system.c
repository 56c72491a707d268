/* SPDX-License-Identifier: BSD-3-Clause */
/* show version, show history. */
#include "cli/cli.h"
#include "cli/render.h"

#include <string.h>

int show_version(struct cli *c, const struct parse *p)
{
    json_t *system = NULL;
    char uptime[64];
    struct output *o = &c->out;

    (void)p;
    if (daemon_call(c, &c->configd, "system.get", NULL, &system) != 0)
        return -1;
    if (output_wants_json(o)) {
        output_json(o, system);
    } else {
        output_text(o, "Poolward %s, RSerPool registrar (RFC 5351 to 5356)\n",
                    render_text(system, "version"));
        output_text(o, "%s uptime is %s\n", render_text(system, "hostname"),
                    render_duration(render_number(system, "uptime"), uptime, sizeof uptime));
        output_text(o, "Board: %s\n", render_text(system, "board"));
        output_text(o, "Kernel: %s\n", render_text(system, "kernel"));
        output_text(o, "Configuration: %s\n",
                    json_is_true(json_object_get(system, "unsaved")) ? "changed, not saved (write memory)"
                                                                     : "saved");
        render_problems(o, system);
    }
    json_decref(system);
    return 0;
}

static void show_entry(void *context, const char *line)
{
    output_text(context, "  %s\n", line);
}

static void json_entry(void *context, const char *line)
{
    json_t *text = json_string(line);

    output_array_item(context, text);
    json_decref(text);
}

int show_history(struct cli *c, const struct parse *p)
{
    bool json = output_wants_json(&c->out);

    (void)p;
    if (json)
        output_array_begin(&c->out, "history");
    if (c->editor)
        editor_history(c->editor, json ? json_entry : show_entry, &c->out);
    if (json)
        output_array_end(&c->out);
    return 0;
}
