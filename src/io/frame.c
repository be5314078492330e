/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* frame: lengths, order and back-pressure on the socket between the daemon and one child.
 *
 * It owns the descriptor, the bytes of a frame that has not come whole, and the bytes that did not fit into the
 * socket. It knows nothing of kinds and calls; kernel/channel.c does.
 *
 * Threads: frames are received on the loop and sent from anywhere, because a decode thread that had to wake the
 * loop for each batch of tokens would pay two context switches per step. The mutex guards out, out_at, is_dead and
 * has_flush and is held over one non-blocking sendmsg at most. While bytes wait in `out` everybody queues behind them, so the order of
 * sends is the order on the wire.
 *
 * Failure: the other side is not trusted. A length over the cap ends the stream as damaged; nothing is allocated for a
 * length before it was checked. A sender that is not read gets `busy`; it must not wait, and may drop or coalesce. */
#define _GNU_SOURCE
#include "io/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/file.h"
#include "io/loop_impl.h"
#include "kit/limits.h"

#define KEEP_BYTES (256u << 10) /* buffers above it are given back when they are empty */

struct frame_stream {
    uv_poll_t      poll;
    loop          *l;
    frame_handlers handlers;
    void          *arg;
    int            fd;
    hearth_buf     in;                              /* the begin of a frame, header included */
    bool           is_closed, is_ended, has_handle; /* loop thread only */
    uv_mutex_t     mutex;
    hearth_buf     out;
    size_t         out_at; /* bytes of out that were sent */
    bool           is_dead, has_flush;
};

static void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}

static uint32_t get_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

void frame_put_header(void *to, uint32_t length, uint16_t kind, uint16_t flags, uint64_t id)
{
    uint8_t *p = to;
    put_u32(p, length);
    put_u16(p + 4, kind);
    put_u16(p + 6, flags);
    put_u32(p + 8, (uint32_t)id);
    put_u32(p + 12, (uint32_t)(id >> 32));
}

/* -- receiving ------------------------------------------------------------------------------------------------------ */

static void end(frame_stream *s, hearth_code code, const char *why)
{
    if (s->is_ended || s->is_closed)
        return;
    s->is_ended = true;
    uv_poll_stop(&s->poll);
    uv_mutex_lock(&s->mutex);
    s->is_dead = true;
    uv_mutex_unlock(&s->mutex);
    hearth_buf_deinit(&s->in);
    s->handlers.on_end(s->arg, code, why);
}

static void deliver(frame_stream *s, const char *bytes, uint32_t length)
{
    const uint8_t *p = (const uint8_t *)bytes;
    frame          f = { .kind = (uint16_t)(p[4] | p[5] << 8),
                         .flags = (uint16_t)(p[6] | p[7] << 8),
                         .id = get_u32(p + 8) | (uint64_t)get_u32(p + 12) << 32,
                         .payload = { bytes + FRAME_HEADER, length } };
    uint64_t       began = loop_watch_begin();
    s->handlers.on_frame(s->arg, &f);
    loop_watch_end(s->l, began, "a frame");
}

/* Fills `in` up to `want` bytes; false: there were not enough. */
static bool fill(frame_stream *s, hearth_str *more, size_t want)
{
    size_t n = want > s->in.n ? want - s->in.n : 0;
    if (n > more->n)
        n = more->n;
    hearth_buf_append(&s->in, more->p, n);
    more->p += n;
    more->n -= n;
    return s->in.n >= want;
}

/* Frames that are whole in what came are delivered from there; only a torn one is copied. */
static void take(frame_stream *s, hearth_str more)
{
    while (more.n > 0 && !s->is_closed && !s->is_ended) {
        bool        is_torn = s->in.n > 0 || more.n < FRAME_HEADER;
        const char *head = more.p;
        if (is_torn) {
            if (!fill(s, &more, FRAME_HEADER))
                break;
            head = s->in.p;
        }
        uint32_t length = get_u32((const uint8_t *)head);
        if (length > FRAME_MAX) {
            end(s, HEARTH_DAMAGED, "a frame announced more than the 8 MiB that are allowed");
            return;
        }
        if (!is_torn && more.n >= FRAME_HEADER + length) {
            more.p += FRAME_HEADER + length;
            more.n -= FRAME_HEADER + length;
            deliver(s, head, length);
            continue;
        }
        if (hearth_buf_reserve(&s->in, FRAME_HEADER + length - s->in.n) < 0) {
            end(s, HEARTH_NO_MEMORY, "out of memory for a frame");
            return;
        }
        if (!fill(s, &more, FRAME_HEADER + length))
            break;
        deliver(s, s->in.p, length);
        if (s->in.size > KEEP_BYTES)
            hearth_buf_deinit(&s->in);
        else
            hearth_buf_reset(&s->in);
    }
    if (s->in.failed)
        end(s, HEARTH_NO_MEMORY, "out of memory for a frame");
}

