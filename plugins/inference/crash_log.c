/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "crash_log.h"

#include <string.h>

void crash_log_add(crash_log *c, uint64_t started_ms, uint64_t now_ms)
{
    if (now_ms - started_ms >= CRASH_WINDOW_MS)
        crash_log_clear(c);
    for (int i = CRASH_LIMIT - 1; i > 0; i--)
        c->at_ms[i] = c->at_ms[i - 1];
    c->at_ms[0] = now_ms;
    c->in_row++;
}

void crash_log_clear(crash_log *c) { memset(c, 0, sizeof *c); }

uint64_t crash_log_wait_ms(const crash_log *c, uint64_t now_ms)
{
    uint64_t wait = CRASH_FIRST_WAIT_MS;
    if (c->in_row == 0)
        return 0;
    for (uint32_t i = 1; i < c->in_row && wait < CRASH_MAX_WAIT_MS; i++)
        wait *= 4;
    wait = wait < CRASH_MAX_WAIT_MS ? wait : CRASH_MAX_WAIT_MS;
    uint64_t gone = now_ms - c->at_ms[0];
    return gone < wait ? wait - gone : 0;
}

bool crash_log_is_hopeless(const crash_log *c)
{
    return c->in_row >= CRASH_LIMIT && c->at_ms[0] - c->at_ms[CRASH_LIMIT - 1] < CRASH_WINDOW_MS;
}
