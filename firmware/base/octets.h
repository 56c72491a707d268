/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runs of octets: a borrowed view (struct octets), a reader and a writer in network order. Readers and
 * writers carry their own bounds, so that no caller computes one: a read beyond the end gives 0 and sets
 * `failed`, a write beyond the end writes nothing and sets `failed`; callers check once, at the end.
 */
#ifndef BASE_OCTETS_H
#define BASE_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed: points into a buffer that someone else owns. */
struct octets {
    const uint8_t *data;
    size_t length;
};

static inline bool octets_equal(struct octets a, struct octets b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static inline struct octets octets_of(const void *data, size_t length)
{
    return (struct octets){.data = data, .length = length};
}

static inline uint16_t octets_load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t octets_load32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void octets_store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void octets_store32(uint8_t *p, uint32_t v)
{
    octets_store16(p, (uint16_t)(v >> 16));
    octets_store16(p + 2, (uint16_t)v);
}

struct reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct reader reader_of(struct octets o)
{
    return (struct reader){.at = o.data, .end = o.data ? o.data + o.length : o.data};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* The next n octets, borrowed; an empty run on failure. */
static inline struct octets reader_take(struct reader *r, size_t n)
{
    if (r->failed || reader_left(r) < n) {
        r->failed = true;
        return (struct octets){0};
    }
    r->at += n;
    return (struct octets){.data = r->at - n, .length = n};
}

static inline uint8_t reader_u8(struct reader *r)
{
    struct octets o = reader_take(r, 1);
    return o.length ? o.data[0] : 0;
}

static inline uint16_t reader_u16(struct reader *r)
{
    struct octets o = reader_take(r, 2);
    return o.length ? octets_load16(o.data) : 0;
}

static inline uint32_t reader_u32(struct reader *r)
{
    struct octets o = reader_take(r, 4);
    return o.length ? octets_load32(o.data) : 0;
}

struct writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool failed;
};

static inline struct writer writer_of(uint8_t *buffer, size_t capacity)
{
    return (struct writer){.start = buffer, .at = buffer, .end = buffer + capacity};
}

static inline size_t writer_used(const struct writer *w)
{
    return (size_t)(w->at - w->start);
}

/* Room for n octets to be filled by the caller, or NULL (and failed) when it does not fit. */
static inline uint8_t *writer_reserve(struct writer *w, size_t n)
{
    if (w->failed || (size_t)(w->end - w->at) < n) {
        w->failed = true;
        return NULL;
    }
    w->at += n;
    return w->at - n;
}

static inline void writer_put(struct writer *w, const void *data, size_t n)
{
    uint8_t *p = writer_reserve(w, n);
    if (p && n)
        memcpy(p, data, n);
}

static inline void writer_u8(struct writer *w, uint8_t v)
{
    writer_put(w, &v, 1);
}

static inline void writer_u16(struct writer *w, uint16_t v)
{
    uint8_t *p = writer_reserve(w, 2);
    if (p)
        octets_store16(p, v);
}

static inline void writer_u32(struct writer *w, uint32_t v)
{
    uint8_t *p = writer_reserve(w, 4);
    if (p)
        octets_store32(p, v);
}

#endif
