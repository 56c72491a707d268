/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of pooltool share: its options, read from the command line, and its one writer for text and
 * JSON. */
#ifndef ENDPOINT_TOOL_H
#define ENDPOINT_TOOL_H

#include "endpoint/endpoint.h"

#include <jansson.h>

enum { TOOL_OK = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 }; /* exit status */
enum { TOOL_HANDLE_MAX = 1024, TOOL_WHY = 256 };

enum tool_command { TOOL_REGISTER = 1, TOOL_RESOLVE = 2, TOOL_REPORT = 4 };

struct tool_options {
    enum tool_command command;
    struct pool_client_options client;
    uint8_t handle[TOOL_HANDLE_MAX];
    size_t handle_length;
    struct wire_pool_element element;
    uint8_t user_addresses[POOL_ADDRESSES_MAX * 20];
    bool has_identifier, has_policy, has_user;
    uint32_t interval_ms; /* register: between renewals, 0 = the RFC's; resolve, report: between requests */
    uint32_t for_ms;      /* register: then deregister; 0 = until a signal */
    uint32_t count;
    uint32_t parallel;
    int64_t items;
    bool leave, quiet, json;
};

/* Reads the arguments that follow the command's name. TOOL_OK; TOOL_USAGE after a message on stderr; -1 after
 * --help. */
int tool_options_read(struct tool_options *o, enum tool_command command, int argc, char **argv);
/* The options of one command, for its help. */
void tool_options_help(enum tool_command command);
struct octets tool_handle(const struct tool_options *o);

/* Texts on the command line; false with the reason in why. */
bool tool_read_handle(const char *text, uint8_t *out, size_t *length, char why[TOOL_WHY]);
bool tool_read_registrar(const char *text, struct pool_registrar *out, char why[TOOL_WHY]);
bool tool_read_user(const char *text, struct wire_transport *out, uint8_t *buffer, size_t size,
                    char why[TOOL_WHY]);
bool tool_read_share(uint32_t *out, const char *text, char why[TOOL_WHY]); /* "50%", or a raw 32-bit number */
bool tool_read_number(const char *text, uint64_t max, uint64_t *out, char why[TOOL_WHY]);

/* One event as one line on stdout: "event key=value ...", or a JSON object. Takes the object over. */
void tool_print(const struct tool_options *o, json_t *event);
json_t *tool_event(const char *name, struct octets handle); /* handle may be empty */
void tool_add_result(json_t *event, int result, bool has_cause, uint16_t cause);
void tool_add_element(json_t *event, const struct wire_pool_element *e);
/* A failure: on stderr with advice, or as a JSON event. */
void tool_fail(const struct tool_options *o, int result, bool has_cause, uint16_t cause, const char *format,
               ...) __attribute__((format(printf, 5, 6)));

#endif
