/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_conn: one connection, from its first byte to its last.
 *
 *   READY ──head──> BODY ──whole──> ANSWER ──ended──> READY …            keep-alive
 *                                     └──────upgraded─> WS
 *   any ──last answer──> LINGER ──other side closed, or time──> CLOSING ──> CLOSED
 *
 * Bytes are parsed where they lie. A head is given to the parser only when it is whole, so that every view of it points
 * into one piece of memory: the loop's read buffer, or `in` when it came torn. A handler that answers at once never
 * causes a copy; a request that is still open when the loop takes its buffer back is copied first (http_req_own). An
 * idle connection holds no buffer at all.
 *
 * While a request is under way reading goes on, up to a cap, because that is how a client that left is noticed. What
 * came behind it waits in `in`; it is fed from the loop itself (http_conn_soon) and never from inside a handler's call
 * of http_reply, or a handler would be entered while it is running.
 *
 * After the last answer the sending side is shut down and what still comes is thrown away for a moment (LINGER): closing
 * at once on unread bytes makes the kernel send a reset, which can overtake the very answer that says why. */
#include "io/http_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_BYTES    LIMIT_KIB(64)  /* behind a request under way; over it we stop reading */
#define CHOKE_BYTES   LIMIT_KIB(256) /* of answers not taken: no further pipelined request is begun */
#define THROW_BYTES   LIMIT_MIB(64)  /* while lingering */
#define FRAMING_BYTES LIMIT_KIB(64)  /* chunk sizes, extensions and trailers, beside 8 per byte of the body */

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* -- reading and time -------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    http_conn *c = handle->data;
    buf->base = loop_scratch(c->s->l);
    buf->len = buf->base ? LOOP_SCRATCH : 0;
}

static void set_reading(http_conn *c, bool on)
{
    if (on == c->is_reading || c->is_eof || c->state >= HTTP_CLOSING)
        return;
    c->is_reading = on;
    if (on)
        uv_read_start(&c->h.stream, on_alloc, on_read);
    else
        uv_read_stop(&c->h.stream);
}

/* What this connection waits for now. Some clocks run on (a head must be whole in 10 s), some begin anew. */
static void settle(http_conn *c)
{
    bool      is_writing = stream_queued(&c->h.stream) > 0;
    http_wait kind = HTTP_WAIT_NONE;
    switch ((http_state)c->state) {
    case HTTP_READY:
        kind = c->in.n > 0 && !c->is_choked ? HTTP_WAIT_HEAD : is_writing ? HTTP_WAIT_WRITE : HTTP_WAIT_IDLE;
        break;
    case HTTP_BODY:
        kind = HTTP_WAIT_BODY;
        break;
    case HTTP_ANSWER:
        kind = is_writing ? HTTP_WAIT_WRITE : HTTP_WAIT_NONE;
        break;
    case HTTP_WS:
        kind = c->is_ws_ending ? HTTP_WAIT_LINGER : HTTP_WAIT_PING;
        break;
    case HTTP_LINGER:
        kind = c->shutdown ? HTTP_WAIT_WRITE : HTTP_WAIT_LINGER;
        break;
    case HTTP_STATE_INVALID:
    case HTTP_CLOSING:
    case HTTP_CLOSED:
        break;
    }
    bool runs_on = kind == HTTP_WAIT_HEAD || kind == HTTP_WAIT_WRITE || kind == HTTP_WAIT_LINGER;
    if (runs_on && c->due_kind == kind)
        return;
    if (kind == HTTP_WAIT_WRITE)
        c->was_queued = stream_queued(&c->h.stream);
    http_wait_set(c, kind);
}

void http_wait_over(http_conn *c, http_wait kind)
{
    size_t queued = stream_queued(&c->h.stream);
    switch (kind) {
    case HTTP_WAIT_HEAD:
        http_conn_refuse(c, 408, HEARTH_DEADLINE, "the head of the request did not come in time");
        break;
    case HTTP_WAIT_BODY:
        http_conn_refuse(c, 408, HEARTH_DEADLINE, "the body of the request stopped coming");
        break;
    case HTTP_WAIT_PING:
        http_ws_silent(c);
        break;
    case HTTP_WAIT_WRITE:
        if (queued < c->was_queued) {
            c->was_queued = queued;
            http_wait_set(c, kind);
            break;
        }
        http_conn_close(c);
        break;
    case HTTP_WAIT_NONE:
    case HTTP_WAIT_IDLE:
    case HTTP_WAIT_LINGER:
    case HTTP_WAITS:
        http_conn_close(c);
        break;
    }
}

