/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon's link to another daemon: on its event loop, calls under way in a list, connected again by itself.
 */
#include "base/error.h"
#include "control/control.h"
#include "control/rpc.h"

#include <bsd/sys/queue.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS_DEFAULT = 500 };

struct call {
    json_int_t id;
    void *context;
    void (*done)(void *context, int code, const json_t *result, const char *message);
    STAILQ_ENTRY(call) next;
};
STAILQ_HEAD(calls, call);

struct control_link {
    struct event_base *base;
    struct control_link_options options;
    struct sockaddr_un address;
    struct bufferevent *stream;
    struct event *retry;
    struct calls calls;
    json_int_t last_id;
    size_t scanned;
    bool up;
    bool *freed; /* set while callbacks run, so that one of them may free the link */
};

static void connect_now(struct control_link *l);

static void retry_later(struct control_link *l)
{
    uint32_t ms = l->options.retry_ms ? l->options.retry_ms : RETRY_MS_DEFAULT;
    struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    evtimer_add(l->retry, &wait);
}

static void fail_calls(struct control_link *l)
{
    struct calls failed = STAILQ_HEAD_INITIALIZER(failed);
    struct call *call;

    STAILQ_CONCAT(&failed, &l->calls);
    while ((call = STAILQ_FIRST(&failed))) {
        STAILQ_REMOVE_HEAD(&failed, next);
        if (call->done)
            call->done(call->context, ERR_CLOSED, NULL, error_text(ERR_CLOSED));
        free(call);
    }
}

static void disconnect(struct control_link *l)
{
    bool was_up = l->up, freed = false;

    l->up = false;
    if (l->stream)
        bufferevent_free(l->stream);
    l->stream = NULL;
    l->scanned = 0;
    retry_later(l);
    l->freed = &freed;
    fail_calls(l);
    if (freed)
        return;
    l->freed = NULL;
    if (was_up && l->options.down)
        l->options.down(l->options.context, l);
}

static void on_answer(struct control_link *l, const json_t *message)
{
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    const json_t *error = json_object_get(message, "error");
    char text[RPC_MESSAGE_MAX] = "";
    struct call *call;

    STAILQ_FOREACH(call, &l->calls, next)
    if (call->id == id)
        break;
    if (!call)
        return;
    STAILQ_REMOVE(&l->calls, call, call, next);
    int code = error ? rpc_error_message(error, text) : 0;
    if (call->done)
        call->done(call->context, code, json_object_get(message, "result"), text);
    free(call);
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct control_link *l = context;
    json_t *message;
    bool freed = false;
    int rc = 0;

    l->freed = &freed;
    while (!freed && l->stream == stream &&
           (rc = rpc_take_line(bufferevent_get_input(stream), RPC_LINE_MAX, &l->scanned, &message)) == 1) {
        const char *method = json_string_value(json_object_get(message, "method"));
        if (method && l->options.event)
            l->options.event(l->options.context, l, method, json_object_get(message, "params"));
        else if (message)
            on_answer(l, message);
        json_decref(message);
    }
    if (freed)
        return;
    l->freed = NULL;
    if (rc < 0)
        disconnect(l);
}

static void on_event(struct bufferevent *stream, short what, void *context)
{
    struct control_link *l = context;

    (void)stream;
    if (what & BEV_EVENT_CONNECTED) {
        l->up = true;
        if (l->options.up)
            l->options.up(l->options.context, l);
    } else {
        disconnect(l);
    }
}

static void connect_now(struct control_link *l)
{
    l->stream = bufferevent_socket_new(l->base, -1, BEV_OPT_CLOSE_ON_FREE);
    if (!l->stream) {
        retry_later(l);
        return;
    }
    bufferevent_setcb(l->stream, on_read, NULL, on_event, l);
    bufferevent_enable(l->stream, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(l->stream, (struct sockaddr *)&l->address, sizeof l->address) != 0 &&
        l->stream)
        disconnect(l);
}

static void on_retry(evutil_socket_t fd, short what, void *context)
{
    struct control_link *l = context;

    (void)fd;
    (void)what;
    if (!l->stream)
        connect_now(l);
}

struct control_link *control_link_new(struct event_base *base, const struct control_link_options *o)
{
    struct control_link *l = calloc(1, sizeof *l);
    struct timeval now = {0};

    if (!l)
        return NULL;
    l->base = base;
    l->options = *o;
    STAILQ_INIT(&l->calls);
    l->retry = evtimer_new(base, on_retry, l);
    if (!l->retry || rpc_socket_address(o->path, &l->address) != 0) {
        control_link_free(l);
        return NULL;
    }
    evtimer_add(l->retry, &now); /* from the loop, so that no callback runs before the caller has the link */
    return l;
}

void control_link_free(struct control_link *l)
{
    if (!l)
        return;
    if (l->freed)
        *l->freed = true;
    l->up = false;
    fail_calls(l);
    if (l->stream)
        bufferevent_free(l->stream);
    if (l->retry)
        event_free(l->retry);
    free(l);
}

bool control_link_is_up(const struct control_link *l)
{
    return l->up;
}

void control_link_call(struct control_link *l, const char *method, json_t *params, void *context,
                       void (*done)(void *context, int code, const json_t *result, const char *message))
{
    struct call *call = l->up ? calloc(1, sizeof *call) : NULL;
    json_t *id = call ? json_integer(++l->last_id) : NULL;
    int rc = call ? 0 : ERR_CLOSED;

    if (call) {
        rc = rpc_append(bufferevent_get_output(l->stream), rpc_request(method, params, id));
        json_decref(id);
    } else {
        json_decref(params);
    }
    if (rc == 0) {
        *call = (struct call){.id = l->last_id, .context = context, .done = done};
        STAILQ_INSERT_TAIL(&l->calls, call, next);
    } else {
        free(call);
        if (done)
            done(context, rc, NULL, error_text(rc));
    }
}
