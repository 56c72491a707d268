/* SPDX-License-Identifier: BSD-3-Clause */
/* SET of rserpoolENRPDescription through configd, with the undo that SNMP asks for. */
#include "snmp-agent/description.h"

#include "base/log.h"
#include "control/control.h"
#include "snmp-agent/loop.h"

#define SETTING "registrar.description"

/* configd answers from memory. Waiting is right here: the protocol's phases are synchronous, and only this
 * process waits. */
enum { CALL_TIMEOUT_MS = 1500 };

static int check(void *context, struct octets value)
{
    (void)context;
    if (value.length > MIRROR_TEXT_MAX)
        return SNMP_ERR_WRONGLENGTH;
    for (size_t i = 0; i < value.length; i++)
        if (value.data[i] < 0x20 || value.data[i] == 0x7f)
            return SNMP_ERR_WRONGVALUE;
    json_t *utf8 = json_stringn(value.length ? (const char *)value.data : "", value.length);
    json_decref(utf8);
    return utf8 ? SNMP_ERR_NOERROR : SNMP_ERR_WRONGVALUE;
}

static void release(void *context)
{
    struct description *d = context;

    control_client_free(d->client);
    json_decref(d->old);
    d->client = NULL;
    d->old = NULL;
    d->applied = false;
}

static int call(struct description *d, const char *method, json_t *params, json_t **result)
{
    const char *message;
    int rc = control_call(d->client, method, params, result, &message);

    if (rc != 0)
        log_warning("snmp: SET of the registrar's description: configd answers: %s", message);
    return rc;
}

static void connect_configd(void *context)
{
    struct description *d = context;
    int error;

    d->client = control_client_new(d->configd, CALL_TIMEOUT_MS, &error);
}

static int prepare(void *context)
{
    struct description *d = context;
    json_t *result = NULL;

    release(d); /* a master that died between two phases may have left something */
    loop_guarded(connect_configd, d);
    if (!d->client) {
        log_warning("snmp: SET of the registrar's description: no configd at %s; start it", d->configd);
        return SNMP_ERR_RESOURCEUNAVAILABLE;
    }
    if (call(d, "config.get", json_pack("{s:s}", "path", SETTING), &result) != 0) {
        release(d);
        return SNMP_ERR_RESOURCEUNAVAILABLE;
    }
    json_t *old = json_object_get(json_object_get(result, "settings"), SETTING);
    d->old = old ? json_incref(old) : json_null();
    json_decref(result);
    return SNMP_ERR_NOERROR;
}

/* text: a JSON string, borrowed; empty and null both mean that the setting is not set. */
static int store(struct description *d, json_t *text)
{
    bool unset = json_string_length(text) == 0;
    json_t *params = json_pack("{s:s}", "path", SETTING), *result = NULL;

    if (!unset)
        json_object_set(params, "value", text);
    int rc = call(d, unset ? "config.unset" : "config.set", params, &result);
    json_decref(result);
    if (rc == 0)
        mirror_set_description(d->mirror, octets_of(json_string_value(text), json_string_length(text)));
    return rc;
}

static int apply(void *context, struct octets value)
{
    struct description *d = context;
    json_t *text = json_stringn(value.length ? (const char *)value.data : "", value.length);
    int rc = store(d, text);

    json_decref(text);
    d->applied = rc == 0;
    return rc == 0 ? SNMP_ERR_NOERROR : SNMP_ERR_COMMITFAILED;
}

static int undo(void *context)
{
    struct description *d = context;

    return !d->applied || store(d, d->old) == 0 ? SNMP_ERR_NOERROR : SNMP_ERR_UNDOFAILED;
}

const struct table_setter description_setter = {
    .check = check, .prepare = prepare, .apply = apply, .undo = undo, .release = release};