static void receive(frame_stream *s)
{
    char *scratch = loop_scratch(s->l);
    if (!scratch) {
        end(s, HEARTH_NO_MEMORY, "out of memory for reading");
        return;
    }
    ssize_t n = recv(s->fd, scratch, LOOP_SCRATCH, MSG_DONTWAIT);
    if (n > 0)
        take(s, (hearth_str){ scratch, (size_t)n });
    else if (n == 0)
        end(s, s->in.n > 0 ? HEARTH_DAMAGED : HEARTH_OK,
            s->in.n > 0 ? "the other side closed in the middle of a frame" : "the other side closed");
    else if (errno == ECONNRESET || errno == EPIPE)
        end(s, HEARTH_OK, "the other side is gone");
    else if (errno != EAGAIN && errno != EINTR)
        end(s, file_code_of_errno(errno), "reading from the other side failed");
}

/* -- sending -------------------------------------------------------------------------------------------------------------- */

static void on_poll(uv_poll_t *poll, int status, int events);

static size_t queued_locked(const frame_stream *s) { return s->out.n - s->out_at; }

/* Bytes written, 0 when the socket is full, -1 when it is dead. */
static ssize_t send_some(int fd, struct iovec *parts, size_t n)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
    ssize_t       r;
    do
        r = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (r < 0 && errno == EINTR);
    return r >= 0 ? r : errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
}

static void flush_locked(frame_stream *s)
{
    while (queued_locked(s) > 0 && !s->is_dead) {
        struct iovec part = { s->out.p + s->out_at, queued_locked(s) };
        ssize_t      n = send_some(s->fd, &part, 1);
        if (n < 0)
            s->is_dead = true; /* the reading side learns it too and ends the stream */
        if (n <= 0)
            break;
        s->out_at += (size_t)n;
    }
    if (queued_locked(s) > 0 && !s->is_dead)
        return;
    s->out_at = 0;
    if (s->out.size > KEEP_BYTES)
        hearth_buf_deinit(&s->out);
    else
        hearth_buf_reset(&s->out);
}

/* Loop thread: asks the kernel for what is wanted now. */
static void arm(frame_stream *s, bool is_writing)
{
    if (!s->is_closed && !s->is_ended)
        uv_poll_start(&s->poll, UV_READABLE | (is_writing ? UV_WRITABLE : 0), on_poll);
}

static void free_when_done(frame_stream *s)
{
    if (!s->is_closed || s->has_handle || s->has_flush)
        return;
    uv_mutex_destroy(&s->mutex);
    hearth_buf_deinit(&s->in);
    hearth_buf_deinit(&s->out);
    free(s);
}

