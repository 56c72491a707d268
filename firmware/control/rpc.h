/* SPDX-License-Identifier: BSD-3-Clause */
/* JSON-RPC 2.0 as values: what both ends of a control socket share. Internal to this room. */
#ifndef CONTROL_RPC_H
#define CONTROL_RPC_H

#include <event2/buffer.h>
#include <jansson.h>
#include <stddef.h>
#include <sys/un.h>

enum { /* JSON-RPC 2.0, section 5.1 */
       RPC_PARSE_ERROR = -32700,
       RPC_INVALID_REQUEST = -32600,
       RPC_METHOD_NOT_FOUND = -32601,
};

enum { RPC_LINE_MAX = 64 << 20, RPC_MESSAGE_MAX = 512 };

/* Steal params, result and error; id is borrowed. NULL when out of memory. */
json_t *rpc_request(const char *method, json_t *params, json_t *id);
json_t *rpc_result(json_t *id, json_t *result);
json_t *rpc_error(json_t *id, int code, const char *message, const char *detail, const char *advice);

/* Appends value as one line. Frees value. ERR_MEMORY. */
int rpc_append(struct evbuffer *out, json_t *value);

/* Takes the next line off a buffer and parses it. 1: *value is a new reference, or NULL where the line is not
 * JSON. 0: no whole line yet. ERR_TOO_LONG: the line is over max octets. *scanned (starts at 0) remembers how
 * far was searched, so that a line which comes in small pieces costs no more than its length. */
int rpc_take_line(struct evbuffer *in, size_t max, size_t *scanned, json_t **value);

/* One sentence for a person out of an error object, and its code: "no such pool: Echo. List what there is
 * ...". */
int rpc_error_message(const json_t *error, char message[RPC_MESSAGE_MAX]);

/* ERR_TOO_LONG when the path does not fit. */
int rpc_socket_address(const char *path, struct sockaddr_un *out);

#endif
