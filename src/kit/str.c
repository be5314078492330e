/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* str.c: what views can be asked. */
#include <hearth/kit.h>

int hearth_str_compare(hearth_str a, hearth_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int    order = n ? memcmp(a.p, b.p, n) : 0;

    if (order)
        return order;
    return (a.n > b.n) - (a.n < b.n);
}

size_t hearth_str_copy(char *to, size_t size, hearth_str s)
{
    if (size == 0)
        return 0;
    if (s.n >= size) {
        s.n = size - 1;
        s.n = hearth_utf8_whole(s);
    }
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
    return s.n;
}

hearth_code hearth_str_u64(hearth_str s, uint64_t *out)
{
    uint64_t value = 0;

    if (s.n == 0)
        return HEARTH_INVALID_ARGUMENT;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return HEARTH_INVALID_ARGUMENT;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(s.p[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return HEARTH_TOO_LARGE;
        value = value * 10 + digit;
    }
    *out = value;
    return HEARTH_OK;
}
