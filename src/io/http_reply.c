/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* http_reply: requests as handlers see them, and the answers they give.
 *
 * An answer is one writev: the head is put together in the server's own buffer, the body is passed as it is. A chunk of
 * a stream is one writev too: size, bytes, end. Content-Length, Transfer-Encoding, Connection and Date are ours; what a
 * handler says about them is left out, and so is a header with a line break in it, which would be an answer that the
 * handler's input has written.
 *
 * A request ends exactly once, in finish(). Its connection may be long gone by then; the record waits for it. */
#include "io/http_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* -- the request record --------------------------------------------------------------------------------------------------- */

http_req *http_req_new(http_conn *c)
{
    http_server *s = c->s;
    http_req    *req = s->spare_req ? s->spare_req : malloc(sizeof *req);
    s->spare_req = NULL;
    if (!req)
        return NULL;
    memset(req, 0, sizeof *req);
    req->headers = s->spare_headers ? s->spare_headers : malloc(LIMIT_HTTP_HEADERS * sizeof *req->headers);
    s->spare_headers = NULL;
    if (!req->headers) {
        free(req);
        return NULL;
    }
    req->c = c;
    hearth_buf_init(&req->body, s->options.max_body);
    return req;
}

static void drop_headers(http_req *req)
{
    http_server *s = req->c->s;
    if ((char *)req->headers == req->owned)
        return;
    if (s->spare_headers)
        free(req->headers);
    else
        s->spare_headers = req->headers;
}

void http_req_free(http_req *req)
{
    http_server *s = req->c->s;
    drop_headers(req);
    free(req->owned);
    free(req->path);
    hearth_buf_deinit(&req->body);
    req->c->req = NULL;
    if (s->spare_req)
        free(req);
    else
        s->spare_req = req;
}

static hearth_str move(char **to, hearth_str s)
{
    char *at = *to;
    if (s.n > 0)
        memcpy(at, s.p, s.n);
    *to += s.n;
    return (hearth_str){ at, s.n };
}

bool http_req_own(http_req *req)
{
    http_request *r = &req->r;
    if (r->body.n > 0 && r->body.p != req->body.p) {
        if (hearth_buf_put(&req->body, r->body) < 0)
            return false;
        r->body = hearth_buf_str(&req->body);
    }
    if (req->owned || !req->has_head)
        return true;
    size_t n = r->target.n;
    for (size_t i = 0; i < r->header_count; i++)
        n += req->headers[i].name.n + req->headers[i].value.n;
    size_t         table = r->header_count * sizeof *req->headers;
    hearth_header *headers = malloc(table + n + 1);
    if (!headers)
        return false;
    char      *to = (char *)headers + table;
    hearth_str target = move(&to, r->target);
    for (size_t i = 0; i < r->header_count; i++) {
        headers[i].name = move(&to, req->headers[i].name);
        headers[i].value = move(&to, req->headers[i].value);
    }
    /* Path and query are parts of the target, unless the path had to be decoded. */
    if (!req->path)
        r->path.p = target.p + (r->path.p - r->target.p);
    if (r->query.p)
        r->query.p = target.p + (r->query.p - r->target.p);
    r->target = target;
    drop_headers(req);
    req->owned = (char *)headers;
    req->headers = headers;
    r->headers = headers;
    return true;
}

const http_request *http_request_of(const http_req *req) { return &req->r; }

void *http_user(const http_req *req) { return req->user; }

void http_set_user(http_req *req, void *user) { req->user = user; }

void http_on_gone(http_req *req, loop_fn fn, void *arg)
{
    req->on_gone = fn;
    req->gone_arg = arg;
}

bool http_is_gone(const http_req *req) { return req->is_gone || req->c->state >= HTTP_CLOSING; }

/* -- heads ----------------------------------------------------------------------------------------------------------------- */

