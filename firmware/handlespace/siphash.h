/* SPDX-License-Identifier: BSD-3-Clause */
/* SipHash: a keyed hash for short input, so that nobody outside can choose pool handles that collide. Apart
 * from the table that uses it, for its own test against the authors' vectors. */
#ifndef HANDLESPACE_SIPHASH_H
#define HANDLESPACE_SIPHASH_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define SIPHASH_ROTATE(x, bits) ((x) << (bits) | (x) >> (64 - (bits)))

static inline void siphash_rounds(uint64_t v[4], int rounds)
{
    for (int i = 0; i < rounds; i++) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = SIPHASH_ROTATE(v[1], 13) ^ v[0];
        v[3] = SIPHASH_ROTATE(v[3], 16) ^ v[2];
        v[0] = SIPHASH_ROTATE(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = SIPHASH_ROTATE(v[1], 17) ^ v[2];
        v[3] = SIPHASH_ROTATE(v[3], 21) ^ v[0];
        v[2] = SIPHASH_ROTATE(v[2], 32);
    }
}

static inline uint64_t siphash_word(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

/* SipHash-c-d of data; the tables use 1-3, the published vectors are of 2-4. */
static inline uint64_t siphash(const uint8_t key[16], const uint8_t *data, size_t length, int c, int d)
{
    uint64_t k0 = siphash_word(key), k1 = siphash_word(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    size_t at = 0;
    for (; at + 8 <= length; at += 8) {
        uint64_t word = siphash_word(data + at);
        v[3] ^= word;
        siphash_rounds(v, c);
        v[0] ^= word;
    }
    uint64_t last = (uint64_t)length << 56;
    for (unsigned shift = 0; at < length; at++, shift += 8)
        last |= (uint64_t)data[at] << shift;
    v[3] ^= last;
    siphash_rounds(v, c);
    v[0] ^= last;
    v[2] ^= 0xff;
    siphash_rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
