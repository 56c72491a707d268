/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The server's end: connections, requests that may be answered later, subscribers. A connection is counted by
 * what refers to it (the server, open requests), so that an answer which comes after the caller left is
 * simply dropped.
 */
#include "base/error.h"
#include "base/log.h"
#include "control/control.h"
#include "control/rpc.h"

#include <bsd/sys/queue.h>
#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 64,
    SUBSCRIPTIONS_MAX = 8, /* of one connection */
    LINE_MAX_DEFAULT = 1 << 20,
    QUEUED_MAX_DEFAULT = 16 << 20,
    ACCEPT_RETRY_MS = 500
};

struct control_subscriber {
    struct connection *connection;
    uint64_t sequence;
    void *context;
    void (*drained)(void *context, struct control_subscriber *s);
    void (*gone)(void *context, struct control_subscriber *s);
    LIST_ENTRY(control_subscriber) next;
};
LIST_HEAD(subscribers, control_subscriber);

struct connection {
    struct control_server *server; /* NULL once closed */
    struct bufferevent *stream;
    struct control_peer peer;
    struct subscribers subscribers;
    unsigned n_subscribers;
    size_t scanned;
    unsigned references;
    LIST_ENTRY(connection) next;
};
LIST_HEAD(connections, connection);

struct control_request {
    struct connection *connection;
    json_t *id; /* NULL: a notification, which gets no answer */
};

struct control_server {
    struct control_server_options options;
    char *path;
    struct evconnlistener *listener;
    struct event *accept_again;
    struct connections connections;
    uint32_t n_connections, n_subscribers;
};

static void connection_release(struct connection *c)
{
    if (--c->references == 0)
        free(c);
}

static void connection_close(struct connection *c)
{
    struct control_subscriber *s;

    if (!c->server)
        return;
    while ((s = LIST_FIRST(&c->subscribers))) {
        LIST_REMOVE(s, next);
        c->server->n_subscribers--;
        if (s->gone)
            s->gone(s->context, s);
        free(s);
    }
    LIST_REMOVE(c, next);
    c->server->n_connections--;
    c->server = NULL;
    bufferevent_free(c->stream);
    c->stream = NULL;
    connection_release(c);
}

/* A reader that does not read costs its own connection, not the daemon's memory. */
static void connection_send(struct connection *c, json_t *message)
{
    if (!c->server) {
        json_decref(message);
        return;
    }
    struct evbuffer *out = bufferevent_get_output(c->stream);
    if (rpc_append(out, message) != 0 || evbuffer_get_length(out) > c->server->options.max_queued) {
        log_warning("control: closing the connection of process %d: it does not read its answers",
                    (int)c->peer.pid);
        connection_close(c);
    }
}

static void request_free(struct control_request *r)
{
    connection_release(r->connection);
    json_decref(r->id);
    free(r);
}

const struct control_peer *control_request_peer(const struct control_request *r)
{
    return &r->connection->peer;
}

void control_reply(struct control_request *r, json_t *result)
{
    if (r->id)
        connection_send(r->connection, rpc_result(r->id, result));
    else
        json_decref(result);
    request_free(r);
}

void control_fail(struct control_request *r, int code, const char *detail, ...)
{
    char text[RPC_MESSAGE_MAX] = "";

    if (detail) {
        va_list ap;
        va_start(ap, detail);
        vsnprintf(text, sizeof text, detail, ap);
        va_end(ap);
    }
    if (r->id)
        connection_send(r->connection, rpc_error(r->id, code, error_text(code), text, error_advice(code)));
    request_free(r);
}

static void refuse(struct connection *c, json_t *id, int code, const char *message, const char *detail)
{
    json_t *null = json_null();
    connection_send(c, rpc_error(id ? id : null, code, message, detail, "see firmware/control/METHODS.md"));
}

