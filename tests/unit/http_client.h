/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_client: a server on its own thread with a few routes, and a blocking client that reads answers by the letter.
 *
 *   /hello    a static answer                 /echo     "METHOD path?query" and the body
 *   /later    answered from a timer           /stream   three chunks, then the end
 *   /open     a stream that stays open        /flood    writes until busy, then waits for the drain
 *   /ws       a WebSocket that echoes         /big      8 MiB, static */
#ifndef HEARTH_HTTP_CLIENT_H
#define HEARTH_HTTP_CLIENT_H

#include "io_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "io/http.h"

typedef struct site {
    loop        *l;
    http_server *server;
    pthread_t    thread;
    uint16_t     port;
    char         path[100]; /* of the unix socket, when one is wanted */
    http_options options;
    atomic_int   requests, gone, open_streams, ws_open, ws_closed, ws_flooded, drained;
    atomic_ulong flood_taken, flood_queued;
    bool         is_refusing; /* on_head says 403 to everything */
    http_req    *streams[4096];
    atomic_bool  is_ready;
} site;

static char site_big[8 << 20];

typedef struct site_call {
    site       *s;
    http_req   *req;
    loop_timer *timer;
    char        text[128];
} site_call;

static inline void site_later(void *arg)
{
    site_call *call = arg;
    http_reply(call->req, 200, NULL, 0, (hearth_str){ call->text, strlen(call->text) });
    loop_timer_stop(call->timer);
    free(call);
}

static inline void site_gone(void *arg)
{
    site_call *call = arg;
    call->s->gone++;
    assert_true(http_is_gone(call->req));
    assert_int_equal(http_write(call->req, HEARTH_STR("x")), HEARTH_CANCELLED);
    for (size_t i = 0; i < HEARTH_COUNT(call->s->streams); i++)
        if (call->s->streams[i] == call->req)
            call->s->streams[i] = NULL;
    call->s->open_streams--;
    http_end(call->req);
    free(call);
}

static inline void site_drained(void *arg)
{
    site_call *call = arg;
    assert_int_equal(http_queued(call->req), 0);
    call->s->drained++;
    http_end(call->req);
    free(call);
}

static inline site_call *site_call_new(site *s, http_req *req)
{
    site_call *call = calloc(1, sizeof *call);
    call->s = s;
    call->req = req;
    return call;
}

static inline void site_flood(site *s, http_req *req)
{
    static char piece[65536];
    http_start(req, 200, NULL, 0);
    while (http_write(req, (hearth_str){ piece, sizeof piece }) == HEARTH_OK)
        s->flood_taken += sizeof piece;
    s->flood_queued = http_queued(req);
    http_on_drain(req, site_drained, site_call_new(s, req));
}

static inline void site_ws_message(void *arg, http_ws *ws, hearth_str text)
{
    if (hearth_str_is(text, "close")) {
        http_ws_close(ws, 1000, "as you wish");
    } else if (hearth_str_is(text, "flood")) {
        while (http_ws_send(ws, (hearth_str){ site_big, 1 << 20 }) == HEARTH_OK)
            continue;
        ((site *)arg)->ws_flooded++;
    } else {
        assert_int_equal(http_ws_send(ws, text), HEARTH_OK);
    }
}

static inline void site_ws_close(void *arg, http_ws *ws)
{
    (void)ws;
    ((site *)arg)->ws_closed++;
}

static inline void site_request(void *arg, http_req *req, const http_request *r)
{
    static const http_ws_handlers ws = { site_ws_message, site_ws_close };
    site                         *s = arg;
    hearth_header                 type = { HEARTH_STR("content-type"), HEARTH_STR("text/plain") };
    s->requests++;
    if (hearth_str_is(r->path, "/hello")) {
        http_reply_static(req, 200, &type, 1, HEARTH_STR("hello"));
    } else if (hearth_str_is(r->path, "/big")) {
        http_reply_static(req, 200, &type, 1, (hearth_str){ site_big, sizeof site_big });
    } else if (hearth_str_is(r->path, "/stream")) {
        http_start(req, 200, &type, 1);
        http_write(req, HEARTH_STR("one"));
        http_write(req, HEARTH_STR(""));
        http_write(req, HEARTH_STR("two"));
        http_write(req, HEARTH_STR("three"));
        http_end(req);
    } else if (hearth_str_is(r->path, "/open")) {
        http_start(req, 200, &type, 1);
        http_write(req, HEARTH_STR("data: 1\n\n"));
        http_on_gone(req, site_gone, site_call_new(s, req));
        s->streams[s->open_streams++] = req;
    } else if (hearth_str_is(r->path, "/flood")) {
        site_flood(s, req);
    } else if (hearth_str_is(r->path, "/ws")) {
        if (http_accept_ws(req, &ws, 100000, s))
            s->ws_open++;
    } else if (hearth_str_is(r->path, "/later")) {
        site_call *call = site_call_new(s, req);
        hearth_str mark = http_header_get(r, "x-mark"); /* must still be there when the timer runs */
        (void)mark;
        snprintf(call->text, sizeof call->text, "later %.*s %.*s", HEARTH_FMT(r->path), HEARTH_FMT(r->body));
        call->timer = loop_timer_start(s->l, 2, 0, site_later, call);
    } else {
        hearth_buf out;
        hearth_buf_init(&out, 64 << 20);
        hearth_buf_printf(&out, "%.*s %.*s?%.*s %s\n", HEARTH_FMT(r->method), HEARTH_FMT(r->path), HEARTH_FMT(r->query),
                          r->peer);
        hearth_buf_put(&out, r->body);
        http_reply(req, 200, &type, 1, hearth_buf_str(&out));
        hearth_buf_deinit(&out);
    }
}

