/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* loop: the one event loop, its timers, its workers and the door for other threads. */
#ifndef HEARTH_IO_LOOP_H
#define HEARTH_IO_LOOP_H

#include <hearth/types.h>

typedef struct loop       loop;
typedef struct loop_timer loop_timer;
typedef struct loop_queue loop_queue;
typedef void (*loop_fn)(void *arg);

/* Owner: the caller. Thread: the one that calls becomes the loop thread. NULL when the system refuses. */
loop *loop_new(hearth_err *err);
/* Closes everything that is left and frees; run must have returned. */
void loop_free(loop *l);
/* Until loop_stop and nothing that must finish is left. */
void loop_run(loop *l);
void loop_stop(loop *l);          /* Thread: any */
void *loop_uv(loop *l);           /* uv_loop_t *, for the rest of src/io only */
bool loop_is_here(const loop *l); /* called on the loop thread? for assertions */

uint64_t loop_now_ms(const loop *l);  /* monotonic; fresh, not cached. Thread: any */
uint64_t loop_wall_ms(void);          /* since 1970. Thread: any */
void     loop_random(void *out, size_t n); /* getrandom. Thread: any */

/* Runs fn(arg) on the loop, in order. Thread: any. The one door from other threads. */
void loop_post(loop *l, loop_fn fn, void *arg);
/* Runs fn(arg) on the loop after the present callbacks, before the loop sleeps. Thread: loop. */
void loop_soon(loop *l, loop_fn fn, void *arg);

/* Owner: the caller, loop_timer_stop (also after a one-shot fired). every_ms 0: once. An idle process holds no
 * periodic timer: timers are for something that waits. */
loop_timer *loop_timer_start(loop *l, uint64_t after_ms, uint64_t every_ms, loop_fn fn, void *arg);
void        loop_timer_stop(loop_timer *t); /* NULL is fine; from its own callback too */

/* A serial queue on the shared worker threads (4): run(arg) one at a time and in order on a worker, then done(arg)
 * on the loop. Owner: the caller, loop_queue_free: which waits for nothing itself but calls `idle(arg)` on the loop
 * when the last run has finished; `done` of work that is still queued or running is not called after free. */
loop_queue *loop_queue_new(loop *l);
void        loop_queue_free(loop_queue *q, loop_fn idle, void *arg);
hearth_code loop_queue_add(loop_queue *q, loop_fn run, loop_fn done, void *arg);
size_t      loop_queue_pending(const loop_queue *q);

/* fn(arg, signo) on the loop for SIGINT, SIGTERM, SIGHUP …; SIGPIPE is ignored by loop_new. */
hearth_code loop_signal(loop *l, int signo, void (*fn)(void *arg, int signo), void *arg);

/* Called with the name and the milliseconds of every callback over 50 ms; debug builds abort after it. */
void loop_on_slow(loop *l, void (*fn)(void *arg, const char *what, uint64_t ms), void *arg);

#endif
