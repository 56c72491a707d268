/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A preloaded library that lets User Mode Linux run on processors with a large extended state (AMX).
 *
 * The kernel of the guest saves and restores its processes' registers by ptrace(NT_X86_XSTATE) with a buffer
 * of its own fixed size. The host cuts what it reads to that size, but refuses to set less than all (EFAULT),
 * and the guest panics at its first process. So a short buffer is filled up with zeros here, and the
 * components that are not in it are marked as unused. That is right as long as no process of the guest uses
 * them.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { XSTATE = 0x202, STATE_MAX = 65536, LEGACY = 3, HEADER = 512, LEAF = 0xd };

/* Octets of the state that this processor has switched on. */
static size_t state_size(void)
{
    unsigned a, b, c, d;

    __cpuid_count(LEAF, 0, a, b, c, d);
    return b;
}

/* A bit for each component that ends within the first `size` octets; the first two always do. */
static uint64_t components_within(size_t size)
{
    uint64_t mask = LEGACY;

    for (unsigned i = 2; i < 63; i++) {
        unsigned length, offset, c, d;
        __cpuid_count(LEAF, i, length, offset, c, d);
        if (length && (size_t)length + offset <= size)
            mask |= UINT64_C(1) << i;
    }
    return mask;
}

static long set_state(pid_t pid, void *set, const struct iovec *given)
{
    static uint8_t state[STATE_MAX] __attribute__((aligned(64)));
    static size_t size;
    static uint64_t within;
    struct iovec whole = {state, 0};
    uint64_t used;

    if (size == 0) {
        within = components_within(given->iov_len);
        size = state_size();
    }
    if (given->iov_len >= size || size > sizeof state)
        return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, set, given);
    memcpy(state, given->iov_base, given->iov_len);
    memcpy(&used, state + HEADER, sizeof used);
    used &= within;
    memcpy(state + HEADER, &used, sizeof used);
    whole.iov_len = size;
    return syscall(SYS_ptrace, PTRACE_SETREGSET, pid, set, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    pid_t pid;
    void *address, *data;
    long value = 0, rc;

    va_start(arguments, request);
    pid = va_arg(arguments, pid_t);
    address = va_arg(arguments, void *);
    data = va_arg(arguments, void *);
    va_end(arguments);
    if (request == PTRACE_SETREGSET && (uintptr_t)address == XSTATE)
        return set_state(pid, address, data);
    if (request != PTRACE_PEEKTEXT && request != PTRACE_PEEKDATA && request != PTRACE_PEEKUSER)
        return syscall(SYS_ptrace, request, pid, address, data);
    /* The system call writes the word that the function returns. */
    rc = syscall(SYS_ptrace, request, pid, address, &value);
    if (rc < 0)
        return -1;
    errno = 0;
    return value;
}
