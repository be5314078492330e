/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* json.c: writing JSON by hand, as the faces do for what is never a value (an SSE line around a token). Runs of
 * plain ASCII are found eight bytes at a time and copied at once; that is nearly all there is. */
#include <hearth/kit.h>

#include "kit/utf8.h"

/* Whether any byte of the word is a control character, a quote, a backslash or not ASCII. The tests look at the
 * top bit of each byte: word - 0x20.. borrows below the space, and x ^ c is zero where the byte is c. A borrow may
 * reach into the next byte and report it falsely; the careful loop below then simply walks past it. */
static bool word_is_plain(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t       quote = word ^ ones * '"', slash = word ^ ones * '\\';

    return ((word | (word - ones * 0x20) | (quote - ones) | (slash - ones)) & tops) == 0;
}

static bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x80 && c != '"' && c != '\\'; }

static size_t plain_prefix(const char *p, size_t n)
{
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        if (!word_is_plain(word))
            break;
    }
    while (i < n && is_plain((unsigned char)p[i]))
        i++;
    return i;
}

static hearth_code put_special(hearth_buf *out, unsigned char c)
{
    static const char names[] = "btn?fr"; /* 8 to 13; 11 has none */
    char              text[6] = { '\\', 'u', '0', '0', (char)('0' + (c >> 4)), "0123456789abcdef"[c & 15] };

    if (c == '"' || c == '\\') {
        text[1] = (char)c;
        return hearth_buf_append(out, text, 2);
    }
    if (c >= 8 && c <= 13 && c != 11) {
        text[1] = names[c - 8];
        return hearth_buf_append(out, text, 2);
    }
    return hearth_buf_append(out, text, 6);
}

hearth_code hearth_json_put_escaped(hearth_buf *out, hearth_str s)
{
    size_t from = 0, i = 0, length = 0;

    /* What is good is copied in one piece, from `from` to where the next thing needs care. */
    while (i < s.n) {
        unsigned char c;

        i += plain_prefix(s.p + i, s.n - i);
        if (i == s.n)
            break;
        c = (unsigned char)s.p[i];
        if (c >= 0x80 && utf8_step(s.p + i, s.n - i, &length, NULL) == UTF8_GOOD) {
            i += length;
            continue;
        }
        if (i > from)
            HEARTH_TRY(hearth_buf_append(out, s.p + from, i - from));
        if (c >= 0x80) {
            HEARTH_TRY(hearth_buf_append(out, "\xEF\xBF\xBD", 3));
            i += length;
        } else {
            HEARTH_TRY(put_special(out, c));
            i++;
        }
        from = i;
    }
    return from < s.n ? hearth_buf_append(out, s.p + from, s.n - from) : hearth_buf_reserve(out, 0);
}

hearth_code hearth_json_put_string(hearth_buf *out, hearth_str s)
{
    HEARTH_TRY(hearth_buf_putc(out, '"'));
    HEARTH_TRY(hearth_json_put_escaped(out, s));
    return hearth_buf_putc(out, '"');
}

hearth_code hearth_json_put_value(hearth_buf *out, const hearth_value *v)
{
    size_t      n = 0;
    char       *text = hearth_write(v, &n); /* through the table: in a plugin the value is the host's */
    hearth_code code = HEARTH_NO_MEMORY;

    if (text)
        code = hearth_buf_append(out, text, n);
    else
        out->failed = true;
    hearth_write_free(text);
    return code;
}
