/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* hlc.c: a clock that is close to the wall's and never goes back: 48 bits of ms, 16 bits that count within one.
 * When the count is full it carries into the ms: the clock runs ahead a little, and stays in order. At the very end
 * of its range it stands still rather than begin anew. */
#include <hearth/kit.h>

enum { COUNT_BITS = 16, HEX_DIGITS = 16 };

#define LAST_MS ((UINT64_C(1) << 48) - 1)

uint64_t hearth_hlc_next(uint64_t last, uint64_t now_ms)
{
    uint64_t now = (now_ms > LAST_MS ? LAST_MS : now_ms) << COUNT_BITS;

    if (now > last)
        return now;
    return last == UINT64_MAX ? last : last + 1;
}

uint64_t hearth_hlc_seen(uint64_t last, uint64_t other)
{
    return last > other ? last : other; /* the next one is after both */
}

void hearth_hlc_write(char out[17], uint64_t clock)
{
    for (int i = HEX_DIGITS - 1; i >= 0; i--, clock >>= 4)
        out[i] = "0123456789abcdef"[clock & 15];
    out[HEX_DIGITS] = '\0';
}

bool hearth_hlc_read(hearth_str text, uint64_t *clock)
{
    uint64_t value = 0;

    if (text.n != HEX_DIGITS)
        return false;
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        char c = text.p[i];
        if (c >= '0' && c <= '9')
            value = value << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false; /* one text per clock: capitals would sort elsewhere */
    }
    *clock = value;
    return true;
}