/* -- writing ------------------------------------------------------------------------------------------------------------ */

static void tell_drained(http_conn *c)
{
    if (!c->req || !c->req->on_drain || c->state != HTTP_ANSWER || stream_queued(&c->h.stream) > 0)
        return;
    loop_fn fn = c->req->on_drain;
    c->req->on_drain = NULL;
    fn(c->req->drain_arg);
}

static void on_written(uv_stream_t *stream, int status)
{
    http_conn *c = stream->data;
    if (status < 0) {
        http_conn_close(c);
        return;
    }
    if (stream_queued(stream) > 0 || c->state >= HTTP_CLOSING)
        return;
    tell_drained(c);
    if (c->is_choked) {
        c->is_choked = false;
        http_conn_soon(c);
    }
    if (c->state != HTTP_WS)
        settle(c);
}

bool http_conn_write(http_conn *c, const hearth_str *parts, size_t n, bool is_last_static)
{
    if (c->state >= HTTP_CLOSING)
        return false;
    int r = stream_write(&c->h.stream, parts, n, is_last_static, on_written);
    if (r < 0) {
        http_conn_close(c);
        return false;
    }
    if (r > 0 && c->state == HTTP_ANSWER)
        settle(c);
    return true;
}

/* -- parsing: the views of one message ------------------------------------------------------------------------------------- */

static int fail_with(http_req *req, int status, hearth_code code, const char *message)
{
    req->refuse_status = status;
    req->refuse_code = code;
    hearth_err_set(&req->c->s->refusal, code, "http", "%s", message);
    return -1;
}