static void dispatch(struct connection *c, json_t *value)
{
    const char *name = json_string_value(json_object_get(value, "method"));
    json_t *params = json_object_get(value, "params"), *id = json_object_get(value, "id");
    const struct control_method *m = c->server->options.methods;

    if (!name || (params && !json_is_object(params))) {
        refuse(c, id, RPC_INVALID_REQUEST, "invalid request", "method must be a string, params an object");
        return;
    }
    while (m->name && strcmp(m->name, name) != 0)
        m++;
    if (!m->name) {
        refuse(c, id, RPC_METHOD_NOT_FOUND, "no such method", name);
        return;
    }
    struct control_request *r = calloc(1, sizeof *r);
    if (!r)
        return;
    *r = (struct control_request){.connection = c, .id = json_incref(id)};
    c->references++;
    if (c->peer.level < m->level) {
        control_fail(r, ERR_DENIED, "%s needs privilege level %d, this user has %d", name, m->level,
                     c->peer.level);
        return;
    }
    json_t *none = params ? NULL : json_object();
    m->call(c->server->options.context, r, params ? params : none);
    json_decref(none);
}

static void on_read(struct bufferevent *stream, void *context)
{
    struct connection *c = context;
    json_t *value;
    int rc = 0;

    c->references++;
    while (c->server && (rc = rpc_take_line(bufferevent_get_input(stream), c->server->options.max_line,
                                            &c->scanned, &value)) == 1) {
        if (value)
            dispatch(c, value);
        else
            refuse(c, NULL, RPC_PARSE_ERROR, "not JSON", "one JSON value a line is expected");
        json_decref(value);
    }
    if (rc < 0 && c->server) {
        log_warning("control: closing the connection of process %d: a request is over %u octets",
                    (int)c->peer.pid, c->server->options.max_line);
        connection_close(c);
    }
    connection_release(c);
}

static void on_written(struct bufferevent *stream, void *context)
{
    struct connection *c = context;
    struct control_subscriber *s, *after;

    c->references++;
    for (s = LIST_FIRST(&c->subscribers); s && evbuffer_get_length(bufferevent_get_output(stream)) == 0;
         s = after) {
        after = LIST_NEXT(s, next);
        if (s->drained)
            s->drained(s->context, s);
        if (!c->server)
            break;
    }
    connection_release(c);
}

static void on_end(struct bufferevent *stream, short what, void *context)
{
    (void)stream;
    (void)what;
    connection_close(context);
}

static bool in_group(const char *user, gid_t primary, const char *group_name)
{
    struct group *group = getgrnam(group_name);
    gid_t groups[128];
    int n = 128;

    if (!group || getgrouplist(user, primary, groups, &n) < 0)
        return false;
    gid_t wanted = group->gr_gid;
    for (int i = 0; i < n; i++)
        if (groups[i] == wanted)
            return true;
    return false;
}

static int level_of(uid_t uid)
{
    if (uid == 0 || uid == geteuid())
        return CONTROL_LEVEL_ADMIN;
    struct passwd *user = getpwuid(uid);
    if (!user)
        return CONTROL_LEVEL_NONE;
    char name[256];
    gid_t primary = user->pw_gid;
    snprintf(name, sizeof name, "%s", user->pw_name);
    return in_group(name, primary, "poolward-admin")  ? CONTROL_LEVEL_ADMIN
           : in_group(name, primary, "poolward-read") ? CONTROL_LEVEL_READ
                                                      : CONTROL_LEVEL_NONE;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int length,
                      void *context)
{
    struct control_server *s = context;
    struct ucred cred;
    socklen_t size = sizeof cred;
    struct connection *c = NULL;

    (void)sa;
    (void)length;
    if (s->n_connections >= s->options.max_connections ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0 || !(c = calloc(1, sizeof *c)) ||
        !(c->stream = bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE))) {
        free(c);
        close(fd);
        return;
    }
    c->server = s;
    c->references = 1;
    c->peer =
        (struct control_peer){.uid = cred.uid, .gid = cred.gid, .pid = cred.pid, .level = level_of(cred.uid)};
    LIST_INIT(&c->subscribers);
    LIST_INSERT_HEAD(&s->connections, c, next);
    s->n_connections++;
    bufferevent_setcb(c->stream, on_read, on_written, on_end, c);
    bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

/* Out of descriptors: the waiting connection would wake the loop again at once, so stop listening for a
 * moment. */
static void on_accept_error(struct evconnlistener *listener, void *context)
{
    struct control_server *s = context;
    struct timeval again = {.tv_usec = ACCEPT_RETRY_MS * 1000};

    evconnlistener_disable(listener);
    evtimer_add(s->accept_again, &again);
}

static void on_accept_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    evconnlistener_enable(((struct control_server *)context)->listener);
}

