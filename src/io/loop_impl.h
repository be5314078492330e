/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* loop_impl: what the files of src/io share of the loop and nobody above sees. */
#ifndef HEARTH_IO_LOOP_IMPL_H
#define HEARTH_IO_LOOP_IMPL_H

#include <uv.h>

#include "io/loop.h"

/* One read buffer for everything that reads on this loop: bytes are parsed or copied before the callback returns, so
 * ten thousand idle connections share it. Never hold it over a return to the loop. NULL: out of memory. */
#define LOOP_SCRATCH 65536u
char *loop_scratch(loop *l);

/* loop_run does not return while something is held: a child to reap, a batch to sync. Thread: loop. */
void loop_hold(loop *l);
void loop_release(loop *l);

/* Around a callback into other people's code: over 50 ms is reported (loop_on_slow). Thread: loop. */
uint64_t loop_watch_begin(void);
void     loop_watch_end(loop *l, uint64_t began, const char *what);

/* The hearth_code behind a libuv result (a negative errno). */
hearth_code loop_code_of_uv(int r);

#endif
