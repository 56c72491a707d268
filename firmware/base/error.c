/* SPDX-License-Identifier: BSD-3-Clause */
/* The table behind error.h. */
#include "base/error.h"

#include <errno.h>

static const struct {
    const char *name, *text, *advice;
} catalogue[ERROR_COUNT] = {
#define X(name, text, advice) [name##_ORDINAL] = {#name, text, advice},
    ERROR_CATALOGUE(X)
#undef X
};

static int known(int code)
{
    return code < 0 && -(code + 1) < ERROR_COUNT;
}

const char *error_name(int code)
{
    return code == 0 ? "OK" : known(code) ? catalogue[-(code + 1)].name : "ERR_UNKNOWN";
}

const char *error_text(int code)
{
    return code == 0 ? "no error" : known(code) ? catalogue[-(code + 1)].text : "unknown error";
}

const char *error_advice(int code)
{
    return code == 0     ? ""
           : known(code) ? catalogue[-(code + 1)].advice
                         : "report this to the makers of Poolward";
}

int error_from_errno(int err)
{
    switch (err) {
    case 0:
        return ERR_OK;
    case ENOMEM:
    case ENOBUFS:
        return ERR_MEMORY;
    case EADDRINUSE:
        return ERR_ADDRESS_IN_USE;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case ENOENT:
    case EADDRNOTAVAIL:
    case ENODEV:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case ENOSPC:
    case EROFS:
    case EDQUOT:
        return ERR_STORAGE;
    case EPROTONOSUPPORT:
    case ESOCKTNOSUPPORT:
    case EAFNOSUPPORT:
    case ENOSYS:
        return ERR_UNSUPPORTED;
    case EPIPE:
    case ECONNRESET:
    case ECONNREFUSED:
    case ENOTCONN:
        return ERR_CLOSED;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EINVAL:
        return ERR_ARGUMENT;
    case EMSGSIZE:
        return ERR_TOO_LONG;
    default:
        return ERR_IO;
    }
}
