/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* line: one message per line on a unix socket: the command line's way in.
 *
 * It owns the socket file, the connections and the begin of a line that has not come whole. It knows newlines and
 * nothing of JSON, except for the one sentence that it says itself, to a client whose line is over the limit.
 *
 * Who is at the other end is asked of the kernel (SO_PEERCRED) and handed up; whether they may is src/face's to say.
 * The socket file has mode 0600 in a folder of mode 0700: the folder is what protects the moment between bind and
 * chmod, because changing the umask would change it for the workers too.
 *
 * Threads: loop. Failure: a write that fails, or a reader that lets more than the cap wait, costs that connection only. */
#define _GNU_SOURCE
#include "io/line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <hearth/kit.h>

#include "io/loop_impl.h"
#include "io/stream.h"
#include "kit/limits.h"

#define BACKLOG    128
#define GOODBYE_MS 5000u /* for a reader to take what was sent before a close */

struct line_server {
    uv_pipe_t     pipe;
    loop         *l;
    line_handlers handlers;
    void         *arg;
    size_t        max_line;
    line_conn    *conns;
    size_t        handles; /* that libuv has not closed yet */
    bool          is_freed;
    loop_fn       idle;
    void         *idle_arg;
    char          path[sizeof((struct sockaddr_un *)0)->sun_path];
};

struct line_conn {
    uv_pipe_t     pipe;
    uv_shutdown_t shutdown;
    line_server  *s;
    line_conn    *next, *prev;
    void         *user;
    hearth_buf    in; /* the begin of a line */
    loop_timer   *goodbye;
    bool          is_open; /* on_open accepted it: on_close is owed */
    bool          is_ending, is_closed;
};

static void drop_handle(line_server *s)
{
    if (--s->handles > 0 || !s->is_freed)
        return;
    loop   *l = s->l;
    loop_fn idle = s->idle;
    void   *arg = s->idle_arg;
    free(s);
    if (idle)
        idle(arg);
    loop_release(l);
}

static void on_conn_closed(uv_handle_t *handle)
{
    line_conn   *c = handle->data;
    line_server *s = c->s;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    if (c->is_open && s->handlers.on_close)
        s->handlers.on_close(c->user, c);
    hearth_buf_deinit(&c->in);
    free(c);
    drop_handle(s);
}

static void close_now(line_conn *c)
{
    if (c->is_closed)
        return;
    c->is_closed = c->is_ending = true;
    loop_timer_stop(c->goodbye);
    c->goodbye = NULL;
    uv_close((uv_handle_t *)&c->pipe, on_conn_closed);
}

static void on_goodbye_over(void *arg) { close_now(arg); }

static void on_shutdown(uv_shutdown_t *request, int status)
{
    (void)status;
    close_now(request->data);
}

void line_close(line_conn *c)
{
    if (c->is_ending)
        return;
    c->is_ending = true;
    uv_read_stop((uv_stream_t *)&c->pipe);
    c->shutdown.data = c;
    /* The shutdown comes after everything that is queued. */
    if (stream_queued((uv_stream_t *)&c->pipe) == 0 ||
        uv_shutdown(&c->shutdown, (uv_stream_t *)&c->pipe, on_shutdown) != 0) {
        close_now(c);
        return;
    }
    c->goodbye = loop_timer_start(c->s->l, GOODBYE_MS, 0, on_goodbye_over, c);
}

/* -- writing ------------------------------------------------------------------------------------------------------- */

static void on_written(uv_stream_t *stream, int status)
{
    if (status < 0)
        close_now(stream->data);
}

hearth_code line_send(line_conn *c, hearth_str text)
{
    if (c->is_ending)
        return HEARTH_UNAVAILABLE;
    size_t queued = stream_queued((uv_stream_t *)&c->pipe);
    if (queued > 0 && queued + text.n + 1 > LIMIT_LINE_QUEUE_BYTES)
        return HEARTH_BUSY;
    hearth_str parts[2] = { text, HEARTH_STR("\n") };
    if (stream_write((uv_stream_t *)&c->pipe, parts, 2, false, on_written) >= 0)
        return HEARTH_OK;
    close_now(c);
    return HEARTH_UNAVAILABLE;
}

size_t line_queued(const line_conn *c) { return stream_queued((const uv_stream_t *)&c->pipe); }

/* -- reading ------------------------------------------------------------------------------------------------------- */

static void refuse_length(line_conn *c)
{
    hearth_buf out;
    hearth_buf_init(&out, 1024);
    hearth_buf_printf(
        &out,
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,\"message\":\"a line is over the limit of %zu bytes; "
        "send less at once\",\"data\":{\"name\":\"%s\"}}}",
        hearth_code_rpc(HEARTH_TOO_LARGE), c->s->max_line, hearth_code_name(HEARTH_TOO_LARGE));
    line_send(c, hearth_buf_str(&out));
    hearth_buf_deinit(&out);
    line_close(c);
}

