/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "echo.h"

void echo_knobs_init(echo_knobs *k) { *k = (echo_knobs){ .tokens = -1, .crash_after = -1, .hang_after = -1 }; }

static hearth_code read_count(const hearth_value *object, const char *name, int32_t max, int32_t *to, hearth_err *err)
{
    const hearth_value *v = hearth_get(object, name);
    if (!v)
        return HEARTH_OK;
    int64_t x = hearth_as_i64(v, -1);
    if (x < 0 || x > max)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo", "%s must be a whole number from 0 to %d",
                              name, (int)max);
    *to = (int32_t)x;
    return HEARTH_OK;
}

static hearth_code read_text(const hearth_value *object, const char *name, hearth_str *to, hearth_err *err)
{
    const hearth_value *v = hearth_get(object, name);
    if (!v)
        return HEARTH_OK;
    if (hearth_kind_of(v) != HEARTH_STRING)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo", "%s must be a string", name);
    *to = hearth_as_str(v);
    return HEARTH_OK;
}

hearth_code echo_knobs_read(echo_knobs *k, const hearth_value *object, hearth_err *err)
{
    HEARTH_TRY(read_count(object, "delay_ms", ECHO_MAX_DELAY_MS, &k->delay_ms, err));
    HEARTH_TRY(read_count(object, "tokens", ECHO_MAX_TOKENS, &k->tokens, err));
    HEARTH_TRY(read_count(object, "crash_after", ECHO_MAX_TOKENS, &k->crash_after, err));
    HEARTH_TRY(read_count(object, "hang_after", ECHO_MAX_TOKENS, &k->hang_after, err));
    HEARTH_TRY(read_text(object, "say", &k->say, err));
    HEARTH_TRY(read_text(object, "think", &k->think, err));
    HEARTH_TRY(read_text(object, "fail", &k->fail, err));
    const hearth_value *call = hearth_get(object, "tool_call");
    if (call && hearth_kind_of(hearth_get(call, "name")) != HEARTH_STRING)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "engine-echo", "tool_call must be {name, arguments}");
    if (call)
        k->tool_call = call;
    return HEARTH_OK;
}

bool echo_directive(hearth_str text, hearth_str *json, hearth_str *rest)
{
    if (!hearth_str_starts(text, "@echo {"))
        return false;
    size_t      skip = strlen("@echo ");
    const char *end = memchr(text.p, '\n', text.n);
    size_t      line = end ? (size_t)(end - text.p) : text.n;
    *json = (hearth_str){ text.p + skip, line - skip };
    *rest = end ? (hearth_str){ end + 1, text.n - line - 1 } : (hearth_str){ text.p + text.n, 0 };
    return true;
}

static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

hearth_str echo_token_next(hearth_str text, size_t *at)
{
    size_t from = *at, to = from;
    while (to < text.n && is_space(text.p[to]))
        to++;
    while (to < text.n && !is_space(text.p[to]))
        to++;
    *at = to;
    return (hearth_str){ text.p ? text.p + from : NULL, to - from };
}

size_t echo_token_count(hearth_str text)
{
    size_t n = 0;
    for (size_t at = 0; at < text.n; n++)
        echo_token_next(text, &at);
    return n;
}

/* How much of the end of `text`, at most stop.n - 1 bytes, is the beginning of `stop`. */
static size_t partial(hearth_str text, hearth_str stop)
{
    size_t k = stop.n - 1 < text.n ? stop.n - 1 : text.n;
    while (k > 0 && memcmp(text.p + text.n - k, stop.p, k) != 0)
        k--;
    return k;
}

size_t echo_stop_scan(hearth_str text, size_t sent, const hearth_str *stops, size_t n, int *hit)
{
    size_t best = text.n, hold = 0;
    *hit = -1;
    for (size_t i = 0; i < n; i++) {
        if (stops[i].n == 0 || stops[i].n > text.n - sent) {
            size_t k = stops[i].n ? partial((hearth_str){ text.p + sent, text.n - sent }, stops[i]) : 0;
            hold = k > hold ? k : hold;
            continue;
        }
        for (size_t at = sent; at + stops[i].n <= text.n && at < best; at++)
            if (memcmp(text.p + at, stops[i].p, stops[i].n) == 0) {
                best = at;
                *hit = (int)i;
            }
        size_t k = partial((hearth_str){ text.p + sent, text.n - sent }, stops[i]);
        hold = k > hold ? k : hold;
    }
    return *hit >= 0 ? best : text.n - hold;
}
