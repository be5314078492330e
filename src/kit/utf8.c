/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* utf8.c: RFC 3629 as one step function; everything else walks with it. ASCII goes eight bytes at a time. */
#include "kit/utf8.h"

#include <hearth/kit.h>

/* What may follow a lead byte (Unicode 3.9, table 3-7): only the second byte has ranges of its own. */
static unsigned lead(unsigned char c, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (c >= 0xC2 && c <= 0xDF)
        return 2;
    if (c >= 0xE0 && c <= 0xEF) {
        if (c == 0xE0)
            *low = 0xA0; /* no overlong forms */
        if (c == 0xED)
            *high = 0x9F; /* no surrogates */
        return 3;
    }
    if (c >= 0xF0 && c <= 0xF4) {
        if (c == 0xF0)
            *low = 0x90;
        if (c == 0xF4)
            *high = 0x8F; /* nothing over U+10FFFF */
        return 4;
    }
    return 0;
}

utf8_state utf8_step(const char *p, size_t n, size_t *length, uint32_t *rune)
{
    const unsigned char *s = (const unsigned char *)p;
    unsigned char        low = 0, high = 0;
    unsigned             want = 0;
    uint32_t             value = s[0];

    *length = 1;
    if (s[0] >= 0x80) {
        want = lead(s[0], &low, &high);
        if (!want)
            return UTF8_ILL;
        value = s[0] & (0x7Fu >> want);
        for (unsigned i = 1; i < want; i++) {
            if (i >= n)
                return UTF8_CUT;
            if (s[i] < low || s[i] > high)
                return UTF8_ILL;
            value = value << 6 | (s[i] & 0x3Fu);
            *length = i + 1;
            low = 0x80;
            high = 0xBF;
        }
    }
    if (rune)
        *rune = value;
    return UTF8_GOOD;
}

static size_t ascii_prefix(const char *p, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        if (word & 0x8080808080808080u)
            break;
    }
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

bool hearth_utf8_valid(hearth_str s)
{
    size_t i = 0, length = 0;

    while (i < s.n) {
        i += ascii_prefix(s.p + i, s.n - i);
        if (i == s.n)
            break;
        if (utf8_step(s.p + i, s.n - i, &length, NULL) != UTF8_GOOD)
            return false;
        i += length;
    }
    return true;
}

size_t hearth_utf8_whole(hearth_str s)
{
    size_t length = 0;

    /* Only the last three bytes can begin a character whose rest is missing. */
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        size_t at = s.n - back;
        if (((unsigned char)s.p[at] & 0xC0) == 0x80)
            continue;
        return utf8_step(s.p + at, back, &length, NULL) == UTF8_CUT ? at : s.n;
    }
    return s.n;
}

hearth_code hearth_utf8_repair(hearth_buf *out, hearth_str s)
{
    size_t from = 0, i = 0, length = 0;

    while (i < s.n) {
        i += ascii_prefix(s.p + i, s.n - i);
        if (i == s.n)
            break;
        if (utf8_step(s.p + i, s.n - i, &length, NULL) != UTF8_GOOD) {
            HEARTH_TRY(hearth_buf_append(out, s.p + from, i - from));
            HEARTH_TRY(hearth_buf_append(out, "\xEF\xBF\xBD", 3));
            from = i + length;
        }
        i += length;
    }
    return from < s.n ? hearth_buf_append(out, s.p + from, s.n - from) : hearth_buf_reserve(out, 0);
}

size_t utf8_count(hearth_str s)
{
    size_t count = 0, i = 0, length = 0;

    while (i < s.n) {
        size_t ascii = ascii_prefix(s.p + i, s.n - i);
        count += ascii;
        i += ascii;
        if (i == s.n)
            break;
        utf8_step(s.p + i, s.n - i, &length, NULL);
        count++;
        i += length;
    }
    return count;
}
