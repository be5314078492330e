/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* ulid.c: 48 bits of time and 80 of chance in 26 characters: ten for the time, sixteen for the rest. */
#include <hearth/kit.h>

static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { TIME_DIGITS = 10, DIGITS = 26 };

void hearth_ulid_make(char out[27], uint64_t time_ms, const uint8_t random[10])
{
    uint64_t bits = 0;
    unsigned have = 0;
    size_t   from = 0;

    time_ms &= 0xFFFFFFFFFFFFu;
    for (int i = TIME_DIGITS - 1; i >= 0; i--, time_ms >>= 5)
        out[i] = digits[time_ms & 31];
    for (int i = TIME_DIGITS; i < DIGITS; i++) {
        if (have < 5) {
            bits = bits << 8 | random[from++];
            have += 8;
        }
        have -= 5;
        out[i] = digits[bits >> have & 31];
    }
    out[DIGITS] = '\0';
}

static int digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : -1;
}

bool hearth_ulid_valid(hearth_str s)
{
    if (s.n != DIGITS || s.p[0] > '7') /* the first digit carries three bits */
        return false;
    for (size_t i = 0; i < DIGITS; i++)
        if (digit_value(s.p[i]) < 0)
            return false;
    return true;
}

uint64_t hearth_ulid_time_ms(hearth_str s)
{
    uint64_t time_ms = 0;

    if (!hearth_ulid_valid(s))
        return 0;
    for (size_t i = 0; i < TIME_DIGITS; i++)
        time_ms = time_ms << 5 | (uint64_t)digit_value(s.p[i]);
    return time_ms;
}