static void on_flush(void *arg)
{
    frame_stream *s = arg;
    uv_mutex_lock(&s->mutex);
    s->has_flush = false;
    flush_locked(s);
    bool is_writing = queued_locked(s) > 0;
    uv_mutex_unlock(&s->mutex);
    arm(s, is_writing);
    free_when_done(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    frame_stream *s = poll->data;
    if (status < 0) {
        end(s, loop_code_of_uv(status), "the socket failed");
        return;
    }
    if (events & UV_WRITABLE) {
        uv_mutex_lock(&s->mutex);
        flush_locked(s);
        bool is_writing = queued_locked(s) > 0;
        uv_mutex_unlock(&s->mutex);
        if (!is_writing)
            arm(s, false);
    }
    if (events & UV_READABLE)
        receive(s);
}

/* Puts what the socket did not take behind what waits. The memory for it is there before anything is written: half a
 * frame on the wire with the other half nowhere would end the stream. */
static hearth_code send_locked(frame_stream *s, struct iovec *parts, size_t n, size_t total)
{
    size_t queued = queued_locked(s);
    if (s->is_dead)
        return HEARTH_UNAVAILABLE;
    if (queued > 0 && queued + total > LIMIT_FRAME_QUEUE_BYTES)
        return HEARTH_BUSY;
    ssize_t sent = queued == 0 ? send_some(s->fd, parts, n) : 0;
    if (sent < 0) {
        s->is_dead = true;
        return HEARTH_UNAVAILABLE;
    }
    if ((size_t)sent == total)
        return HEARTH_OK;
    if (s->out_at > KEEP_BYTES && s->out_at > s->out.n / 2) {
        hearth_buf_consume(&s->out, s->out_at);
        s->out_at = 0;
    }
    size_t skip = (size_t)sent;
    for (size_t i = 0; i < n; i++) {
        size_t from = skip < parts[i].iov_len ? skip : parts[i].iov_len;
        skip -= from;
        hearth_buf_append(&s->out, (const char *)parts[i].iov_base + from, parts[i].iov_len - from);
    }
    if (s->out.failed) {
        s->is_dead = true;
        shutdown(s->fd, SHUT_RDWR); /* both sides learn that the order is broken */
        return HEARTH_NO_MEMORY;
    }
    if (queued == 0 && loop_is_here(s->l)) {
        arm(s, true);
    } else if (queued == 0 && !s->has_flush) {
        s->has_flush = true;
        loop_post(s->l, on_flush, s);
    }
    return HEARTH_OK;
}

hearth_code frame_send(frame_stream *s, uint16_t kind, uint16_t flags, uint64_t id, hearth_str payload)
{
    if (payload.n > FRAME_MAX)
        return HEARTH_TOO_LARGE;
    uint8_t header[FRAME_HEADER];
    frame_put_header(header, (uint32_t)payload.n, kind, flags, id);
    struct iovec parts[2] = { { header, sizeof header }, { (void *)(uintptr_t)payload.p, payload.n } };
    uv_mutex_lock(&s->mutex);
    hearth_code code = send_locked(s, parts, payload.n > 0 ? 2 : 1, sizeof header + payload.n);
    uv_mutex_unlock(&s->mutex);
    return code;
}

hearth_code frame_send_raw(frame_stream *s, hearth_str frames)
{
    if (frames.n > LIMIT_FRAME_QUEUE_BYTES)
        return HEARTH_TOO_LARGE;
    if (frames.n == 0)
        return HEARTH_OK;
    struct iovec part = { (void *)(uintptr_t)frames.p, frames.n };
    uv_mutex_lock(&s->mutex);
    hearth_code code = send_locked(s, &part, 1, frames.n);
    uv_mutex_unlock(&s->mutex);
    return code;
}

size_t frame_queued(const frame_stream *s)
{
    frame_stream *own = (frame_stream *)(uintptr_t)s; /* the lock is not part of what const promises */
    uv_mutex_lock(&own->mutex);
    size_t n = queued_locked(s);
    uv_mutex_unlock(&own->mutex);
    return n;
}

/* -- life ------------------------------------------------------------------------------------------------------------------- */

frame_stream *frame_open(loop *l, int fd, const frame_handlers *handlers, void *arg, hearth_err *err)
{
    frame_stream *s = calloc(1, sizeof *s);
    if (!s || uv_mutex_init(&s->mutex) != 0) {
        free(s);
        close(fd);
        hearth_err_set(err, HEARTH_NO_MEMORY, "frame", "out of memory for a connection to a child");
        return NULL;
    }
    int r = uv_poll_init_socket(loop_uv(l), &s->poll, fd);
    if (r != 0) {
        uv_mutex_destroy(&s->mutex);
        free(s);
        close(fd);
        hearth_err_set(err, loop_code_of_uv(r), "frame", "could not watch the socket of a child: %s", uv_strerror(r));
        return NULL;
    }
    s->poll.data = s;
    s->l = l;
    s->fd = fd;
    s->handlers = *handlers;
    s->arg = arg;
    s->has_handle = true;
    hearth_buf_init(&s->in, FRAME_MAX + FRAME_HEADER);
    /* Twice the limit: one message may be queued whole behind a nearly full queue. */
    hearth_buf_init(&s->out, 2 * LIMIT_FRAME_QUEUE_BYTES);
    arm(s, false);
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    frame_stream *s = handle->data;
    close(s->fd);
    s->has_handle = false;
    free_when_done(s);
}

void frame_close(frame_stream *s)
{
    if (!s)
        return;
    s->is_closed = true;
    uv_mutex_lock(&s->mutex);
    flush_locked(s); /* a last word, if the socket takes it at once */
    s->is_dead = true;
    uv_mutex_unlock(&s->mutex);
    uv_close((uv_handle_t *)&s->poll, on_closed);
}
