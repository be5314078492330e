/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* runner: one model's engine process, from finding its files to its end. */
#ifndef INFERENCE_RUNNER_H
#define INFERENCE_RUNNER_H

#include <hearth/host.h>

#include "crash_log.h"

typedef enum runner_state {
    RUNNER_UNLOADED = 1,
    RUNNER_FINDING,  /* models.get is under way */
    RUNNER_WAITING,  /* it crashed a moment ago */
    RUNNER_STARTING, /* the process begins */
    RUNNER_OPENING,  /* it loads the model */
    RUNNER_LOADED,
    RUNNER_LOST,    /* it answers nothing any more; its end is about to be told */
    RUNNER_CLOSING, /* it was asked to end */
    RUNNER_FAILED   /* like UNLOADED, and `err` says why */
} runner_state;

/* Somebody who waits until the model is loaded. Owner: the waiter, who keeps it until settled or removed. */
typedef struct runner_wait {
    struct runner_wait *next;
    void (*settled)(struct runner_wait *w, hearth_code code, const hearth_err *err);
    void (*progress)(struct runner_wait *w, uint64_t done, uint64_t total, hearth_str what);
} runner_wait;

typedef struct runner {
    struct runner *next;
    hearth_ctx    *ctx;
    runner_state   state;
    hearth_id      child;
    hearth_id      timer;   /* of the back-off, or until it is unloaded for being idle */
    runner_wait   *waiting; /* to be loaded */
    runner_wait   *leaving; /* until it is gone */
    uint32_t       waiting_count;
    uint32_t       busy;     /* requests that the process works on */
    hearth_value  *model;    /* what models.get said */
    hearth_value  *settings; /* for this load, or NULL */
    hearth_value  *opened;   /* what engine.open answered */
    crash_log      crashes;
    uint64_t       started_ms, failed_ms, told_ms;
    double         progress;
    hearth_code    code; /* in FAILED */
    hearth_err     err;
    char           id[513];
} runner;

enum { RUNNER_MAX_WAITING = 256, RUNNER_RETRY_MS = 5000 };

/* Owner: the caller. NULL: no memory, or the id is too long. Thread: loop, as all of this. */
runner *runner_new(hearth_ctx *ctx, hearth_str id);
/* Without a word to those who wait; for dispose. */
void runner_free(runner *r);

/* Has the model loaded and calls w->settled once, perhaps before this returns. True: it is loaded already, and `w` was
 * not kept. Errors arrive in settled: not_found, damaged, busy, crashed, cancelled, what the engine said. With
 * `is_by_hand` an engine that crashed too often is tried again. */
bool runner_want(runner *r, runner_wait *w, bool is_by_hand);
/* Forgets a waiter; the load goes on. */
void runner_forget(runner *r, runner_wait *w);
/* Ends the process, or the load; those who wait are told `cancelled`. `w` (may be NULL) is settled when it is gone;
 * true: it is gone already and `w` is not kept. */
bool runner_close(runner *r, runner_wait *w);
/* A request went to the process, or came back. */
void runner_begin(runner *r);
void runner_end(runner *r);
/* A request came back because the process is no more. Requests fail a moment before its end is told; until then
 * nothing more is given to it. */
void runner_lose(runner *r);

/* Nothing would be lost if it were freed. */
bool runner_is_blank(const runner *r);

/* What inference.changed and inference.loaded say of it. Owner: the caller. */
hearth_value *runner_changed_value(const runner *r);
hearth_value *runner_loaded_value(const runner *r);

#endif