const char *http_status_text(int status)
{
    static const struct {
        int         status;
        const char *text;
    } known[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 202, "Accepted" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 303, "See Other" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 406, "Not Acceptable" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 410, "Gone" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 417, "Expectation Failed" },
        { 421, "Misdirected Request" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 499, "Client Closed Request" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < HEARTH_COUNT(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return "Status";
}

static bool is_ours(hearth_str name)
{
    static const hearth_str ours[] = {
        { "content-length", 14 }, { "transfer-encoding", 17 }, { "connection", 10 }, { "date", 4 }
    };
    for (size_t i = 0; i < HEARTH_COUNT(ours); i++)
        if (name.n == ours[i].n && strncasecmp(name.p, ours[i].p, name.n) == 0)
            return true;
    return false;
}

static bool has_break(hearth_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
            return true;
    return false;
}

static void put_size(hearth_buf *out, size_t n)
{
    char  digits[24];
    char *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    hearth_buf_append(out, at, (size_t)(digits + sizeof digits - at));
}

/* Status line and headers, up to but without the line that ends them. */
static void put_head(http_req *req, int status, const hearth_header *headers, size_t n)
{
    hearth_buf *out = &req->c->s->out;
    hearth_buf_reset(out);
    if (status < 100 || status > 999)
        status = 500;
    if (status == 200) {
        hearth_buf_put(out, HEARTH_STR("HTTP/1.1 200 OK\r\n"));
    } else {
        hearth_buf_put(out, HEARTH_STR("HTTP/1.1 "));
        put_size(out, (size_t)status);
        hearth_buf_putc(out, ' ');
        hearth_buf_puts(out, http_status_text(status));
        hearth_buf_put(out, HEARTH_STR("\r\n"));
    }
    for (size_t i = 0; i < n; i++) {
        if (is_ours(headers[i].name) || has_break(headers[i].name) || has_break(headers[i].value))
            continue;
        hearth_buf_put(out, headers[i].name);
        hearth_buf_put(out, HEARTH_STR(": "));
        hearth_buf_put(out, headers[i].value);
        hearth_buf_put(out, HEARTH_STR("\r\n"));
    }
    hearth_buf_put(out, HEARTH_STR("date: "));
    hearth_buf_puts(out, http_date(req->c->s));
    hearth_buf_put(out, HEARTH_STR("\r\n"));
    if (status == 204 || status == 304 || status < 200)
        req->has_no_body = true;
    if (!req->keep || req->c->s->is_stopping)
        hearth_buf_put(out, HEARTH_STR("connection: close\r\n"));
    else if (req->is_old)
        hearth_buf_put(out, HEARTH_STR("connection: keep-alive\r\n"));
}

/* -- answers ------------------------------------------------------------------------------------------------------------------ */

static void finish(http_req *req)
{
    http_conn   *c = req->c;
    http_server *s = c->s;
    bool         keep = req->keep;
    http_req_free(req);
    if (c->state == HTTP_ANSWER) {
        http_conn_next(c, keep);
    } else if (c->state == HTTP_CLOSED && !c->has_soon) {
        free(c);
        http_server_drop_record(s);
    }
}

static void reply(http_req *req, int status, const hearth_header *headers, size_t n, hearth_str body, bool is_static)
{
    hearth_buf *out = &req->c->s->out;
    if (req->has_started) { /* a second answer has no place any more */
        http_end(req);
        return;
    }
    if (req->c->state == HTTP_ANSWER) {
        put_head(req, status, headers, n);
        if (status >= 200 && status != 204 && status != 304) {
            hearth_buf_put(out, HEARTH_STR("content-length: "));
            put_size(out, body.n);
            hearth_buf_put(out, HEARTH_STR("\r\n"));
        }
        hearth_buf_put(out, HEARTH_STR("\r\n"));
        hearth_str parts[2] = { hearth_buf_str(out), body };
        bool       has_body = !req->has_no_body && body.n > 0;
        if (out->failed)
            http_conn_close(req->c);
        else
            http_conn_write(req->c, parts, has_body ? 2 : 1, has_body && is_static);
    }
    finish(req);
}

void http_reply(http_req *req, int status, const hearth_header *headers, size_t n, hearth_str body)
{
    reply(req, status, headers, n, body, false);
}

void http_reply_static(http_req *req, int status, const hearth_header *headers, size_t n, hearth_str body)
{
    reply(req, status, headers, n, body, true);
}

void http_start(http_req *req, int status, const hearth_header *headers, size_t n)
{
    hearth_buf *out = &req->c->s->out;
    if (req->has_started || req->c->state != HTTP_ANSWER) {
        req->has_started = true;
        return;
    }
    req->has_started = true;
    if (req->is_old)
        req->keep = false; /* its end can only be told by closing */
    put_head(req, status, headers, n);
    req->is_chunked = !req->is_old && !req->has_no_body;
    if (req->is_chunked)
        hearth_buf_put(out, HEARTH_STR("transfer-encoding: chunked\r\n"));
    hearth_buf_put(out, HEARTH_STR("\r\n"));
    hearth_str head = hearth_buf_str(out);
    if (out->failed)
        http_conn_close(req->c);
    else
        http_conn_write(req->c, &head, 1, false);
}

hearth_code http_write(http_req *req, hearth_str bytes)
{
    if (http_is_gone(req) || !req->has_started)
        return HEARTH_CANCELLED;
    if (bytes.n == 0 || req->has_no_body)
        return HEARTH_OK; /* an empty chunk would be the end */
    size_t queued = http_queued(req);
    if (queued > 0 && queued + bytes.n > LIMIT_HTTP_QUEUE_BYTES)
        return HEARTH_BUSY;
    char       size[20];
    int        n = snprintf(size, sizeof size, "%zx\r\n", bytes.n);
    hearth_str chunk[3] = { { size, (size_t)n }, bytes, HEARTH_STR("\r\n") };
    bool       is_sent =
        req->is_chunked ? http_conn_write(req->c, chunk, 3, false) : http_conn_write(req->c, &bytes, 1, false);
    return is_sent ? HEARTH_OK : HEARTH_CANCELLED;
}

void http_end(http_req *req)
{
    static const hearth_str last = { "0\r\n\r\n", 5 };
    if (!req->has_started) {
        reply(req, 500, NULL, 0, HEARTH_STR(""), true);
        return;
    }
    if (req->is_chunked && req->c->state == HTTP_ANSWER)
        http_conn_write(req->c, &last, 1, false);
    finish(req);
}

size_t http_queued(const http_req *req) { return req->c->state < HTTP_CLOSING ? stream_queued(&req->c->h.stream) : 0; }

void http_on_drain(http_req *req, loop_fn fn, void *arg)
{
    req->on_drain = fn;
    req->drain_arg = arg;
    if (fn && http_queued(req) == 0)
        http_conn_soon(req->c);
}
