/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Frames from a child that is not trusted: any bytes, in pieces that the first byte names. What is delivered must be what
 * was sent: the frames are put together again and compared. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/frame.h"
#include "io/loop_impl.h"

typedef struct taken {
    const uint8_t *data;
    size_t         size, at;
    int            ends;
} taken;

static void on_frame(void *arg, const frame *f)
{
    taken  *t = arg;
    uint8_t head[FRAME_HEADER];
    frame_put_header(head, (uint32_t)f->payload.n, f->kind, f->flags, f->id);
    if (t->ends > 0 || t->size - t->at < sizeof head + f->payload.n ||
        memcmp(t->data + t->at, head, sizeof head) != 0 ||
        (f->payload.n > 0 && memcmp(t->data + t->at + sizeof head, f->payload.p, f->payload.n) != 0))
        abort();
    t->at += sizeof head + f->payload.n;
}

static void on_end(void *arg, hearth_code code, const char *why)
{
    taken *t = arg;
    if (t->ends++ > 0 || !why || (code == HEARTH_OK && t->at != t->size))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const frame_handlers handlers = { on_frame, on_end };
    static loop                *l;
    int                         fds[2];
    if (!l)
        l = loop_new(NULL);
    if (size < 1 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return 0;
    taken         t = { data + 1, size - 1, 0, 0 };
    frame_stream *s = frame_open(l, fds[0], &handlers, &t, NULL);
    size_t        step = data[0] > 0 ? data[0] : size;
    for (size_t at = 0; at < t.size && t.ends == 0;) {
        size_t  n = t.size - at < step ? t.size - at : step;
        ssize_t r = send(fds[1], t.data + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        at += r > 0 ? (size_t)r : 0;
        uv_run(loop_uv(l), UV_RUN_NOWAIT);
    }
    close(fds[1]);
    for (int i = 0; t.ends == 0 && i < 1000; i++)
        uv_run(loop_uv(l), UV_RUN_NOWAIT);
    if (t.ends != 1)
        abort();
    frame_close(s);
    uv_run(loop_uv(l), UV_RUN_NOWAIT);
    return 0;
}
