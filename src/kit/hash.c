/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hash.c: FNV-1a for keys of our own, SipHash for everybody else's (hash.h). */
#include "kit/hash.h"

#include <hearth/kit.h>

uint64_t hearth_hash(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t             hash = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x100000001B3);
    return hash;
}

static uint64_t rotate(uint64_t x, unsigned bits) { return x << bits | x >> (64 - bits); }

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* Little-endian whatever the machine, so that the published test vectors hold. */
static uint64_t load(const unsigned char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)p[i] << (8 * i);
    return word;
}

uint64_t hash_keyed(const uint64_t key[2], const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    uint64_t             v[4] = { key[0] ^ UINT64_C(0x736F6D6570736575), key[1] ^ UINT64_C(0x646F72616E646F6D),
                                  key[0] ^ UINT64_C(0x6C7967656E657261), key[1] ^ UINT64_C(0x7465646279746573) };
    uint64_t             last = (uint64_t)n << 56;
    size_t               i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t word = load(p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    last |= load(p + i, n - i);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xFF;
    for (int k = 0; k < 3; k++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
