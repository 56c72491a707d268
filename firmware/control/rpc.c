/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/rpc.h"

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *rpc_request(const char *method, json_t *params, json_t *id)
{
    json_t *request = json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params",
                                params ? params : json_object());

    if (request && id)
        json_object_set(request, "id", id);
    return request;
}

json_t *rpc_result(json_t *id, json_t *result)
{
    return json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result",
                     result ? result : json_object());
}

/* JSON's text is UTF-8; a detail may quote what is not, or be cut off within a character. */
static json_t *any_text(const char *text)
{
    json_t *value = json_string(text);
    char ascii[RPC_MESSAGE_MAX];

    if (value)
        return value;
    snprintf(ascii, sizeof ascii, "%s", text);
    for (char *c = ascii; *c; c++)
        if ((unsigned char)*c > 0x7e)
            *c = '?';
    return json_string(ascii);
}

json_t *rpc_error(json_t *id, int code, const char *message, const char *detail, const char *advice)
{
    return json_pack("{s:s, s:O, s:{s:i, s:s, s:{s:s, s:o, s:s}}}", "jsonrpc", "2.0", "id", id, "error",
                     "code", code, "message", message, "data", "name", error_name(code), "detail",
                     any_text(detail ? detail : ""), "advice", advice ? advice : "");
}

int rpc_append(struct evbuffer *out, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    int rc = text && evbuffer_add(out, text, strlen(text)) == 0 && evbuffer_add(out, "\n", 1) == 0
                 ? 0
                 : ERR_MEMORY;

    free(text);
    json_decref(value);
    return rc;
}

int rpc_take_line(struct evbuffer *in, size_t max, size_t *scanned, json_t **value)
{
    size_t length = evbuffer_get_length(in);
    struct evbuffer_ptr from, eol;
    json_error_t why;

    if (length == 0 || *scanned >= length || evbuffer_ptr_set(in, &from, *scanned, EVBUFFER_PTR_SET) != 0)
        return 0;
    eol = evbuffer_search(in, "\n", 1, &from);
    if (eol.pos < 0) {
        *scanned = length;
        return length > max ? ERR_TOO_LONG : 0;
    }
    *scanned = 0;
    if ((size_t)eol.pos > max)
        return ERR_TOO_LONG;
    const char *line = (const char *)evbuffer_pullup(in, eol.pos + 1);
    if (!line)
        return ERR_MEMORY;
    *value = json_loadb(line, (size_t)eol.pos, JSON_REJECT_DUPLICATES, &why);
    evbuffer_drain(in, (size_t)eol.pos + 1);
    return 1;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

int rpc_error_message(const json_t *error, char message[RPC_MESSAGE_MAX])
{
    const json_t *data = json_object_get(error, "data");
    const char *detail = text_of(data, "detail"), *advice = text_of(data, "advice");
    json_int_t code = json_integer_value(json_object_get(error, "code"));

    snprintf(message, RPC_MESSAGE_MAX, "%s%s%s%s%s%s", text_of(error, "message"), *detail ? ": " : "", detail,
             *advice ? " (" : "", advice, *advice ? ")" : "");
    return code < 0 && code > INT16_MIN ? (int)code : ERR_IO;
}

int rpc_socket_address(const char *path, struct sockaddr_un *out)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof out->sun_path)
        return ERR_TOO_LONG;
    memcpy(out->sun_path, path, strlen(path) + 1);
    return 0;
}
