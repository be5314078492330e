/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ws_accept: the answer to a WebSocket key (RFC 6455 §1.3).
 *
 * It needs SHA-1 (FIPS 180-4), which nothing else here may use: it is broken as a hash and only proves that the server
 * has read the handshake. That is why it lives here, private to one function, instead of pulling in a library. */
#include "io/http_impl.h"

#include <string.h>

#define WS_GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define SHA1_BLOCK   64u
#define SHA1_BYTES   20u
#define MESSAGE_MOST 119u /* two blocks less padding; a key has 24 bytes and the GUID 36 */

static uint32_t rotate(uint32_t x, unsigned n) { return x << n | x >> (32 - n); }

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? (b & c) | (~b & d)
                     : i < 40 ? b ^ c ^ d
                     : i < 60 ? (b & c) | (b & d) | (c & d)
                              : b ^ c ^ d;
        uint32_t k = i < 20 ? 0x5a827999u : i < 40 ? 0x6ed9eba1u : i < 60 ? 0x8f1bbcdcu : 0xca62c1d6u;
        uint32_t t = rotate(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = t;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* Of at most MESSAGE_MOST bytes. */
static void sha1(uint8_t out[SHA1_BYTES], const uint8_t *message, size_t n)
{
    uint32_t h[5] = { 0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u };
    uint8_t  blocks[2 * SHA1_BLOCK] = { 0 };
    size_t   total = n + 9 <= SHA1_BLOCK ? SHA1_BLOCK : 2 * SHA1_BLOCK;
    memcpy(blocks, message, n);
    blocks[n] = 0x80;
    blocks[total - 2] = (uint8_t)(n * 8 >> 8);
    blocks[total - 1] = (uint8_t)(n * 8);
    for (size_t i = 0; i < total; i += SHA1_BLOCK)
        sha1_block(h, blocks + i);
    for (size_t i = 0; i < SHA1_BYTES; i++)
        out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void ws_accept(char out[29], hearth_str key)
{
    uint8_t    message[MESSAGE_MOST], digest[SHA1_BYTES];
    size_t     n = key.n < MESSAGE_MOST - (sizeof WS_GUID - 1) ? key.n : MESSAGE_MOST - (sizeof WS_GUID - 1);
    hearth_buf text;
    memcpy(message, key.p, n);
    memcpy(message + n, WS_GUID, sizeof WS_GUID - 1);
    sha1(digest, message, n + sizeof WS_GUID - 1);
    hearth_buf_init(&text, 64);
    hearth_base64_put(&text, digest, sizeof digest);
    hearth_str_copy(out, 29, hearth_buf_str(&text));
    hearth_buf_deinit(&text);
}