static inline int site_head(void *arg, const http_request *r, hearth_err *err)
{
    (void)r;
    if (!((site *)arg)->is_refusing)
        return 0;
    hearth_err_set(err, HEARTH_DENIED, "test", "not from there");
    return 403;
}

static inline void site_is_idle(void *arg) { loop_stop(((site *)arg)->l); }

static inline void site_stop_on_loop(void *arg)
{
    site *s = arg;
    http_server_free(s->server, 200, site_is_idle, s);
}

static inline void *site_main(void *arg)
{
    static const http_handlers handlers = { site_request, site_head };
    site                      *s = arg;
    hearth_err                 err = { 0 };
    s->l = loop_new(&err);
    s->server = http_server_new(s->l, &handlers, &s->options, s);
    if (http_listen(s->server, "127.0.0.1", &s->port, &err) < 0 ||
        (s->path[0] && http_listen_unix(s->server, s->path, &err) < 0))
        print_error("%s\n", err.msg);
    s->is_ready = true;
    loop_run(s->l);
    loop_free(s->l);
    return NULL;
}

static inline void site_start(site *s)
{
    alarm(IO_TEST_HANG_S);
    pthread_create(&s->thread, NULL, site_main, s);
    while (!s->is_ready)
        sched_yield();
}

static inline void site_stop(site *s)
{
    loop_post(s->l, site_stop_on_loop, s);
    pthread_join(s->thread, NULL);
}

/* -- client --------------------------------------------------------------------------------------------------------------- */

static inline int dial(const site *s)
{
    struct sockaddr_in a = { .sin_family = AF_INET,
                             .sin_port = htons(s->port),
                             .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int                fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* In pieces of `step` bytes; stops quietly when the server has closed. */
static inline void put(int fd, const char *bytes, size_t n, size_t step)
{
    for (size_t at = 0; at < n;) {
        ssize_t r = send(fd, bytes + at, n - at < step ? n - at : step, MSG_NOSIGNAL);
        if (r <= 0)
            return;
        at += (size_t)r;
    }
}

static inline void put_text(int fd, const char *text) { put(fd, text, strlen(text), SIZE_MAX); }

/* Everything until the server closes. NUL-terminated; free it. */
static inline char *get_all(int fd, size_t *n)
{
    size_t size = 65536;
    char  *p = malloc(size);
    *n = 0;
    for (;;) {
        ssize_t r = recv(fd, p + *n, size - *n - 1, 0);
        if (r <= 0)
            break;
        *n += (size_t)r;
        if (size - *n < 32768)
            p = realloc(p, size *= 2);
    }
    p[*n] = '\0';
    return p;
}

/* Until `mark` has been seen. */
static inline void get_until(int fd, const char *mark, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    while (!strstr(out, mark)) {
        ssize_t r = recv(fd, out + n, size - n - 1, 0);
        assert_true(r > 0);
        n += (size_t)r;
        out[n] = '\0';
    }
}

/* The body behind `at`, decoded; returns where the next answer begins, NULL when this one is not whole. */
static inline const char *read_answer(const char *at, const char *end, char status[4], char *body, size_t size,
                                      bool is_head)
{
    const char *blank = strstr(at, "\r\n\r\n");
    if (!blank || strncmp(at, "HTTP/1.1 ", 9) != 0)
        return NULL;
    memcpy(status, at + 9, 3);
    status[3] = '\0';
    const char *p = blank + 4;
    const char *length = memmem(at, (size_t)(blank - at), "content-length: ", 16);
    size_t      n = 0;
    body[0] = '\0';
    if (status[0] == '1' || is_head)
        return p;
    if (length) {
        size_t total = strtoul(length + 16, NULL, 10);
        if ((size_t)(end - p) < total)
            return NULL;
        memcpy(body, p, total < size ? total : size - 1);
        body[total < size ? total : size - 1] = '\0';
        return p + total;
    }
    if (!memmem(at, (size_t)(blank - at), "transfer-encoding: chunked", 26))
        return end; /* until close */
    for (;;) {
        char  *after = NULL;
        size_t chunk = strtoul(p, &after, 16);
        if (strncmp(after, "\r\n", 2) != 0 || (size_t)(end - after) < chunk + 4)
            return NULL;
        if (n + chunk < size) {
            memcpy(body + n, after + 2, chunk);
            n += chunk;
            body[n] = '\0';
        }
        p = after + 2 + chunk + 2;
        if (chunk == 0)
            return p;
    }
}

/* "200 400": the status of every answer; checks that there is nothing behind them. The last body stays in `body`. */
static inline void get_statuses(int fd, char *out, size_t size, char *body, size_t body_size)
{
    size_t      n = 0;
    char       *all = get_all(fd, &n), status[4];
    const char *at = all;
    out[0] = '\0';
    while (at < all + n) {
        at = read_answer(at, all + n, status, body, body_size, false);
        size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s", used ? " " : "", at ? status : "torn");
        if (!at)
            break;
    }
    free(all);
}

#endif