/* A wrong path on the command line must not cost an operator a file. */
static bool is_socket(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Whether a process answers behind a socket file; a file that nobody serves is left over and removed. */
static int claim_path(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? error_from_errno(errno) : 0;

    if (fd >= 0) {
        if (connect(fd, (const void *)address, sizeof *address) == 0 || errno == EAGAIN)
            rc = ERR_ADDRESS_IN_USE;
        else if (errno == ECONNREFUSED && is_socket(address->sun_path))
            unlink(address->sun_path);
        close(fd);
    }
    return rc;
}

static int bind_path(const struct control_server_options *o, const struct sockaddr_un *address, int *fd)
{
    struct group *group = o->group ? getgrnam(o->group) : NULL;

    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0)
        return error_from_errno(errno);
    mode_t old = umask(0777);
    int rc = bind(*fd, (const void *)address, sizeof *address) == 0 ? 0 : error_from_errno(errno);
    umask(old);
    if (rc == 0 && ((group && chown(o->path, (uid_t)-1, group->gr_gid) != 0) ||
                    chmod(o->path, o->mode ? o->mode : 0660) != 0 || listen(*fd, 64) != 0))
        rc = error_from_errno(errno);
    if (rc != 0) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}

struct control_server *control_server_new(struct event_base *base, const struct control_server_options *o,
                                          int *error)
{
    struct control_server *s = calloc(1, sizeof *s);
    struct sockaddr_un address;
    int fd = -1;

    *error = s ? rpc_socket_address(o->path, &address) : ERR_MEMORY;
    if (*error == 0)
        *error = claim_path(&address);
    if (*error == 0)
        *error = bind_path(o, &address, &fd);
    if (*error != 0)
        goto fail;
    s->options = *o;
    s->options.max_connections = o->max_connections ? o->max_connections : CONNECTIONS_MAX;
    s->options.max_line = o->max_line ? o->max_line : LINE_MAX_DEFAULT;
    s->options.max_queued = o->max_queued ? o->max_queued : QUEUED_MAX_DEFAULT;
    LIST_INIT(&s->connections);
    s->path = strdup(o->path);
    s->accept_again = evtimer_new(base, on_accept_again, s);
    s->listener =
        evconnlistener_new(base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
    if (s->path && s->accept_again && s->listener) {
        evconnlistener_set_error_cb(s->listener, on_accept_error);
        return s;
    }
    *error = ERR_MEMORY;
    if (!s->listener)
        close(fd);
fail:
    control_server_free(s);
    return NULL;
}

void control_server_free(struct control_server *s)
{
    struct connection *c;

    if (!s)
        return;
    while ((c = LIST_FIRST(&s->connections)))
        connection_close(c);
    if (s->listener)
        evconnlistener_free(s->listener);
    if (s->accept_again)
        event_free(s->accept_again);
    if (s->path)
        unlink(s->path);
    free(s->path);
    free(s);
}

struct control_subscriber *control_subscribe(struct control_request *r, void *context,
                                             void (*drained)(void *context, struct control_subscriber *s),
                                             void (*gone)(void *context, struct control_subscriber *s))
{
    bool allowed = r->connection->server && r->connection->n_subscribers < SUBSCRIPTIONS_MAX;
    struct control_subscriber *s = allowed ? calloc(1, sizeof *s) : NULL;

    if (!s)
        return NULL;
    r->connection->n_subscribers++;
    *s = (struct control_subscriber){
        .connection = r->connection, .context = context, .drained = drained, .gone = gone};
    LIST_INSERT_HEAD(&r->connection->subscribers, s, next);
    r->connection->server->n_subscribers++;
    return s;
}

void control_feed_send(struct control_subscriber *s, const char *method, json_t *params)
{
    json_object_set_new(params, "sequence", json_integer((json_int_t)++s->sequence));
    connection_send(s->connection, rpc_request(method, params, NULL));
}

void control_feed_publish(struct control_server *server, const char *method, json_t *params)
{
    struct connection *c, *after;

    for (c = LIST_FIRST(&server->connections); c; c = after) {
        after = LIST_NEXT(c, next);
        c->references++;
        for (struct control_subscriber *s = LIST_FIRST(&c->subscribers), *next; s && c->server; s = next) {
            next = LIST_NEXT(s, next);
            control_feed_send(s, method, json_copy(params));
        }
        connection_release(c);
    }
    json_decref(params);
}

uint32_t control_subscribers(const struct control_server *s)
{
    return s->n_subscribers;
}
