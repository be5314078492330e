/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "text.h"

#include <string.h>

void text_init(text_writer *t, const hearth_str *stops, size_t stop_count, size_t cap)
{
    *t = (text_writer){ .stops = stops, .stop_count = stop_count };
    hearth_buf_init(&t->whole, cap);
    hearth_buf_init(&t->held, cap);
}

void text_deinit(text_writer *t)
{
    hearth_buf_deinit(&t->whole);
    hearth_buf_deinit(&t->held);
}

/* Appends to what is shown and returns the new part. */
static hearth_str show(text_writer *t, hearth_str bytes)
{
    size_t before = t->whole.n;
    if (hearth_utf8_valid(bytes))
        hearth_buf_put(&t->whole, bytes);
    else
        hearth_utf8_repair(&t->whole, bytes);
    if (t->whole.failed || t->whole.n == before)
        return (hearth_str){ NULL, 0 };
    return (hearth_str){ t->whole.p + before, t->whole.n - before };
}

/* Finds the stop string that begins first in `s`; of several at one place the longest. */
static const hearth_str *find_stop(const text_writer *t, hearth_str s, size_t *at)
{
    const hearth_str *found = NULL;
    for (size_t i = 0; i < t->stop_count; i++) {
        const hearth_str *stop = &t->stops[i];
        for (size_t k = 0; k + stop->n <= s.n && (!found || k <= *at); k++) {
            if (s.p[k] != stop->p[0] || memcmp(s.p + k, stop->p, stop->n) != 0)
                continue;
            if (!found || k < *at || stop->n > found->n) {
                found = stop;
                *at = k;
            }
            break;
        }
    }
    return found;
}

/* Length of the longest end of `s` that begins a stop string. */
static size_t partial_stop(const text_writer *t, hearth_str s)
{
    size_t longest = 0;
    for (size_t i = 0; i < t->stop_count; i++) {
        hearth_str stop = t->stops[i];
        size_t     n = stop.n - 1 < s.n ? stop.n - 1 : s.n;
        for (; n > longest; n--) {
            if (memcmp(s.p + s.n - n, stop.p, n) == 0) {
                longest = n;
                break;
            }
        }
    }
    return longest;
}

hearth_str text_put(text_writer *t, hearth_str piece)
{
    if (t->stop || piece.n == 0)
        return (hearth_str){ NULL, 0 };
    /* The usual case: nothing waits, nothing can stop, the token ends with a character. */
    if (t->held.n == 0 && t->stop_count == 0 && hearth_utf8_whole(piece) == piece.n)
        return show(t, piece);

    if (hearth_buf_put(&t->held, piece) < 0)
        return (hearth_str){ NULL, 0 };
    hearth_str held = hearth_buf_str(&t->held);
    size_t     ready = held.n;
    t->stop = find_stop(t, held, &ready);
    if (!t->stop) {
        ready = held.n - partial_stop(t, held);
        ready = hearth_utf8_whole((hearth_str){ held.p, ready });
    }
    hearth_str shown = show(t, (hearth_str){ held.p, ready });
    if (t->stop)
        hearth_buf_reset(&t->held);
    else
        hearth_buf_consume(&t->held, ready);
    return shown;
}

hearth_str text_end(text_writer *t)
{
    if (t->stop || t->held.n == 0)
        return (hearth_str){ NULL, 0 };
    hearth_str shown = show(t, hearth_buf_str(&t->held));
    hearth_buf_reset(&t->held);
    return shown;
}