static int on_url(llhttp_t *p, const char *at, size_t n)
{
    http_req *req = ((http_conn *)p->data)->req;
    if (req->r.target.p)
        return fail_with(req, 400, HEARTH_INVALID_REQUEST, "the target is torn");
    req->r.target = (hearth_str){ at, n };
    return 0;
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
    http_req *req = ((http_conn *)p->data)->req;
    if (req->has_head)
        return 0; /* trailers are read and forgotten */
    if (req->r.header_count == LIMIT_HTTP_HEADERS)
        return fail_with(req, 431, HEARTH_TOO_LARGE, "the request has more than 100 headers");
    if (n == 0)
        return fail_with(req, 400, HEARTH_INVALID_REQUEST, "a header has no name");
    char *name = (char *)(uintptr_t)at; /* our own read buffer */
    for (size_t i = 0; i < n; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            name[i] = (char)(name[i] | 0x20);
    req->headers[req->r.header_count++] = (hearth_header){ { at, n }, { NULL, 0 } };
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
    http_req *req = ((http_conn *)p->data)->req;
    if (req->has_head)
        return 0;
    hearth_header *h = req->r.header_count > 0 ? &req->headers[req->r.header_count - 1] : NULL;
    if (!h || h->value.p)
        return fail_with(req, 400, HEARTH_INVALID_REQUEST, "a header is folded over several lines; write it in one");
    while (n > 0 && (at[n - 1] == ' ' || at[n - 1] == '\t'))
        n--;
    h->value = (hearth_str){ at, n };
    return 0;
}

static int on_head(llhttp_t *p)
{
    static const hearth_str go_on = { "HTTP/1.1 100 Continue\r\n\r\n", 25 };
    http_conn              *c = p->data;
    http_req               *req = c->req;
    const char             *method = llhttp_method_name((llhttp_method_t)p->method);
    req->has_head = true;
    req->keep = llhttp_should_keep_alive(p) != 0;
    req->has_no_body = p->method == HTTP_HEAD;
    req->r.method = (hearth_str){ method, strlen(method) };
    req->r.headers = req->headers;
    c->s->refusal = (hearth_err){ 0 };
    req->refuse_status = http_head_check(req);
    req->refuse_code = c->s->refusal.code;
    if (req->refuse_status != 0)
        return -1;
    bool has_body = p->content_length > 0 || http_header_get(&req->r, "transfer-encoding").p != NULL;
    if (has_body && !req->is_old && http_header_get(&req->r, "expect").p && !http_conn_write(c, &go_on, 1, false))
        return -1;
    return 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    http_conn *c = p->data;
    http_req  *req = c->req;
    if (req->r.body.n + n > c->s->options.max_body)
        return fail_with(req, 413, HEARTH_TOO_LARGE, "the body is over the limit");
    if (req->r.body.n == 0 && req->body.n == 0) {
        req->r.body = (hearth_str){ at, n }; /* mostly all of it: no copy */
        return 0;
    }
    if (req->body.n == 0)
        hearth_buf_put(&req->body, req->r.body);
    if (hearth_buf_append(&req->body, at, n) < 0)
        return fail_with(req, 503, HEARTH_NO_MEMORY, "out of memory for the body");
    req->r.body = hearth_buf_str(&req->body);
    return 0;
}

static int on_complete(llhttp_t *p)
{
    (void)p;
    return HPE_PAUSED; /* the handler runs outside of the parser */
}

static void begin_request(http_conn *c)
{
    static const llhttp_settings_t settings = { .on_url = on_url,
                                                .on_header_field = on_field,
                                                .on_header_value = on_value,
                                                .on_headers_complete = on_head,
                                                .on_body = on_body,
                                                .on_message_complete = on_complete };
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    c->parser.data = c;
    c->req = http_req_new(c);
}

/* -- feeding ---------------------------------------------------------------------------------------------------------------- */

static void dispatch(http_conn *c)
{
    http_wait_set(c, HTTP_WAIT_NONE);
    c->state = HTTP_ANSWER;
    uint64_t began = loop_watch_begin();
    c->s->handlers.on_request(c->s->arg, c->req, &c->req->r);
    loop_watch_end(c->s->l, began, "a request");
}

/* Gives bytes to the parser; returns how many belonged to this message. */
static size_t execute(http_conn *c, const char *p, size_t n)
{
    llhttp_errno_t e = llhttp_execute(&c->parser, p, n);
    http_req      *req = c->req;
    if (c->state >= HTTP_LINGER)
        return n;
    req->fed += n;
    if (e == HPE_PAUSED) {
        size_t used = (size_t)(llhttp_get_error_pos(&c->parser) - p);
        dispatch(c);
        return used;
    }
    if (req->refuse_status != 0)
        http_conn_refuse(c, req->refuse_status, req->refuse_code < 0 ? req->refuse_code : HEARTH_DENIED,
                         c->s->refusal.msg);
    else if (e != HPE_OK)
        http_conn_refuse(c, 400, HEARTH_INVALID_REQUEST, llhttp_get_error_reason(&c->parser));
    else if (!req->has_head)
        http_conn_refuse(c, 400, HEARTH_INVALID_REQUEST, "the head of the request cannot be understood");
    else if (req->fed > LIMIT_HTTP_HEAD_BYTES + FRAMING_BYTES + 8 * req->r.body.n)
        http_conn_refuse(c, 400, HEARTH_INVALID_REQUEST, "the chunks have more framing than content");
    else
        c->state = HTTP_BODY;
    return n;
}

/* Whether what begins here can still become a request: a TLS hello or noise is refused at its first byte. */
static bool may_be_head(const char *p, size_t n)
{
    while (n > 0 && (*p == '\r' || *p == '\n')) {
        p++;
        n--;
    }
    return n == 0 || (*p >= 'A' && *p <= 'Z');
}

/* The next head, if it is whole. Returns false when there is nothing to execute now. */
static bool begin_head(http_conn *c, const char *p, size_t n)
{
    if (stream_queued(&c->h.stream) > CHOKE_BYTES) {
        c->is_choked = true;
        return false;
    }
    ptrdiff_t head = http_head_find(p, n);
    if (head < 0)
        http_conn_refuse(c, 400, HEARTH_INVALID_REQUEST, "a header is folded over several lines; write it in one");
    else if ((size_t)head > LIMIT_HTTP_HEAD_BYTES || (head == 0 && n > LIMIT_HTTP_HEAD_BYTES))
        http_conn_refuse(c, 431, HEARTH_TOO_LARGE, "the head of the request is over 16 KiB");
    else if (!may_be_head(p, n))
        http_conn_refuse(c, 400, HEARTH_INVALID_REQUEST, "this is not HTTP");
    if (head <= 0 || c->state != HTTP_READY)
        return false;
    begin_request(c);
    if (c->req)
        return true;
    http_conn_refuse(c, 503, HEARTH_NO_MEMORY, "out of memory");
    return false;
}

/* Returns how many bytes are done with. */
static size_t feed(http_conn *c, const char *p, size_t n)
{
    size_t at = 0;
    c->is_feeding = true;
    while (at < n && (c->state == HTTP_READY || c->state == HTTP_BODY)) {
        if (c->state == HTTP_READY && !begin_head(c, p + at, n - at))
            break;
        at += execute(c, p + at, n - at);
    }
    c->is_feeding = false;
    if (c->state == HTTP_WS && at < n)
        http_ws_feed(c, p + at, n - at);
    return c->state >= HTTP_WS ? n : at;
}

/* The read buffer goes back to the loop: whoever still looks at it gets a copy. */
static void keep_request(http_conn *c)
{
    if (c->req && c->state < HTTP_LINGER && !http_req_own(c->req)) {
        if (c->state == HTTP_ANSWER)
            http_conn_close(c);
        else
            http_conn_refuse(c, 503, HEARTH_NO_MEMORY, "out of memory");
    }
}

static void feed_waiting(http_conn *c)
{
    size_t used = feed(c, c->in.p, c->in.n);
    keep_request(c);
    hearth_buf_consume(&c->in, used < c->in.n ? used : c->in.n); /* an end of the connection has emptied it already */
    if (c->in.n == 0)
        hearth_buf_deinit(&c->in);
}

static void take(http_conn *c, const char *p, size_t n)
{
    if (c->state == HTTP_LINGER) {
        c->thrown += n;
        if (c->thrown > THROW_BYTES)
            http_conn_close(c);
        return;
    }
    if (c->in.n == 0) {
        size_t used = feed(c, p, n);
        keep_request(c);
        p += used;
        n -= used;
        if (n > 0 && hearth_buf_append(&c->in, p, n) < 0)
            http_conn_close(c);
    } else if (hearth_buf_append(&c->in, p, n) < 0) {
        http_conn_close(c);
    } else if (c->state < HTTP_ANSWER) {
        feed_waiting(c);
    }
    if (c->state <= HTTP_ANSWER && c->in.n >= HOLD_BYTES)
        set_reading(c, false);
    settle(c);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    http_conn *c = stream->data;
    if (n > 0) {
        take(c, buf->base, (size_t)n);
        return;
    }
    if (n == 0)
        return;
    set_reading(c, false);
    c->is_eof = true;
    if (c->state == HTTP_ANSWER && n == UV_EOF) {
        /* Closed, or only its sending half (nc -N): nobody can tell. The handler hears that it may stop; an answer that
         * is given all the same is still tried. */
        c->req->is_gone = true;
        if (c->req->on_gone)
            c->req->on_gone(c->req->gone_arg);
    } else if (c->state == HTTP_READY && n == UV_EOF && stream_queued(stream) > 0) {
        http_conn_linger(c); /* it asked, it wants the whole answer, and nothing more */
    } else if (c->state != HTTP_LINGER || n != UV_EOF || !c->shutdown) {
        http_conn_close(c);
    }
}

static void on_soon(void *arg)
{
    http_conn *c = arg;
    c->has_soon = false;
    if (c->state == HTTP_CLOSED && !c->req) {
        http_server *s = c->s;
        free(c);
        http_server_drop_record(s);
        return;
    }
    tell_drained(c);
    if (c->state == HTTP_READY && c->in.n > 0)
        feed_waiting(c);
    else if (c->state == HTTP_WS && c->in.n > 0) {
        hearth_buf in = c->in;
        hearth_buf_init(&c->in, in.cap);
        http_ws_feed(c, in.p, in.n);
        hearth_buf_deinit(&in);
    }
    if (c->state < HTTP_CLOSING) {
        set_reading(c, c->in.n < HOLD_BYTES);
        settle(c);
    }
}

void http_conn_soon(http_conn *c)
{
    if (c->has_soon || c->state >= HTTP_CLOSING)
        return;
    c->has_soon = true;
    loop_soon(c->s->l, on_soon, c);
}

void http_conn_next(http_conn *c, bool keep)
{
    if (!keep || c->is_eof || c->s->is_stopping) {
        http_conn_linger(c);
        return;
    }
    c->state = HTTP_READY;
    if (c->is_feeding)
        return; /* feed() goes on by itself */
    if (c->in.n > 0 || !c->is_reading)
        http_conn_soon(c);
    settle(c);
}

/* -- the end ---------------------------------------------------------------------------------------------------------------------- */

static void on_shutdown(uv_shutdown_t *request, int status)
{
    http_conn *c = request->data;
    free(request);
    c->shutdown = NULL;
    if (c->state >= HTTP_CLOSING)
        return;
    if (status < 0 || c->is_eof)
        http_conn_close(c);
    else
        settle(c);
}

void http_conn_linger(http_conn *c)
{
    if (c->state >= HTTP_LINGER)
        return;
    c->state = HTTP_LINGER;
    hearth_buf_deinit(&c->in);
    c->shutdown = malloc(sizeof *c->shutdown);
    if (!c->shutdown || (c->shutdown->data = c, uv_shutdown(c->shutdown, &c->h.stream, on_shutdown)) != 0) {
        free(c->shutdown);
        c->shutdown = NULL;
        http_conn_close(c);
        return;
    }
    set_reading(c, true);
    settle(c);
}

void http_conn_refuse(http_conn *c, int status, hearth_code code, const char *message)
{
    hearth_buf body;
    char       head[256];
    if (!message || !*message)
        message = http_status_text(status);
    hearth_buf_init(&body, 4096);
    hearth_buf_puts(&body, "{\"error\":{\"message\":");
    hearth_json_put_string(&body, hearth_cstr(message));
    hearth_buf_printf(&body, ",\"type\":\"%s\",\"code\":\"%s\",\"param\":null}}", hearth_code_name(code), hearth_code_name(code));
    int        n = snprintf(head, sizeof head,
                            "HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %zu\r\ndate: "
                                   "%s\r\nconnection: close\r\n\r\n",
                            status, http_status_text(status), body.n, http_date(c->s));
    hearth_str parts[2] = { { head, (size_t)n }, hearth_buf_str(&body) };
    bool       is_head = c->req && c->req->has_no_body;
    http_req  *req = c->req;
    http_conn_write(c, parts, is_head ? 1 : 2, false);
    hearth_buf_deinit(&body);
    if (req && c->req == req && c->state < HTTP_CLOSING)
        http_req_free(req);
    http_conn_linger(c);
}

static void on_closed(uv_handle_t *handle)
{
    http_conn   *c = handle->data;
    http_server *s = c->s;
    http_req    *req = c->req;
    c->state = HTTP_CLOSED;
    if (c->prev)
        c->prev->next = c->next;
    else
        s->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    s->conn_count--;
    hearth_buf_deinit(&c->in);
    if (c->ws)
        http_ws_is_gone(c);
    bool had_soon = c->has_soon;
    c->has_soon = true; /* the handler may end its request right here; the record must survive that */
    if (req && !req->is_gone) {
        req->is_gone = true;
        if (req->on_gone)
            req->on_gone(req->gone_arg);
    }
    c->has_soon = had_soon;
    if (!c->req && !c->has_soon) {
        free(c);
        http_server_drop_record(s);
    }
    http_server_drop_handle(s);
}

void http_conn_close(http_conn *c)
{
    if (c->state >= HTTP_CLOSING)
        return;
    bool is_with_handler = c->state == HTTP_ANSWER;
    c->state = HTTP_CLOSING;
    http_wait_set(c, HTTP_WAIT_NONE);
    if (c->req && !is_with_handler)
        http_req_free(c->req);
    uv_close((uv_handle_t *)&c->h, on_closed);
}
