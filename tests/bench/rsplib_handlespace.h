/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handlespace of rsplib, to be measured beside ours: librsphsmgt.so.3 as Debian's librsplib3 brings it,
 * looked up at run time, so that nothing of it is needed to build. Its headers are in no package; what stands
 * here is the part of its binary interface that a benchmark calls.
 */
#ifndef TESTS_RSPLIB_HANDLESPACE_H
#define TESTS_RSPLIB_HANDLESPACE_H

#include <dlfcn.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct rsplib_policy {
    uint32_t type, weight, load, degradation, load_dpf, weight_dpf, distance;
};

union rsplib_address {
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct rsplib {
    void (*new)(void *space, uint32_t registrar, void *, void *, void *);
    void (*delete)(void *space);
    unsigned (*enrol)(void *space, const void *handle, uint32_t registrar, uint32_t identifier, uint32_t life,
                      const struct rsplib_policy *policy, const void *user, const void *asap, int socket,
                      int32_t association, uint64_t now, void **out);
    unsigned (*resolve)(void *space, const void *handle, void **elements, size_t *n, size_t items,
                        size_t increment);
    void (*handle_new)(void *handle, const uint8_t *data, size_t size);
    void (*transport_new)(void *transport, int protocol, uint16_t port, uint16_t flags,
                          const union rsplib_address *addresses, size_t n, size_t max);
    /* Objects of rsplib's, larger than they are there. */
    _Alignas(16) uint8_t space[4096], handle[256], transport[256];
};

static bool rsplib_load(struct rsplib *r)
{
    static const char suffix[] = "_SimpleRedBlackTree";
    static const struct {
        const char *name;
        bool tree;
        size_t offset;
    } functions[] = {
        {"poolHandlespaceManagementNew", true, offsetof(struct rsplib, new)},
        {"poolHandlespaceManagementDelete", true, offsetof(struct rsplib, delete)},
        {"poolHandlespaceManagementRegisterPoolElement", true, offsetof(struct rsplib, enrol)},
        {"poolHandlespaceManagementHandleResolution", true, offsetof(struct rsplib, resolve)},
        {"poolHandleNew", false, offsetof(struct rsplib, handle_new)},
        {"transportAddressBlockNew", false, offsetof(struct rsplib, transport_new)},
    };
    void *library = dlopen("librsphsmgt.so.3", RTLD_NOW);
    for (size_t i = 0; library && i < sizeof functions / sizeof functions[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", functions[i].name, functions[i].tree ? suffix : "");
        void *function = dlsym(library, name);
        if (!function)
            return false;
        memcpy((char *)r + functions[i].offset, &function, sizeof function);
    }
    if (!library)
        return false;
    union rsplib_address address = {
        .in = {.sin_family = AF_INET, .sin_port = htons(7), .sin_addr.s_addr = htonl(0x0a000001)}};
    r->handle_new(r->handle, (const uint8_t *)"BenchmarkPool", 13);
    r->transport_new(r->transport, IPPROTO_SCTP, 7, 0, &address, 1, 1);
    return true;
}

#endif