static void deliver(line_conn *c, hearth_str line)
{
    if (line.n == 0)
        return; /* an empty line is no message: some clients send one to keep a connection alive */
    uint64_t began = loop_watch_begin();
    c->s->handlers.on_line(c->user, c, line);
    loop_watch_end(c->s->l, began, "a line");
}

static void take(line_conn *c, hearth_str s)
{
    while (s.n > 0 && !c->is_ending) {
        const char *newline = memchr(s.p, '\n', s.n);
        size_t      n = newline ? (size_t)(newline - s.p) : s.n;
        if (c->in.n + n > c->s->max_line) {
            refuse_length(c);
            return;
        }
        if (newline && c->in.n == 0) {
            deliver(c, (hearth_str){ s.p, n });
        } else if (hearth_buf_append(&c->in, s.p, n) < 0) {
            close_now(c);
            return;
        } else if (newline) {
            hearth_buf line = c->in; /* moved out: an idle connection keeps no buffer */
            hearth_buf_init(&c->in, c->s->max_line);
            deliver(c, hearth_buf_str(&line));
            hearth_buf_deinit(&line);
        }
        n += newline != NULL;
        s.p += n;
        s.n -= n;
    }
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    line_conn *c = handle->data;
    buf->base = loop_scratch(c->s->l);
    buf->len = buf->base ? LOOP_SCRATCH : 0;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    line_conn *c = stream->data;
    if (n < 0)
        close_now(c);
    else if (n > 0)
        take(c, (hearth_str){ buf->base, (size_t)n });
}

/* -- accepting ------------------------------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *stream, int status)
{
    line_server *s = stream->data;
    line_conn   *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return;
    c->s = s;
    uv_pipe_init(loop_uv(s->l), &c->pipe, 0);
    c->pipe.data = c;
    s->handles++;
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    hearth_buf_init(&c->in, s->max_line);
    struct ucred who = { 0, (uid_t)-1, (gid_t)-1 };
    socklen_t    size = sizeof who;
    uv_os_fd_t   fd = -1;
    if (uv_accept(stream, (uv_stream_t *)&c->pipe) != 0 || uv_fileno((uv_handle_t *)&c->pipe, &fd) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        close_now(c);
        return;
    }
    c->user = s->handlers.on_open(s->arg, c, (uint32_t)who.uid, (int64_t)who.pid);
    if (!c->user) {
        line_close(c);
        return;
    }
    c->is_open = true;
    if (!c->is_ending)
        uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

static void on_server_closed(uv_handle_t *handle) { drop_handle(handle->data); }

static hearth_code replace_old(const char *path, hearth_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return HEARTH_OK;
    if (!S_ISSOCK(st.st_mode))
        return hearth_err_set(err, HEARTH_CONFLICT, "line", "%s exists and is no socket; move it away", path);
    return unlink(path) == 0 ? HEARTH_OK
                             : hearth_err_set(err, HEARTH_DENIED, "line", "cannot replace the old socket %s: %s", path,
                                              strerror(errno));
}

line_server *line_listen(loop *l, const char *path, size_t max_line, const line_handlers *handlers, void *arg,
                         hearth_err *err)
{
    line_server *s = calloc(1, sizeof *s);
    if (!s) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "line", "out of memory for the socket %s", path);
        return NULL;
    }
    if (strlen(path) >= sizeof s->path) {
        hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "line",
                       "the path of a socket may have %zu bytes, %s has %zu; use a shorter data folder",
                       sizeof s->path - 1, path, strlen(path));
        free(s);
        return NULL;
    }
    if (replace_old(path, err) < 0) {
        free(s);
        return NULL;
    }
    strcpy(s->path, path);
    s->l = l;
    s->handlers = *handlers;
    s->arg = arg;
    s->max_line = max_line;
    s->handles = 1;
    uv_pipe_init(loop_uv(l), &s->pipe, 0);
    s->pipe.data = s;
    int r = uv_pipe_bind(&s->pipe, path);
    if (r == 0 && chmod(path, 0600) != 0)
        r = -errno;
    if (r == 0)
        r = uv_listen((uv_stream_t *)&s->pipe, BACKLOG, on_connection);
    if (r == 0)
        return s;
    hearth_err_set(err, loop_code_of_uv(r), "line", "cannot listen on %s: %s", path, uv_strerror(r));
    line_server_free(s, NULL, NULL);
    return NULL;
}

void line_server_free(line_server *s, loop_fn idle, void *arg)
{
    if (!s || s->is_freed)
        return;
    s->is_freed = true;
    s->idle = idle;
    s->idle_arg = arg;
    loop_hold(s->l);
    unlink(s->path);
    for (line_conn *c = s->conns, *next = NULL; c; c = next) {
        next = c->next;
        close_now(c);
    }
    uv_close((uv_handle_t *)&s->pipe, on_server_closed);
}
