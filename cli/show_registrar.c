/* SPDX-License-Identifier: BSD-3-Clause */
/* show registrar, show peers. */
#include "cli/cli.h"
#include "cli/render.h"

#include <inttypes.h>
#include <stdio.h>

static void show_announce(struct output *o, const json_t *announce)
{
    if (json_is_true(json_object_get(announce, "enabled")))
        output_text(o, "  Announces    to %s, UDP port %" PRId64 "\n", render_text(announce, "address"),
                    render_number(announce, "port"));
    else
        output_text(o, "  Announces    off\n");
}

static void show_text(struct output *o, const json_t *r)
{
    char list[RENDER_LIST_MAX], uptime[64];

    output_text(o, "Registrar 0x%08" PRIx64 ", %s\n", render_number(r, "identifier"),
                render_text(r, "state"));
    output_text(o, "  Description  %s\n", render_text(r, "description"));
    output_text(o, "  Scope        %s\n", render_text(r, "scope"));
    output_text(o, "  Version      %s\n", render_text(r, "version"));
    output_text(o, "  Uptime       %s\n", render_duration(render_number(r, "uptime"), uptime, sizeof uptime));
    output_text(o, "ASAP\n");
    output_text(o, "  Port         %" PRId64 " over %s\n", render_number(r, "asap_port"),
                render_list(json_object_get(r, "asap_transports"), "nothing", list));
    output_text(o, "  Addresses    %s\n", render_list(json_object_get(r, "asap_addresses"), "all", list));
    show_announce(o, json_object_get(r, "asap_announce"));
    output_text(o, "ENRP\n");
    output_text(o, "  Port         %" PRId64 "\n", render_number(r, "enrp_port"));
    output_text(o, "  Addresses    %s\n", render_list(json_object_get(r, "enrp_addresses"), "all", list));
    show_announce(o, json_object_get(r, "enrp_announce"));
    output_text(o, "Handlespace\n");
    output_text(o, "  Pools        %" PRId64 "\n", render_number(r, "pools"));
    output_text(o, "  Elements     %" PRId64 ", %" PRId64 " of them owned\n", render_number(r, "elements"),
                render_number(r, "owned"));
    output_text(o, "  Checksum     0x%04" PRIx64 "\n", render_number(r, "checksum"));
    output_text(o, "  Channels     %" PRId64 "\n", render_number(r, "channels"));
}

int show_registrar(struct cli *c, const struct parse *p)
{
    json_t *result = NULL;

    (void)p;
    if (daemon_call(c, &c->registrard, "registrar.get", NULL, &result) != 0)
        return -1;
    if (output_wants_json(&c->out))
        output_json(&c->out, result);
    else
        show_text(&c->out, result);
    json_decref(result);
    return 0;
}

static void show_peer(struct output *o, const json_t *peer)
{
    char list[RENDER_LIST_MAX], heard[64];
    const json_t *last = json_object_get(peer, "last_heard");

    snprintf(heard, sizeof heard, "-");
    if (json_is_number(last))
        snprintf(heard, sizeof heard, "%.1f s ago", json_number_value(last) / 1000);
    output_text(o, "0x%08" PRIx64 "  %-12s  %-12s  %8" PRId64 "  0x%04" PRIx64 "    %s port %" PRId64 "\n",
                render_number(peer, "identifier"), render_text(peer, "state"), heard,
                render_number(peer, "elements"), render_number(peer, "checksum"),
                render_list(json_object_get(peer, "addresses"), "-", list), render_number(peer, "port"));
}

int show_peers(struct cli *c, const struct parse *p)
{
    json_t *result = NULL, *peers, *peer;
    size_t i;

    (void)p;
    if (daemon_call(c, &c->registrard, "peers.list", NULL, &result) != 0)
        return -1;
    peers = json_object_get(result, "peers");
    if (output_wants_json(&c->out)) {
        output_json(&c->out, result);
    } else if (json_array_size(peers) == 0) {
        output_text(&c->out, "No other registrar is known.\n");
    } else {
        output_text(&c->out, "Registrar   State         Last heard    Elements  Checksum  Addresses\n");
        json_array_foreach(peers, i, peer) show_peer(&c->out, peer);
    }
    json_decref(result);
    return 0;
}
