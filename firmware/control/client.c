/* SPDX-License-Identifier: BSD-3-Clause */
/* The client that blocks, for programs that have nothing else to do while they wait: the CLI. */
#include "base/clock.h"
#include "base/error.h"
#include "control/control.h"
#include "control/rpc.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct control_client {
    int fd;
    int timeout_ms;
    json_int_t last_id;
    size_t scanned;
    struct evbuffer *in, *out;
    json_t *events; /* notifications that came while an answer was awaited */
    char message[RPC_MESSAGE_MAX];
};

enum { EVENTS_KEPT = 10000 };

struct control_client *control_client_new(const char *path, int timeout_ms, int *error)
{
    struct control_client *c = calloc(1, sizeof *c);
    struct sockaddr_un address;

    *error = c ? rpc_socket_address(path, &address) : ERR_MEMORY;
    if (!c)
        return NULL;
    c->timeout_ms = timeout_ms;
    c->in = evbuffer_new();
    c->out = evbuffer_new();
    c->events = json_array();
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*error == 0 && (c->fd < 0 || !c->in || !c->out || !c->events))
        *error = ERR_MEMORY;
    if (*error == 0 && connect(c->fd, (const void *)&address, sizeof address) != 0)
        *error = error_from_errno(errno);
    if (*error == 0)
        return c;
    control_client_free(c);
    return NULL;
}

void control_client_free(struct control_client *c)
{
    if (!c)
        return;
    if (c->fd >= 0)
        close(c->fd);
    if (c->in)
        evbuffer_free(c->in);
    if (c->out)
        evbuffer_free(c->out);
    json_decref(c->events);
    free(c);
}

int control_client_fd(const struct control_client *c)
{
    return c->fd;
}

static int wait_for(struct control_client *c, short what, uint64_t until_ms)
{
    struct pollfd p = {.fd = c->fd, .events = what};
    uint64_t now = clock_ms();
    int n = now < until_ms ? poll(&p, 1, (int)(until_ms - now)) : 0;

    return n > 0 ? 0 : n == 0 ? ERR_TIMEOUT : errno == EINTR ? ERR_TIMEOUT : error_from_errno(errno);
}

static int send_all(struct control_client *c, uint64_t until_ms)
{
    while (evbuffer_get_length(c->out) > 0) {
        int rc = wait_for(c, POLLOUT, until_ms);
        if (rc != 0)
            return rc;
        struct evbuffer_iovec v;
        evbuffer_peek(c->out, -1, NULL, &v, 1);
        ssize_t n = send(c->fd, v.iov_base, v.iov_len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return ERR_CLOSED;
        if (n > 0)
            evbuffer_drain(c->out, (size_t)n);
    }
    return 0;
}

/* The next message of any kind. */
static int receive(struct control_client *c, uint64_t until_ms, json_t **value)
{
    for (;;) {
        int rc = rpc_take_line(c->in, RPC_LINE_MAX, &c->scanned, value);
        if (rc != 0)
            return rc == 1 ? (*value ? 0 : ERR_MALFORMED) : rc;
        rc = wait_for(c, POLLIN, until_ms);
        if (rc != 0)
            return rc;
        if (evbuffer_read(c->in, c->fd, 256 * 1024) <= 0)
            return ERR_CLOSED;
    }
}

static int local_failure(struct control_client *c, int code, const char **message)
{
    snprintf(c->message, sizeof c->message, "%s (%s)", error_text(code), error_advice(code));
    *message = c->message;
    return code;
}

int control_call(struct control_client *c, const char *method, json_t *params, json_t **result,
                 const char **message)
{
    uint64_t until = clock_ms() + (uint64_t)c->timeout_ms;
    json_t *id = json_integer(++c->last_id);
    json_t *answer;
    int rc = rpc_append(c->out, rpc_request(method, params, id));

    json_decref(id);
    if (rc == 0)
        rc = send_all(c, until);
    while (rc == 0 && (rc = receive(c, until, &answer)) == 0) {
        if (json_integer_value(json_object_get(answer, "id")) == c->last_id)
            break;
        if (json_object_get(answer, "method") && json_array_size(c->events) < EVENTS_KEPT)
            json_array_append(c->events, answer);
        json_decref(answer);
    }
    if (rc != 0)
        return local_failure(c, rc, message);
    json_t *error = json_object_get(answer, "error");
    if (error) {
        rc = rpc_error_message(error, c->message);
        *message = c->message;
    } else {
        *result = json_incref(json_object_get(answer, "result"));
    }
    json_decref(answer);
    return rc;
}

int control_next_event(struct control_client *c, int timeout_ms, char **method, json_t **params)
{
    uint64_t until = clock_ms() + (uint64_t)timeout_ms;
    json_t *event = NULL;

    while (!event) {
        if (json_array_size(c->events) > 0) {
            event = json_incref(json_array_get(c->events, 0));
            json_array_remove(c->events, 0);
        } else {
            int rc = receive(c, until, &event);
            if (rc != 0)
                return rc;
        }
        if (!json_is_string(json_object_get(event, "method"))) {
            json_decref(event);
            event = NULL;
        }
    }
    *method = strdup(json_string_value(json_object_get(event, "method")));
    *params = json_incref(json_object_get(event, "params"));
    json_decref(event);
    return *method ? 0 : ERR_MEMORY;
}
