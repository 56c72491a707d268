/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one error catalogue: functions return 0 or one of these negative codes; a program that shows one to a
 * person prints its text and its advice. Apart from everything else so that each room means the same by a
 * code.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* One row an error: name, text (what is wrong), advice (what to do). Codes count down from -1. */
#define ERROR_CATALOGUE(X)                                                                                   \
    X(ERR_MEMORY, "out of memory", "raise the memory of the machine or lower the limits of the handlespace") \
    X(ERR_ARGUMENT, "invalid argument", "see --help")                                                        \
    X(ERR_MALFORMED, "malformed message",                                                                    \
      "the peer sends what RFC 5354 does not allow; capture it with tcpdump")                                \
    X(ERR_UNRECOGNIZED, "unrecognised message or parameter", "the peer speaks an extension unknown here")    \
    X(ERR_TOO_LONG, "over a limit of length", "raise the limit if the peer is trusted")                      \
    X(ERR_LIMIT, "a configured limit is reached", "raise the limit or remove what is not needed")            \
    X(ERR_NO_SPACE, "the buffer is too small", "report this to the makers of Poolward")                      \
    X(ERR_NOT_FOUND, "not found", "list what there is with the show command of the same name")               \
    X(ERR_EXISTS, "exists already", "choose another name or remove the old one first")                       \
    X(ERR_POLICY, "pool policy inconsistent",                                                                \
      "all elements of a pool must register with the policy of the first")                                   \
    X(ERR_TRANSPORT, "transport type inconsistent",                                                          \
      "all elements of a pool must use the transport of the first")                                          \
    X(ERR_TRANSPORT_USE, "transport use inconsistent",                                                       \
      "all elements of a pool must agree on data or data+control")                                           \
    X(ERR_DENIED, "not permitted", "log in as a user of a higher privilege level")                           \
    X(ERR_OVERLOAD, "too many requests", "the client should slow down or ask another registrar")             \
    X(ERR_ADDRESS_IN_USE, "the address and port are taken",                                                  \
      "find the owner with ss -Salnp or ss -talnp, or change the port")                                      \
    X(ERR_UNSUPPORTED, "not supported by this kernel", "load the module, e.g. modprobe sctp")                \
    X(ERR_IO, "input/output error", "see the log for the system's own message")                              \
    X(ERR_CLOSED, "the other end is gone", "look at its log; the connection is retried")                     \
    X(ERR_SYNTAX, "syntax error", "correct the line that the message names")                                 \
    X(ERR_RANGE, "value out of range", "see the range in the help of the setting")                           \
    X(ERR_STORAGE, "no space or no access on the data partition",                                            \
      "free space under /data, or check the disk")                                                           \
    X(ERR_TIMEOUT, "no answer in time", "check that the service runs and is not stuck")                      \
    X(ERR_WRONG_STATE, "not possible in the present state", "see the log for what is in progress")

enum error_ordinal {
#define X(name, text, advice) name##_ORDINAL,
    ERROR_CATALOGUE(X)
#undef X
        ERROR_COUNT
};

enum error {
    ERR_OK = 0,
#define X(name, text, advice) name = -1 - name##_ORDINAL,
    ERROR_CATALOGUE(X)
#undef X
};

/* The name ("ERR_MEMORY"), the text and the advice of a code; for an unknown code "ERR_UNKNOWN" and so on.
 * Static strings, never NULL. */
const char *error_name(int code);
const char *error_text(int code);
const char *error_advice(int code);

/* The catalogue's code for an errno value (EADDRINUSE -> ERR_ADDRESS_IN_USE ...); ERR_IO where none fits. */
int error_from_errno(int err);

#endif
