/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream: writing to a libuv stream with as few system calls and copies as there can be. */
#ifndef HEARTH_IO_STREAM_H
#define HEARTH_IO_STREAM_H

#include <uv.h>

#include <hearth/types.h>

/* A queued write ended: 0 or a negative errno. The stream may be closing. */
typedef void (*stream_fn)(uv_stream_t *s, int status);

#define STREAM_PARTS 4u

/* Writes the parts in order: at once with one writev when nothing waits; what the socket does not take is copied and queued.
 * With `is_last_static` the last part is referred to instead of copied. At most STREAM_PARTS. Thread: loop.
 * Returns 1 when bytes were queued (fn follows), 0 when all are written, or a negative errno. */
int stream_write(uv_stream_t *s, const hearth_str *parts, size_t n, bool is_last_static, stream_fn fn);

static inline size_t stream_queued(const uv_stream_t *s) { return uv_stream_get_write_queue_size(s); }

#endif
