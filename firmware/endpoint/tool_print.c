/* SPDX-License-Identifier: BSD-3-Clause */
/* pooltool's output: each event is a JSON object, printed as such or as a line of text. */
#include "base/error.h"
#include "endpoint/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Pool handles are octets: what is no printable ASCII is shown as \xHH, which --pool reads back. */
static json_t *handle_text(struct octets handle)
{
    char text[TOOL_HANDLE_MAX * 4 + 1];
    size_t n = 0;

    for (size_t i = 0; i < handle.length && n + 5 < sizeof text; i++) {
        uint8_t c = handle.data[i];
        bool plain = c > ' ' && c < 0x7f && c != '\\';
        n += (size_t)snprintf(text + n, sizeof text - n, plain ? "%c" : "\\x%02x", c);
    }
    return json_stringn(text, n);
}

static json_t *hex(uint32_t value)
{
    return json_sprintf("0x%08x", value);
}

json_t *tool_event(const char *name, struct octets handle)
{
    json_t *event = json_object();
    json_object_set_new(event, "event", json_string(name));
    if (handle.length)
        json_object_set_new(event, "pool", handle_text(handle));
    return event;
}

void tool_add_result(json_t *event, int result, bool has_cause, uint16_t cause)
{
    if (result) {
        json_object_set_new(event, "error", json_string(error_name(result)));
        json_object_set_new(event, "text", json_string(error_text(result)));
    }
    if (has_cause)
        json_object_set_new(event, "cause", json_sprintf("0x%x %s", cause, wire_cause_name(cause)));
}

static json_t *address_list(struct octets addresses)
{
    json_t *list = json_array();
    char text[ADDRESS_TEXT_MAX];
    struct address a;
    while (wire_address_next(&addresses, &a))
        json_array_append_new(list, json_string(address_format(&a, text)));
    return list;
}

/* Only the fields that the policy has are not zero; a zero is worth showing only where it says something. */
static void add_policy(json_t *event, const struct wire_policy *p)
{
    const struct {
        const char *name;
        uint32_t value;
    } fields[] = {{"weight", p->weight},           {"priority", p->priority},     {"load", p->load},
                  {"degradation", p->degradation}, {"weight_dpf", p->weight_dpf}, {"load_dpf", p->load_dpf},
                  {"distance_ms", p->distance}};
    json_object_set_new(event, "policy", json_string(wire_policy_name(p->type)));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (fields[i].value)
            json_object_set_new(event, fields[i].name, json_integer(fields[i].value));
}

void tool_add_element(json_t *event, const struct wire_pool_element *e)
{
    json_object_set_new(event, "id", hex(e->identifier));
    json_object_set_new(event, "home", hex(e->home_registrar));
    json_object_set_new(event, "life", json_integer(e->registration_life));
    add_policy(event, &e->policy);
    json_object_set_new(event, "transport", json_string(wire_transport_name(e->user.type)));
    if (e->user.type == WIRE_OPAQUE)
        return;
    json_object_set_new(event, "port", json_integer(e->user.port));
    json_object_set_new(event, "addresses", address_list(e->user.addresses));
    if (e->user.use == WIRE_USE_DATA_PLUS_CONTROL)
        json_object_set_new(event, "use", json_string("data+control"));
}

static void print_value(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        fputs(json_string_value(value), stdout);
        break;
    case JSON_INTEGER:
        printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        printf("%.3f", json_real_value(value));
        break;
    case JSON_ARRAY:
        for (size_t i = 0; i < json_array_size(value); i++) {
            fputs(i ? "," : "", stdout);
            print_value(json_array_get(value, i));
        }
        break;
    default:
        fputs(json_is_true(value) ? "yes" : "no", stdout);
    }
}

static void print_text(json_t *event)
{
    const char *key;
    json_t *value;

    fputs(json_string_value(json_object_get(event, "event")), stdout);
    json_object_foreach(event, key, value)
    {
        if (strcmp(key, "event") == 0)
            continue;
        bool quoted = json_is_string(value) && strchr(json_string_value(value), ' ');
        printf(quoted ? " %s=\"" : " %s=", key);
        print_value(value);
        fputs(quoted ? "\"" : "", stdout);
    }
    putchar('\n');
}

void tool_print(const struct tool_options *o, json_t *event)
{
    if (o->json) {
        char *line = json_dumps(event, JSON_COMPACT | JSON_PRESERVE_ORDER);
        puts(line ? line : "{}");
        free(line);
    } else {
        print_text(event);
    }
    fflush(stdout); /* so that who waits for the line sees it at once */
    json_decref(event);
}

void tool_fail(const struct tool_options *o, int result, bool has_cause, uint16_t cause, const char *format,
               ...)
{
    char what[256];
    va_list ap;

    va_start(ap, format);
    vsnprintf(what, sizeof what, format, ap);
    va_end(ap);
    if (o->json) {
        json_t *event = tool_event("failed", (struct octets){0});
        json_object_set_new(event, "what", json_string(what));
        tool_add_result(event, result, has_cause, cause);
        json_object_set_new(event, "advice", json_string(error_advice(result)));
        tool_print(o, event);
        return;
    }
    fprintf(stderr, "pooltool: %s: %s", what, error_text(result));
    if (has_cause)
        fprintf(stderr, " (error cause 0x%x, %s)", cause, wire_cause_name(cause));
    fprintf(stderr, "; %s\n", error_advice(result));
}
