/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* scheduler.h: the decode thread of one model.
 *
 * It loads the model, then repeats one step while there is work: let waiting generations into free slots, put one
 * token of every running stream and a share of the waiting prompts into a batch, decode, sample, push all events
 * at once, post the ends. With nothing to do it sleeps on a condition: an idle engine never wakes.
 *
 * Prompts are read in chunks. While streams run, a chunk is as long as about 100 ms of reading, measured, so that a
 * long prompt never stops the others for longer; alone it fills the batch. Cancelling a stream frees its slot before
 * the next step; cancelling a prompt aborts the step under way, and the other slots of that step catch up.
 *
 * Thread: functions are the loop's unless they say otherwise. One lock guards the queue and the flags; the slots
 * and the model's context are the decode thread's alone. */
#ifndef ENGINE_LLAMA_SCHEDULER_H
#define ENGINE_LLAMA_SCHEDULER_H

#include "generation.h"
#include "model.h"

typedef struct scheduler scheduler;

typedef struct scheduler_options {
    hearth_ctx    *ctx;
    hearth_req    *open_req; /* gets the progress; answered by on_open only */
    hearth_str     path;     /* copied */
    hearth_str     libraries;
    model_settings settings;
    /* On the loop, once: the model is there, or `err` says why not. */
    void (*on_open)(void *self, hearth_code code, const hearth_err *err);
    /* On the loop, once per generation that was given: it is the loop's again, with its end. */
    void (*on_end)(void *self, generation *g);
    void *self;
} scheduler_options;

/* Starts the thread and the load. Owner: the caller, scheduler_stop. NULL with `err` filled: no_memory, internal. */
scheduler *scheduler_start(const scheduler_options *o, hearth_err *err);
/* Ends the load or the step under way and the thread. What was not given back stays the loop's to free. NULL is
 * fine. */
void scheduler_stop(scheduler *s);

/* The model, once on_open said that it is there. Read-only for the loop and its workers. */
const model *scheduler_model(const scheduler *s);

/* Owner: the scheduler's until on_end. */
void scheduler_give(scheduler *s, generation *g);
/* A generation that was given ends soon with HEARTH_FINISH_CANCELLED. */
void scheduler_cancel(scheduler *s, generation *g);
/* Makes the load end with `cancelled`. */
void scheduler_cancel_load(scheduler *s);

/* {slots: [{id, is_busy, tokens}], slots_busy, waiting, steps, decoded_tokens, memory_bytes, context}.
 * Owner: the caller. */
hearth_value *scheduler_stats(scheduler *s);

#endif
