/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http: the server: what it listens on, which connections it has, and when their time is up.
 *
 * Files, in reading order: http.h (the contract), http_impl.h (the records), this one, http_conn.c (bytes to requests),
 * http_head.c (what a head must be), http_reply.c (answers), http_ws.c and ws_accept.c (WebSockets).
 *
 * It owns the listeners, the list of connections and one timer. It must not know a path, a method or a header that
 * means something to Hearth: Host and Origin, sessions and routes are src/face's.
 *
 * Time. Each connection waits for at most one thing, and every kind of waiting has one length, so that appending keeps
 * each list in order: setting a deadline costs a few pointers and no system call. One timer is set to the earliest of
 * the list heads; without connections that wait for something it does not run, and a thousand idle streams do not wake
 * the process.
 *
 * Memory. All connections share the loop's read buffer. An idle connection is its record (about 700 bytes); a stream
 * adds its request, cut to what its head really had. One request record and one header table are kept for the next
 * request, so that steady traffic does not allocate.
 *
 * Threads: loop only. Failure: a connection that breaks a rule costs itself; running out of descriptors delays accepting
 * (libuv's reserve descriptor), running out of records answers 503. */
#define _GNU_SOURCE
#include "io/http_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG     1024
#define KEEPALIVE_S 60u
#define SLACK_MS    500u /* deadlines this near are served by one wake-up */
#define IN_MOST     LIMIT_KIB(256)
#define OUT_MOST    LIMIT_KIB(64)

/* -- time ---------------------------------------------------------------------------------------------------------------- */

static const uint32_t wait_ms[HTTP_WAITS] = { [HTTP_WAIT_HEAD] = LIMIT_HTTP_HEAD_MS,
                                              [HTTP_WAIT_IDLE] = LIMIT_HTTP_IDLE_MS,
                                              [HTTP_WAIT_BODY] = LIMIT_HTTP_BODY_MS,
                                              [HTTP_WAIT_WRITE] = 60000,
                                              [HTTP_WAIT_LINGER] = 2000,
                                              [HTTP_WAIT_PING] = 30000 };

static void on_timer(uv_timer_t *timer);

static void arm(http_server *s, uint64_t due_ms)
{
    if (s->is_gone || (s->timer_ms != 0 && s->timer_ms <= due_ms))
        return;
    uint64_t now = uv_now(loop_uv(s->l));
    s->timer_ms = due_ms;
    uv_timer_start(&s->timer, on_timer, due_ms > now ? due_ms - now : 0, 0);
}

void http_wait_set(http_conn *c, http_wait kind)
{
    http_server *s = c->s;
    if (c->due_kind != HTTP_WAIT_NONE) {
        *(c->due_prev ? &c->due_prev->due_next : &s->due[c->due_kind].first) = c->due_next;
        *(c->due_next ? &c->due_next->due_prev : &s->due[c->due_kind].last) = c->due_prev;
    }
    c->due_kind = (uint8_t)kind;
    if (kind == HTTP_WAIT_NONE)
        return;
    c->due_ms = uv_now(loop_uv(s->l)) + wait_ms[kind];
    c->due_next = NULL;
    c->due_prev = s->due[kind].last;
    *(c->due_prev ? &c->due_prev->due_next : &s->due[kind].first) = c;
    s->due[kind].last = c;
    arm(s, c->due_ms);
}

static void on_timer(uv_timer_t *timer)
{
    http_server *s = timer->data;
    uint64_t     now = uv_now(loop_uv(s->l)), next = UINT64_MAX;
    s->timer_ms = UINT64_MAX; /* nothing below needs to arm it */
    for (http_wait kind = HTTP_WAIT_HEAD; kind < HTTP_WAITS; kind++) {
        while (s->due[kind].first && s->due[kind].first->due_ms <= now + SLACK_MS) {
            http_conn *c = s->due[kind].first;
            http_wait_set(c, HTTP_WAIT_NONE);
            http_wait_over(c, kind);
        }
    }
    s->timer_ms = 0;
    for (http_wait kind = HTTP_WAIT_HEAD; kind < HTTP_WAITS; kind++)
        if (s->due[kind].first && s->due[kind].first->due_ms < next)
            next = s->due[kind].first->due_ms;
    if (next != UINT64_MAX)
        arm(s, next);
}

/* RFC 9110's date, made once per second of traffic; by hand, because strftime would follow the locale. */
const char *http_date(http_server *s)
{
    static const char days[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
    struct timespec   t;
    struct tm         tm;
    clock_gettime(CLOCK_REALTIME_COARSE, &t);
    if (t.tv_sec == s->date_s)
        return s->date;
    s->date_s = t.tv_sec;
    gmtime_r(&t.tv_sec, &tm);
    snprintf(s->date, sizeof s->date, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
             months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return s->date;
}

/* -- connections ------------------------------------------------------------------------------------------------------------ */

http_conn *http_conn_new(http_server *s, bool is_unix)
{
    http_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->s = s;
    c->is_unix = is_unix;
    c->uid = UINT32_MAX;
    c->state = HTTP_READY;
    hearth_buf_init(&c->in, IN_MOST);
    if (is_unix)
        uv_pipe_init(loop_uv(s->l), &c->h.pipe, 0);
    else
        uv_tcp_init(loop_uv(s->l), &c->h.tcp);
    c->h.stream.data = c;
    c->next = s->conns;
    if (c->next)
        c->next->prev = c;
    s->conns = c;
    s->conn_count++;
    s->record_count++;
    s->handles++;
    return c;
}

static void name_peer(http_conn *c)
{
    struct sockaddr_storage a;
    int                     size = sizeof a;
    char                    host[46] = "?";
    struct ucred            who = { 0, (uid_t)-1, (gid_t)-1 };
    socklen_t               who_size = sizeof who;
    uv_os_fd_t              fd = -1;
    memset(&a, 0, sizeof a);
    if (c->is_unix) {
        snprintf(c->peer, sizeof c->peer, "unix");
        if (uv_fileno((uv_handle_t *)&c->h, &fd) == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &who_size) == 0)
            c->uid = (uint32_t)who.uid;
        return;
    }
    uv_tcp_getpeername(&c->h.tcp, (struct sockaddr *)&a, &size);
    if (a.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a;
        uv_ip6_name(in6, host, sizeof host);
        snprintf(c->peer, sizeof c->peer, "[%s]:%u", host, ntohs(in6->sin6_port));
    } else {
        const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
        uv_ip4_name(in, host, sizeof host);
        snprintf(c->peer, sizeof c->peer, "%s:%u", host, ntohs(in->sin_port));
    }
}

void http_conn_start(http_conn *c)
{
    http_server *s = c->s;
    name_peer(c);
    if (!c->is_unix) {
        uv_tcp_nodelay(&c->h.tcp, 1);
        uv_tcp_keepalive(&c->h.tcp, 1, KEEPALIVE_S); /* a stream whose reader lost its network ends some day */
    }
    if (s->conn_count > s->options.max_connections)
        http_conn_refuse(c, 503, HEARTH_BUSY, "too many connections; retry later");
    else
        http_conn_soon(c); /* begins to read */
    if (c->state == HTTP_READY)
        http_wait_set(c, HTTP_WAIT_IDLE);
}

static void on_connection(uv_stream_t *stream, int status)
{
    http_listener *listener = stream->data;
    http_server   *s = listener->s;
    http_conn     *c = status == 0 ? http_conn_new(s, listener->path[0] != '\0') : NULL;
    if (!c)
        return;
    if (uv_accept(stream, &c->h.stream) != 0)
        http_conn_close(c);
    else
        http_conn_start(c);
}

http_conn *http_adopt(http_server *s, int fd)
{
    http_conn *c = http_conn_new(s, true);
    if (!c)
        return NULL;
    if (uv_pipe_open(&c->h.pipe, fd) != 0) {
        http_conn_close(c);
        return NULL;
    }
    http_conn_start(c);
    return c;
}

size_t http_connections(const http_server *s) { return s->conn_count; }

/* -- listening ------------------------------------------------------------------------------------------------------------------ */

static void on_listener_closed(uv_handle_t *handle)
{
    http_listener *listener = handle->data;
    http_server   *s = listener->s;
    free(listener);
    http_server_drop_handle(s);
}

static void close_listener(http_listener *listener)
{
    if (listener->path[0] != '\0')
        unlink(listener->path);
    uv_close((uv_handle_t *)&listener->h, on_listener_closed);
}

static http_listener *new_listener(http_server *s, bool is_unix, hearth_err *err)
{
    http_listener *listener = calloc(1, sizeof *listener);
    if (!listener) {
        hearth_err_set(err, HEARTH_NO_MEMORY, "http", "out of memory for a listener");
        return NULL;
    }
    listener->s = s;
    if (is_unix)
        uv_pipe_init(loop_uv(s->l), &listener->h.pipe, 0);
    else
        uv_tcp_init(loop_uv(s->l), &listener->h.tcp);
    listener->h.stream.data = listener;
    s->handles++;
    return listener;
}

static void keep_listener(http_server *s, http_listener *listener)
{
    listener->next = s->listeners;
    s->listeners = listener;
}

hearth_code http_listen(http_server *s, const char *host, uint16_t *port, hearth_err *err)
{
    union {
        struct sockaddr_storage any;
        struct sockaddr_in      in;
        struct sockaddr_in6     in6;
    } a;
    memset(&a, 0, sizeof a);
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    if (uv_ip4_addr(host, *port, &a.in) != 0 && uv_ip6_addr(host, *port, &a.in6) != 0)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "http",
                              "\"%.100s\" is not an IP address; write --listen 127.0.0.1:1337", host);
    http_listener *listener = new_listener(s, false, err);
    if (!listener)
        return HEARTH_NO_MEMORY;
    int r = uv_tcp_bind(&listener->h.tcp, (struct sockaddr *)&a, 0);
    if (r == 0)
        r = uv_listen(&listener->h.stream, BACKLOG, on_connection);
    int size = sizeof a;
    if (r == 0)
        r = uv_tcp_getsockname(&listener->h.tcp, (struct sockaddr *)&a, &size);
    if (r != 0) {
        close_listener(listener);
        if (r == UV_EADDRINUSE)
            return hearth_err_set(
                err, HEARTH_CONFLICT, "http",
                "port %u on %s is in use; choose another with --listen HOST:PORT or stop the other program", *port,
                host);
        return hearth_err_set(err, loop_code_of_uv(r), "http", "cannot listen on %s port %u: %s", host, *port,
                              uv_strerror(r));
    }
    *port = ntohs(a.any.ss_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
    keep_listener(s, listener);
    return HEARTH_OK;
}

hearth_code http_listen_unix(http_server *s, const char *path, hearth_err *err)
{
    struct stat st;
    size_t      n = strlen(path);
    if (n == 0 || n >= sizeof s->listeners->path)
        return hearth_err_set(err, HEARTH_INVALID_ARGUMENT, "http",
                              "the path of a socket may have 107 bytes, %s has %zu; use a shorter one", path, n);
    if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        return hearth_err_set(err, HEARTH_CONFLICT, "http", "%s exists and is no socket; move it away", path);
    http_listener *listener = new_listener(s, true, err);
    if (!listener)
        return HEARTH_NO_MEMORY;
    unlink(path);
    int r = uv_pipe_bind(&listener->h.pipe, path);
    if (r == 0 && chmod(path, 0600) != 0)
        r = -errno;
    if (r == 0)
        r = uv_listen(&listener->h.stream, BACKLOG, on_connection);
    if (r != 0) {
        close_listener(listener);
        return hearth_err_set(err, loop_code_of_uv(r), "http", "cannot listen on %s: %s", path, uv_strerror(r));
    }
    memcpy(listener->path, path, n + 1);
    keep_listener(s, listener);
    return HEARTH_OK;
}

/* -- life ------------------------------------------------------------------------------------------------------------------------- */

http_server *http_server_new(loop *l, const http_handlers *handlers, const http_options *options, void *arg)
{
    http_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->l = l;
    s->handlers = *handlers;
    if (options)
        s->options = *options;
    if (s->options.max_body == 0)
        s->options.max_body = LIMIT_HTTP_BODY_BYTES;
    if (s->options.max_connections == 0)
        s->options.max_connections = LIMIT_HTTP_CONNECTIONS;
    s->arg = arg;
    hearth_buf_init(&s->out, OUT_MOST);
    uv_timer_init(loop_uv(l), &s->timer);
    s->timer.data = s;
    s->handles = 1;
    return s;
}

static void free_when_unused(http_server *s)
{
    if (!s->is_gone || s->record_count > 0)
        return;
    free(s->spare_req);
    free(s->spare_headers);
    ws_reader_free(s->spare_reader);
    hearth_buf_deinit(&s->out);
    free(s);
}

void http_server_drop_record(http_server *s)
{
    s->record_count--;
    free_when_unused(s);
}

static void on_timer_closed(uv_handle_t *handle) { http_server_drop_handle(handle->data); }

/* The timer is closed last: connections use it until their own end. */
void http_server_drop_handle(http_server *s)
{
    s->handles--;
    if (s->is_stopping && s->handles == 1 && !uv_is_closing((uv_handle_t *)&s->timer)) {
        loop_timer_stop(s->grace);
        s->grace = NULL;
        uv_close((uv_handle_t *)&s->timer, on_timer_closed);
    }
    if (s->handles > 0)
        return;
    loop   *l = s->l;
    loop_fn idle = s->idle;
    void   *arg = s->idle_arg;
    s->is_gone = true;
    free_when_unused(s);
    if (idle)
        idle(arg);
    loop_release(l);
}

static void on_grace_over(void *arg)
{
    http_server *s = arg;
    loop_timer_stop(s->grace);
    s->grace = NULL;
    for (http_conn *c = s->conns; c; c = c->next)
        http_conn_close(c);
}

void http_server_free(http_server *s, uint32_t grace_ms, loop_fn idle, void *arg)
{
    if (!s || s->is_stopping)
        return;
    loop_hold(s->l);
    s->is_stopping = true;
    s->idle = idle;
    s->idle_arg = arg;
    s->handles++; /* until the end of this function */
    while (s->listeners) {
        http_listener *listener = s->listeners;
        s->listeners = listener->next;
        close_listener(listener);
    }
    for (http_conn *c = s->conns; c; c = c->next) {
        if (c->state == HTTP_WS)
            http_ws_close(c->ws, 1001, "the server stops");
        else if (c->state == HTTP_READY || c->state == HTTP_BODY)
            http_conn_close(c);
    }
    if (grace_ms > 0)
        s->grace = loop_timer_start(s->l, grace_ms, 0, on_grace_over, s);
    if (!s->grace)
        on_grace_over(s);
    http_server_drop_handle(s);
}
