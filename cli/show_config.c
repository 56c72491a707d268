/* SPDX-License-Identifier: BSD-3-Clause */
/* show running-config [all], show startup-config. */
#include "cli/cli.h"

#include <string.h>

int show_configuration(struct cli *c, const struct parse *p)
{
    const char *which = strstr(p->command->words, "startup") ? "startup" : "running";
    bool all = strstr(p->command->words, " all") != NULL, json = output_wants_json(&c->out);
    json_t *params = json_pack("{s:s}", "which", which), *result = NULL;

    if (!json)
        json_object_set_new(params, "all", json_boolean(all));
    if (daemon_call(c, &c->configd, json ? "config.get" : "config.render", params, &result) != 0)
        return -1;
    if (json) {
        output_json(&c->out, json_object_get(result, "settings"));
    } else {
        const char *text = json_string_value(json_object_get(result, "text"));
        if (text)
            output_octets(&c->out, text, strlen(text));
    }
    json_decref(result);
    return 0;
}
