/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base64.c: bytes as text, RFC 4648 sections 4 and 8. Decoding is exact: one text for one sequence of bytes. */
#include <hearth/kit.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789abcdef";

hearth_code hearth_base64_put(hearth_buf *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    if (n > SIZE_MAX / 2) {
        out->failed = true;
        return HEARTH_TOO_LARGE;
    }
    HEARTH_TRY(hearth_buf_reserve(out, (n + 2) / 3 * 4));
    for (size_t i = 0; i < n; i += 3) {
        size_t   left = n - i;
        uint32_t three = (uint32_t)p[i] << 16 | (left > 1 ? (uint32_t)p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);
        char     four[4] = { base64_digits[three >> 18], base64_digits[three >> 12 & 63], '=', '=' };

        if (left > 1)
            four[2] = base64_digits[three >> 6 & 63];
        if (left > 2)
            four[3] = base64_digits[three & 63];
        HEARTH_TRY(hearth_buf_append(out, four, 4));
    }
    return HEARTH_OK;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

hearth_code hearth_base64_decode(hearth_buf *out, hearth_str text)
{
    size_t padding = 0;

    if (text.n % 4 != 0)
        return HEARTH_INVALID_ARGUMENT;
    while (padding < 2 && padding < text.n && text.p[text.n - 1 - padding] == '=')
        padding++;
    HEARTH_TRY(hearth_buf_reserve(out, text.n / 4 * 3));
    for (size_t i = 0; i < text.n; i += 4) {
        size_t        digits = i + 4 == text.n ? 4 - padding : 4;
        uint32_t      bits = 0;
        unsigned char three[3];

        for (size_t k = 0; k < digits; k++) {
            int value = base64_value(text.p[i + k]);
            if (value < 0)
                return HEARTH_INVALID_ARGUMENT;
            bits |= (uint32_t)value << (18 - 6 * k);
        }
        /* The bits that padding cuts off must be zero, else two texts would say the same. */
        if ((digits == 2 && (bits & 0xFFFFu)) || (digits == 3 && (bits & 0xFFu)))
            return HEARTH_INVALID_ARGUMENT;
        three[0] = (unsigned char)(bits >> 16);
        three[1] = (unsigned char)(bits >> 8);
        three[2] = (unsigned char)bits;
        HEARTH_TRY(hearth_buf_append(out, three, digits - 1));
    }
    return HEARTH_OK;
}

hearth_code hearth_hex_put(hearth_buf *out, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;

    if (n > SIZE_MAX / 4) {
        out->failed = true;
        return HEARTH_TOO_LARGE;
    }
    HEARTH_TRY(hearth_buf_reserve(out, n * 2));
    for (size_t i = 0; i < n; i++) {
        char two[2] = { hex_digits[p[i] >> 4], hex_digits[p[i] & 15] };
        HEARTH_TRY(hearth_buf_append(out, two, 2));
    }
    return HEARTH_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

hearth_code hearth_hex_decode(void *out, size_t size, hearth_str text)
{
    unsigned char *p = out;

    if (text.n % 2 != 0 || text.n / 2 != size)
        return HEARTH_INVALID_ARGUMENT;
    for (size_t i = 0; i < size; i++) {
        int high = hex_value(text.p[2 * i]), low = hex_value(text.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return HEARTH_INVALID_ARGUMENT;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return HEARTH_OK;
}
