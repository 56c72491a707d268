/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls to registrard and configd: connected when needed, again after a restart, and a message that helps
 * when not. */
#include "base/error.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

enum { CALL_TIMEOUT_MS = 15000, METHOD_NOT_FOUND = -32601 };

void daemon_close(struct daemon *d)
{
    control_client_free(d->client);
    d->client = NULL;
}

static int try_call(struct daemon *d, const char *method, json_t *params, json_t **result, const char **text)
{
    int rc = 0;

    *text = NULL;
    if (!d->client)
        d->client = control_client_new(d->path, CALL_TIMEOUT_MS, &rc);
    if (!d->client)
        return rc;
    rc = control_call(d->client, method, json_incref(params), result, text);
    return rc;
}

/* Did the connection fail, so that it is of no use any more? A daemon can answer with the same codes (configd
 * when registrard is away), but then it says more than the catalogue's own words. */
static bool is_lost(int code, const char *text)
{
    char own_words[512];

    if (code != ERR_CLOSED && code != ERR_TIMEOUT && code != ERR_MALFORMED && code != ERR_TOO_LONG)
        return false;
    snprintf(own_words, sizeof own_words, "%s (%s)", error_text(code), error_advice(code));
    return !text || strcmp(text, own_words) == 0;
}

static int call(struct daemon *d, const char *method, json_t *params, json_t **result, const char **text)
{
    bool fresh = d->client == NULL;
    int rc;

    if (!params)
        params = json_object();
    *result = NULL;
    rc = try_call(d, method, params, result, text);
    if (rc == ERR_CLOSED && is_lost(rc, *text) && !fresh) { /* it was restarted since the last call */
        daemon_close(d);
        rc = try_call(d, method, params, result, text);
    }
    json_decref(params);
    return rc;
}

int daemon_ask(struct daemon *d, const char *method, json_t *params, json_t **result)
{
    const char *text;
    int rc = call(d, method, params, result, &text);

    if (is_lost(rc, text))
        daemon_close(d);
    return rc;
}

static int unreachable(struct cli *c, const struct daemon *d, int code)
{
    if (code == ERR_DENIED)
        return cli_error(c,
                         "%s: no access to %s. This account is in neither of the groups poolward-read and "
                         "poolward-admin: log in as an operator.",
                         d->name, d->path);
    return cli_error(
        c,
        "%s does not answer on %s (%s). It is started again by itself: try again in a few seconds. "
        "If it stays away, its log says why (journalctl -u %s).",
        d->name, d->path, error_text(code), d->name);
}

int daemon_call(struct cli *c, struct daemon *d, const char *method, json_t *params, json_t **result)
{
    const char *text;
    int rc = call(d, method, params, result, &text);

    if (rc == 0)
        return 0;
    if (output_interrupted())
        c->failed = true; /* cli_execute says so */
    else if (!text || is_lost(rc, text))
        unreachable(c, d, rc);
    else if (rc == METHOD_NOT_FOUND)
        cli_error(c, "%s is of another version and does not know %s: update both together.", d->name, method);
    else
        cli_error(c, "%s", text);
    if (is_lost(rc, text))
        daemon_close(d);
    return -1;
}
