/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* crash_log: when an engine that died may be started again. Pure.
 *
 * After the n-th crash in a row the next start waits 0.25 s · 4ⁿ⁻¹, at most 60 s. A process that lived for a minute
 * begins a new row. Three crashes within a minute are enough: it is not tried again until a person asks for it. */
#ifndef INFERENCE_CRASH_LOG_H
#define INFERENCE_CRASH_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum { CRASH_WINDOW_MS = 60000, CRASH_LIMIT = 3, CRASH_FIRST_WAIT_MS = 250, CRASH_MAX_WAIT_MS = 60000 };

typedef struct crash_log {
    uint64_t at_ms[CRASH_LIMIT]; /* the newest first */
    uint32_t in_row;
} crash_log;

/* Notes a crash of a process that was started at `started_ms`. */
void crash_log_add(crash_log *c, uint64_t started_ms, uint64_t now_ms);
void crash_log_clear(crash_log *c);
/* Milliseconds until it may be started again; 0: now. */
uint64_t crash_log_wait_ms(const crash_log *c, uint64_t now_ms);
/* Whether the limit was reached. */
bool crash_log_is_hopeless(const crash_log *c);

#endif
