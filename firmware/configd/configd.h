/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of configd share: its context, the pipeline of changes, the appliers. */
#ifndef CONFIGD_CONFIGD_H
#define CONFIGD_CONFIGD_H

#include "config/config.h"
#include "configd/store.h"
#include "configd/system.h"
#include "control/control.h"

#include <bsd/sys/queue.h>

/* Something an operator must know of, until it is gone: one text a key ("startup", "network"). */
enum { PROBLEMS_MAX = 16 };
struct problem {
    char key[16];
    char text[2 * CONFIG_MESSAGE_MAX];
};

struct change;
STAILQ_HEAD(changes, change);

struct configd {
    struct event_base *base;
    struct system system;
    struct store store;
    struct control_server *server;
    struct control_link *registrard; /* NULL where there is none to talk to */
    uint32_t identifier;             /* of the registrar, where the configuration has none */
    struct config *running;
    struct config *saved; /* what the startup file says; NULL when it said nothing usable */
    struct problem problems[PROBLEMS_MAX];
    size_t n_problems;
    struct changes changes; /* the first one is under way */
    bool settled;           /* systemd was told that the box is configured */
    uint64_t link_calls;    /* counts the calls to registrard, so that a late answer is known */
    struct event *deadline; /* of the call under way, and who waits for it */
    void (*link_done)(struct configd *d, int code, const char *text);
};

/* --- problems (problem.c) --- */

void problem_set(struct configd *d, const char *key, const char *text);
void problem_clear(struct configd *d, const char *key);
/* Log, console and problems at once. */
void tell_operator(struct configd *d, const char *key, const char *text);

/* --- appliers (apply.c; one file each) --- */

/* Brings one part of the system from a configuration (NULL: unknown, at the start) to another. Idempotent. 0,
 * or an error with message; then it is called again with the old configuration as `to`. */
struct applier {
    enum setting_applier id;
    const char *name;
    int (*apply)(const struct system *s, const struct config *from, const struct config *to, char *message);
};
extern const struct applier appliers[];
extern const size_t appliers_count;

int apply_hostname(const struct system *s, const struct config *from, const struct config *to, char *message);
int apply_users(const struct system *s, const struct config *from, const struct config *to, char *message);
int apply_network(const struct system *s, const struct config *from, const struct config *to, char *message);
int apply_ssh(const struct system *s, const struct config *from, const struct config *to, char *message);
int apply_snmp(const struct system *s, const struct config *from, const struct config *to, char *message);

/* The appliers that a difference concerns, as bits 1 << enum setting_applier. */
unsigned appliers_touched(const struct config *from, const struct config *to);
/* Runs those of the mask; on an error the ones that ran are taken back to `from`. */
int appliers_run(const struct system *s, unsigned mask, const struct config *from, const struct config *to,
                 char *message);
/* At the start: all, each failure becomes a problem. */
void appliers_start(struct configd *d);

/* --- registrard (registrard.c) --- */

/* The link's events; the context is the struct configd. */
void registrard_up(void *context, struct control_link *l);
void registrard_down(void *context, struct control_link *l);
/* Sends the registrar's part of c. done gets 0, or an error with a text. False when the link is down: nothing
 * is sent. */
bool registrard_send(struct configd *d, const struct config *c,
                     void (*done)(struct configd *d, int code, const char *text));
/* Sends the running part; a refusal becomes a problem. */
void registrard_sync(struct configd *d);
/* A deadline event for a call; main makes it. */
void registrard_on_deadline(int fd, short what, void *context);
/* Tells systemd once that what waits for the configuration may go on: registrard has answered, or it did not
 * come in time. Also a timer's callback. */
void registrard_settled(int fd, short what, void *context);

/* --- changes (change.c) --- */

enum change_verb { CHANGE_ACTION, CHANGE_OPERATOR };

/* Asks for one change; answers r when it is done. Takes a copy of action and its value; reply (may be NULL)
 * is what r gets on success, stolen. */
void change_submit(struct configd *d, struct control_request *r, const struct config_action *action,
                   json_t *reply);
/* The first operator: level 15 and a password, saved at once. */
void change_submit_operator(struct configd *d, struct control_request *r, const char *name,
                            const char *password);
void changes_free(struct configd *d);
bool operator_exists(const struct config *c);
/* Makes running the startup configuration. */
int configd_save(struct configd *d, uint32_t *number, char *message);
bool configd_unsaved(const struct configd *d);

/* --- methods (methods.c) --- */

extern const struct control_method configd_methods[];
/* "ann" for a uid, "uid 1234" without a name. */
const char *user_name(uid_t uid, char *out, size_t capacity);

#endif
