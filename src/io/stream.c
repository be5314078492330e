/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* stream: try first, queue what is left. uv_try_write is only used while the queue is empty: otherwise bytes would
 * overtake each other. One allocation per queued write holds the request and the copied bytes. */
#include "io/stream.h"

#include <stdlib.h>
#include <string.h>

typedef struct queued {
    uv_write_t request;
    stream_fn  fn;
    char       bytes[];
} queued;

static void on_written(uv_write_t *request, int status)
{
    queued      *q = request->data;
    uv_stream_t *s = request->handle;
    stream_fn    fn = q->fn;
    free(q);
    if (fn)
        fn(s, status);
}

int stream_write(uv_stream_t *s, const hearth_str *parts, size_t n, bool is_last_static, stream_fn fn)
{
    uv_buf_t bufs[STREAM_PARTS];
    size_t   total = 0, skip = 0;
    for (size_t i = 0; i < n; i++) {
        bufs[i] = uv_buf_init((char *)(uintptr_t)parts[i].p, (unsigned)parts[i].n);
        total += parts[i].n;
    }
    if (total == 0)
        return 0;
    if (stream_queued(s) == 0) {
        int r = uv_try_write(s, bufs, (unsigned)n);
        if (r < 0 && r != UV_EAGAIN && r != UV_ENOSYS)
            return r;
        skip = r > 0 ? (size_t)r : 0;
        if (skip == total)
            return 0;
    }
    size_t  by_reference = is_last_static ? parts[n - 1].n : 0;
    size_t  to_copy = total - skip > by_reference ? total - skip - by_reference : 0;
    queued *q = malloc(sizeof *q + to_copy);
    if (!q)
        return UV_ENOMEM;
    q->fn = fn;
    q->request.data = q;
    char  *to = q->bytes;
    size_t rest = 0; /* of the static part */
    for (size_t i = 0; i < n; i++) {
        size_t from = skip < parts[i].n ? skip : parts[i].n;
        skip -= from;
        if (is_last_static && i == n - 1) {
            rest = parts[i].n - from;
        } else if (parts[i].n > from) {
            memcpy(to, parts[i].p + from, parts[i].n - from);
            to += parts[i].n - from;
        }
    }
    unsigned count = 0;
    if (to_copy > 0)
        bufs[count++] = uv_buf_init(q->bytes, (unsigned)to_copy);
    if (rest > 0)
        bufs[count++] = uv_buf_init((char *)(uintptr_t)(parts[n - 1].p + parts[n - 1].n - rest), (unsigned)rest);
    int r = uv_write(&q->request, s, bufs, count, on_written);
    if (r < 0) {
        free(q);
        return r;
    }
    return 1;
}
